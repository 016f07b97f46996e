//! The alert rules, the dashboard and the README speak of metrics that are there, by labels that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;

use crate::support::endpoint::Behaviour;
use crate::support::scrape::Scrape;
use crate::support::until;
use crate::watched::{EAST, POOL, Watched};

/// What Prometheus and its functions add to every series, or to histograms.
const ADDED: [&str; 3] = ["instance", "job", "le"];

fn path(inner: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(inner)
}

fn read(inner: &str) -> String {
    std::fs::read_to_string(path(inner)).unwrap()
}

/// A scrape in which everything is that can be: a failover, an override, a sink.
fn full() -> Scrape {
    let watched = Watched::start();
    watched.east.set(Behaviour::status(503));
    watched.force("drain");
    let changed = |scrape: &Scrape| scrape.find("pharos_pool_answer_changed_timestamp_seconds", &POOL).is_some();
    until("the answer has changed", || changed(&watched.scrape()));
    until("the endpoint is down", || watched.scrape().value("pharos_endpoint_up", &EAST) == 0.0);
    watched.scrape()
}

/// Whether the program is there; where it is not, the test says so and proves nothing.
fn has_promtool() -> bool {
    let there = Command::new("promtool").arg("--version").output().is_ok();
    if !there {
        eprintln!("left out: no promtool (Debian: apt-get install prometheus)");
    }
    there
}

#[test]
fn promtool_finds_nothing_to_say_of_a_scrape() {
    if !has_promtool() {
        return;
    }
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(full().text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.is_empty(), "{said}");
}

#[test]
fn promtool_accepts_the_rules_and_their_tests() {
    if !has_promtool() {
        return;
    }
    for arguments in [["check", "rules", "pharos.rules.yml"], ["test", "rules", "pharos.rules.test.yml"]] {
        let done = Command::new("promtool").args(arguments).current_dir(path("deploy/prometheus")).output().unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success() && said.contains("SUCCESS"), "{said}");
    }
    let rules = read("deploy/prometheus/pharos.rules.yml");
    let tests = read("deploy/prometheus/pharos.rules.test.yml");
    for rule in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let fires = format!("alertname: {rule}\n");
        let tested = tests.split(&fires).skip(1).any(|after| {
            let own = after.split("alertname:").next().unwrap();
            own.contains("exp_labels")
        });
        assert!(tested, "no test in which {rule} fires");
    }
}

/// Metrics that an expression names, each with the labels that its matchers name.
fn named(expr: &str) -> Vec<(String, Vec<String>)> {
    let metric = Regex::new(r"\b((?:pharos|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?").unwrap();
    let matcher = Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)\s*""#).unwrap();
    let labels = |text: &str| matcher.captures_iter(text).map(|found| found[1].to_owned()).collect();
    metric
        .captures_iter(expr)
        .map(|found| (found[1].to_owned(), found.get(2).map_or_else(Vec::new, |m| labels(m.as_str()))))
        .collect()
}

/// Labels that it groups or matches by.
fn grouped(expr: &str) -> Vec<String> {
    let groups = Regex::new(r"\b(?:by|on|group_left|without|ignoring)\s*\(([^)]*)\)").unwrap();
    let lists = groups.captures_iter(expr).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    lists
        .iter()
        .flat_map(|list| list.split(',').map(|label| label.trim().to_owned()))
        .filter(|l| !l.is_empty())
        .collect()
}

/// Labels that a text for people refers to.
fn shown(text: &str) -> Vec<String> {
    let label = Regex::new(r"\{\{\s*([a-z_]+)\s*\}\}|\$labels\.([a-z_]+)").unwrap();
    label.captures_iter(text).map(|found| found.get(1).or(found.get(2)).unwrap().as_str().to_owned()).collect()
}

/// Holds an expression, and the texts made of its result, to what is there.
#[track_caller]
fn check(what: &str, expr: &str, texts: &[&str], names: &BTreeMap<String, BTreeSet<String>>) {
    let metrics = named(expr);
    assert!(!metrics.is_empty() || expr.contains("up{job=\"pharos\"}"), "{what}: {expr}");
    let mut known: BTreeSet<&str> = ADDED.into();
    for (metric, labels) in &metrics {
        let own = names.get(metric).unwrap_or_else(|| panic!("{what}: no metric {metric}"));
        for label in labels {
            assert!(own.contains(label) || ADDED.contains(&label.as_str()), "{what}: {metric} has no label {label}");
        }
        known.extend(own.iter().map(String::as_str));
    }
    let used = grouped(expr).into_iter().chain(texts.iter().flat_map(|text| shown(text)));
    for label in used {
        assert!(known.contains(label.as_str()), "{what}: nothing has a label {label}");
    }
}

#[test]
fn the_rules_and_the_dashboard_speak_of_what_is_there() {
    let names = full().names();
    let rules = read("deploy/prometheus/pharos.rules.yml");
    let mut count = 0;
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let (_, rest) = rule.split_once("expr:").unwrap();
        let (expr, rest) = rest.split_once("labels:").unwrap();
        check(name, expr, &[rest.split("\n  - name:").next().unwrap()], &names);
        count += 1;
    }
    assert!(count > 15, "{count} rules");
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/pharos.json")).unwrap();
    let mut queries = 0;
    let all =
        dashboard["panels"].as_array().unwrap().iter().chain(dashboard["annotations"]["list"].as_array().unwrap());
    for panel in all {
        let title = panel["title"].as_str().or(panel["name"].as_str()).unwrap();
        let own = panel.get("expr").map(|_| panel);
        for target in panel["targets"].as_array().into_iter().flatten().chain(own) {
            let text = |key: &str| target[key].as_str().unwrap_or_default();
            check(title, text("expr"), &[text("legendFormat"), text("titleFormat")], &names);
            queries += 1;
        }
    }
    assert!(queries > 30, "{queries} queries");
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            let (metric, label) =
                query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap().split_once(", ").unwrap();
            assert!(names[metric].contains(label) || ADDED.contains(&label), "{query}");
        }
    }
}

/// The rows of a table of all metrics: name, type, labels, meaning.
fn rows(scrape: &Scrape) -> Vec<String> {
    let names = scrape.names();
    let heads = scrape.text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let mut rows = Vec::new();
    for (name, help) in heads {
        let kind = scrape.text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        let own = names.get(name).or_else(|| names.get(&format!("{name}_count"))).unwrap();
        let labels: Vec<String> = own.iter().map(|label| format!("`{label}`")).collect();
        rows.push(format!("| `{name}` | {kind} | {} | {help} |", labels.join(" ")));
    }
    rows.sort();
    rows
}

#[test]
fn readme_has_every_metric_as_it_is() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n### Metrics\n").unwrap_or_else(|| panic!("README has no section Metrics"));
    let section = section.split("\n## ").next().unwrap();
    let told: Vec<&str> = section
        .lines()
        .filter(|line| ["| `pharos_", "| `process_"].iter().any(|start| line.starts_with(start)))
        .collect();
    let there = rows(&full());
    assert_eq!(told, there, "the rows as they should be:\n{}", there.join("\n"));
}
