//! The line of a case that says what must come back.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::question::Question;
use super::reply::Reply;

/// What a reply must be; README.md has the notation.
pub(crate) struct Expect {
    rcode: String,
    flags: Vec<String>,
    sections: Vec<Section>,
}

enum Section {
    /// Not looked at.
    Any,
    /// Exactly one of these.
    OneOf(Vec<String>),
    /// All of these.
    All(Vec<String>),
}

impl Expect {
    /// `short` are the RRsets that have a name in this file.
    pub(crate) fn parse(text: &str, short: &HashMap<&str, &str>) -> Option<Self> {
        let mut parts = text.split('|').map(str::trim);
        let mut head = parts.next()?.split(' ').map(str::to_owned);
        let rcode = head.next()?;
        let sections = parts.take(3).map(|part| Section::parse(part, short)).collect::<Option<_>>()?;
        Some(Self { rcode, flags: head.collect(), sections })
    }

    /// Whether no reply may come.
    pub(crate) fn is_silent(&self) -> bool {
        self.rcode == "silent"
    }

    /// What is wrong with a reply. `lenient` leaves to a peer what is its choice.
    pub(crate) fn faults(&self, question: &Question, reply: Option<&Reply>, lenient: bool) -> Vec<String> {
        let Some(reply) = reply else {
            return if self.is_silent() { Vec::new() } else { vec!["no reply".into()] };
        };
        if self.is_silent() {
            return vec!["a reply".into()];
        }
        let mut out = Vec::new();
        if reply.rcode != self.rcode {
            out.push(format!("rcode {}", reply.rcode));
        }
        let wanted = self.flags.iter().filter(|flag| !flag.ends_with('?')).map(String::as_str);
        let flags: BTreeSet<&str> = reply.flags.iter().copied().chain(wanted).collect();
        for flag in flags {
            let got = reply.flags.contains(&flag);
            let want = self.flags.iter().any(|f| f == flag);
            if got != want && !self.flags.iter().any(|f| f.strip_suffix('?') == Some(flag)) {
                out.push(format!("{flag} is {}", if got { "set" } else { "clear" }));
            }
        }
        let repeats = !matches!(self.rcode.as_str(), "FORMERR" | "NOTIMP");
        if repeats && question.repeated.as_ref().is_some_and(|q| *q != reply.question) {
            out.push("the question is not repeated as it was".into());
        }
        let names = ["answer", "authority", "additional"];
        for (n, (section, name)) in self.sections.iter().zip(names).enumerate() {
            let got = match (n, lenient && !reply.sections[0].is_empty()) {
                (1, true) => section.without_apex(&reply.sections[1]),
                _ => reply.sections[n].clone(),
            };
            if !section.fits(&got, lenient, n == 2) {
                out.push(format!("{name} differs"));
            }
        }
        out
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rcode, self.flags.join(" "))?;
        for section in &self.sections {
            match section {
                Section::Any => write!(f, " | *")?,
                Section::OneOf(sets) => write!(f, " | one-of {}", sets.join(" ; "))?,
                Section::All(sets) => write!(f, " | {}", sets.join(" ; "))?,
            }
        }
        Ok(())
    }
}

impl Section {
    fn parse(text: &str, short: &HashMap<&str, &str>) -> Option<Self> {
        let sets = |text: &str| -> Option<Vec<String>> {
            let mut out = Vec::new();
            for set in text.split(" ; ").filter(|set| !set.is_empty()) {
                out.push(if set.starts_with('$') { (*short.get(set)?).to_owned() } else { set.to_owned() });
            }
            Some(out)
        };
        match text.strip_prefix("one-of ") {
            Some(rest) => sets(rest).map(Self::OneOf),
            None if text == "*" => Some(Self::Any),
            None => sets(text).map(Self::All),
        }
    }

    fn fits(&self, got: &[String], lenient: bool, is_additional: bool) -> bool {
        let as_sets = |wanted: &[String]| {
            wanted.len() == got.len() && wanted.iter().all(|want| got.iter().any(|have| same(want, have)))
        };
        match self {
            Self::Any => true,
            Self::OneOf(sets) => (got.len() == 1 && sets.contains(&got[0])) || (lenient && as_sets(sets)),
            Self::All(sets) if lenient && is_additional => sets.iter().all(|want| got.contains(want)),
            Self::All(sets) => as_sets(sets),
        }
    }

    /// Servers that are not brief add the NS RRset of the apex to positive answers.
    fn without_apex(&self, got: &[String]) -> Vec<String> {
        let is_ns = |set: &str| set.split(' ').nth(2) == Some("NS");
        let owner = |set: &str| set.split(' ').next().map(str::to_owned);
        let wanted: Vec<_> = match self {
            Self::All(sets) => sets.iter().filter(|set| is_ns(set)).map(|set| owner(set)).collect(),
            _ => Vec::new(),
        };
        got.iter().filter(|set| !is_ns(set) || wanted.contains(&owner(set))).cloned().collect()
    }
}

/// Data `*` stands for any one record.
fn same(want: &str, have: &str) -> bool {
    match want.strip_suffix('*') {
        Some(start) if start.ends_with(' ') => have.starts_with(start) && !have.contains(" , "),
        _ => want == have,
    }
}
