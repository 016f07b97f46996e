//! `/metrics` of a node, taken apart.

use std::collections::{BTreeMap, BTreeSet};

use super::http::Call;
use super::node::Node;

/// Labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// One scrape.
pub struct Scrape {
    pub text: String,
    samples: Vec<(String, Labels, f64)>,
}

impl Scrape {
    /// Of a node without tokens.
    #[track_caller]
    pub fn of(node: &Node) -> Self {
        let reply = Call::get("/metrics").ask(node);
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("text/plain; version=0.0.4; charset=utf-8"))
        );
        let samples = reply.body.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
        Self { text: reply.body, samples }
    }

    /// The samples of a name that have these labels, and maybe others.
    pub fn all<'a>(&'a self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = (&'a Labels, f64)> {
        let has = move |own: &Labels| labels.iter().all(|(k, v)| own.get(*k).is_some_and(|own| own == v));
        self.samples.iter().filter(move |(own, l, _)| own == name && has(l)).map(|(_, l, value)| (l, *value))
    }

    /// The one sample; none where there is none.
    #[track_caller]
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found: Vec<_> = self.all(name, labels).collect();
        assert!(found.len() <= 1, "{name}{labels:?}: {found:?}");
        found.first().map(|(_, value)| *value)
    }

    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("no {name}{labels:?} in\n{}", self.text))
    }

    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|(_, value)| value).sum()
    }

    /// Series of counters that are lower than they were.
    pub fn falls_since(&self, before: &Self) -> Vec<String> {
        let counters = self.samples.iter().filter(|(name, ..)| name.ends_with("_total"));
        let key = |(name, labels, _): &(String, Labels, f64)| (name.clone(), labels.clone());
        let before: BTreeMap<_, _> = before.samples.iter().map(|sample| (key(sample), sample.2)).collect();
        let fallen = counters.filter_map(|sample| {
            let before = before.get(&key(sample)).filter(|before| sample.2 < **before)?;
            Some(format!("{}{:?}: {} after {before}", sample.0, sample.1, sample.2))
        });
        fallen.collect()
    }

    /// Every name, with the labels that its samples have.
    pub fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, labels, _) in &self.samples {
            names.entry(name.clone()).or_default().extend(labels.keys().cloned());
        }
        names
    }
}

/// `name{label="value",...} 1`. No value in these tests holds a comma or a quote.
fn sample(line: &str) -> (String, Labels, f64) {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let (name, labels) = head.strip_suffix('}').and_then(|head| head.split_once('{')).unwrap_or((head, ""));
    let label = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{line}"));
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    let labels = labels.split(',').filter(|pair| !pair.is_empty()).map(label).collect();
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("{line}")))
}
