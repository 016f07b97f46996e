//! What differs between two loads of the files, key by key, in the words of the files.

use std::fmt;
use std::sync::Arc;

use crate::dns::Name;
use crate::model::EndpointName;
use crate::model::check::{Ask, BodyMatch, Cadence, HttpAsk, Probe, Tls, Watch};
use crate::model::node::Node;
use crate::model::pool::{Address, AllDown, DualStack, Endpoint, Failback, FailbackMode, Filter, Pool, PoolId};

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub how: How,
    /// What.
    pub what: What,
    /// Its keys that are other than before, where it was there before and is still.
    pub details: Vec<Detail>,
}

/// A key that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// As the files have it: `weight`, `check.path`.
    pub key: &'static str,
    /// What it was; none where it was not set.
    pub before: Option<String>,
    /// What it is; none where it is not set.
    pub after: Option<String>,
}

/// How a thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is other than before.
    Changed,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A zone; changed: its static records.
    Zone(Name),
    /// A pool; changed: its own settings.
    Pool(PoolId),
    /// An endpoint of a pool that was there before.
    Endpoint(PoolId, EndpointName),
    /// The node itself.
    Node,
    /// A `[notify.NAME]`. What changed of it is not told: it may be an address with a secret in it.
    Sink(Arc<str>),
    /// A `[drill.NAME]`.
    Drill(Arc<str>),
}

impl fmt::Display for Change {
    /// `pool app.example.com/app changed (ttl 10 -> 30)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Zone(zone) => write!(f, "zone {}", zone.bare()),
            What::Pool(pool) => write!(f, "pool {pool}"),
            What::Endpoint(pool, endpoint) => write!(f, "endpoint {endpoint} of {pool}"),
            What::Node => f.write_str("node"),
            What::Sink(name) => write!(f, "notify.{name}"),
            What::Drill(name) => write!(f, "drill.{name}"),
        }?;
        f.write_str(match self.how {
            How::Added => " added",
            How::Removed => " removed",
            How::Changed => " changed",
        })?;
        for (index, detail) in self.details.iter().enumerate() {
            write!(f, "{}{detail}", if index == 0 { " (" } else { ", " })?;
        }
        f.write_str(if self.details.is_empty() { "" } else { ")" })
    }
}

impl fmt::Display for Detail {
    /// `ttl 10 -> 30`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{} {} -> {}", self.key, or_none(&self.before), or_none(&self.after))
    }
}

/// A key and its value; none where it is not set.
type Keys = Vec<(&'static str, Option<String>)>;

/// The keys whose values differ; one that only one side has was not set on the other.
fn compare(before: Keys, after: Keys) -> Vec<Detail> {
    let of = |keys: &Keys, key| keys.iter().find(|(other, _)| *other == key).and_then(|(_, value)| value.clone());
    let mut names: Vec<_> = before.iter().map(|(key, _)| *key).collect();
    names.extend(after.iter().map(|(key, _)| *key).filter(|key| before.iter().all(|(other, _)| other != key)));
    let details = names.into_iter().map(|key| Detail { key, before: of(&before, key), after: of(&after, key) });
    details.filter(|detail| detail.before != detail.after).collect()
}

/// Keys of the node that take effect at once.
pub(super) fn node_details(before: &Node, after: &Node) -> Vec<Detail> {
    let keys = |node: &Node| -> Keys {
        vec![
            ("node.name", Some(node.name.to_string())),
            ("node.region", node.region.as_ref().map(ToString::to_string)),
            ("node.witness", Some(list(node.witness.iter()))),
        ]
    };
    compare(keys(before), keys(after))
}

/// Sinks and plans of drills that are other than before.
pub(super) fn named_changes(before: &Node, after: &Node) -> Vec<Change> {
    let sinks = changes_by_name(&before.sinks, &after.sinks, |sink| &sink.name, What::Sink);
    let drills = changes_by_name(&before.drills, &after.drills, |plan| &plan.name, What::Drill);
    sinks.into_iter().chain(drills).collect()
}

fn changes_by_name<T: PartialEq>(
    before: &[T],
    after: &[T],
    name: impl Fn(&T) -> &Arc<str>,
    what: impl Fn(Arc<str>) -> What,
) -> Vec<Change> {
    let change = |how, thing: &T| Change { how, what: what(Arc::clone(name(thing))), details: Vec::new() };
    let old = |thing: &T| before.iter().find(|old| name(old) == name(thing));
    let came = after.iter().filter_map(|new| match old(new) {
        None => Some(change(How::Added, new)),
        Some(old) if old != new => Some(change(How::Changed, new)),
        Some(_) => None,
    });
    let is_gone = |old: &&T| after.iter().all(|new| name(new) != name(old));
    let gone = before.iter().filter(is_gone).map(|old| change(How::Removed, old));
    came.chain(gone).collect()
}

/// Keys of a pool, its endpoints left out.
pub(super) fn pool_details(before: &Pool, after: &Pool) -> Vec<Detail> {
    compare(pool_keys(before), pool_keys(after))
}

/// Keys of an endpoint, and those of its checks.
pub(super) fn endpoint_details(before: &Endpoint, after: &Endpoint) -> Vec<Detail> {
    compare(endpoint_keys(before), endpoint_keys(after))
}

fn pool_keys(pool: &Pool) -> Keys {
    let Pool {
        name: _,
        names,
        policy,
        ttl,
        ttl_suspect,
        answers,
        all_down,
        failback: Failback { mode, hold },
        min_healthy,
        dual_stack,
        endpoints: _,
    } = pool;
    let all_down = match all_down {
        AllDown::LastGood => "last-good",
        AllDown::All => "all",
        AllDown::Static => "static",
        AllDown::Nodata => "nodata",
    };
    let mode = match mode {
        FailbackMode::Auto => "auto",
        FailbackMode::Manual => "manual",
    };
    let dual_stack = match dual_stack {
        DualStack::Apart => "apart",
        DualStack::Together => "together",
    };
    vec![
        ("names", Some(list(names.iter().map(Name::bare)))),
        ("policy", Some(list(policy.iter().map(|filter| filter_word(*filter))))),
        ("ttl", Some(ttl.to_string())),
        ("ttl_suspect", ttl_suspect.map(|ttl| ttl.to_string())),
        ("answers", Some(answers.to_string())),
        ("all_down", Some(all_down.to_owned())),
        ("failback.mode", Some(mode.to_owned())),
        ("failback.hold", Some(time(*hold))),
        ("min_healthy", Some(min_healthy.to_string())),
        ("dual_stack", Some(dual_stack.to_owned())),
    ]
}

fn filter_word(filter: Filter) -> &'static str {
    match filter {
        Filter::Priority => "priority",
        Filter::Weight => "weight",
        Filter::Sticky => "sticky",
        Filter::Shuffle => "shuffle",
    }
}

fn endpoint_keys(endpoint: &Endpoint) -> Keys {
    let Endpoint { name: _, region, addresses, priority, weight } = endpoint;
    let mut keys = vec![
        ("region", region.as_ref().map(ToString::to_string)),
        ("address", Some(list(addresses.iter().map(|address| address.ip)))),
        ("priority", Some(priority.to_string())),
        ("weight", Some(weight.to_string())),
    ];
    // The addresses of an endpoint have one check, which differs in what is connected to.
    let targets = addresses.iter().filter_map(|Address { ip: _, watch }| Some(watch.as_ref()?.probe.target));
    let mut targets: Vec<_> = targets.collect();
    targets.dedup();
    if let Some(watch) = addresses.iter().find_map(|address| address.watch.as_ref()) {
        keys.push(("check.target", Some(list(targets))));
        keys.extend(watch_keys(watch));
    }
    keys
}

fn watch_keys(watch: &Watch) -> Keys {
    let Watch { check, probe: Probe { target: _, timeout, ask }, cadence: Cadence { interval, fall, rise, recheck } } =
        watch;
    let mut keys = vec![
        ("check", Some(check.to_string())),
        ("check.interval", Some(time(*interval))),
        ("check.timeout", Some(time(*timeout))),
        ("check.fall", Some(fall.to_string())),
        ("check.rise", Some(rise.to_string())),
        ("check.recheck", Some(time(*recheck))),
    ];
    match ask {
        Ask::Tcp => keys.push(("check.type", Some("tcp".to_owned()))),
        Ask::Http(http) => keys.extend(http_keys(http)),
    }
    keys
}

fn http_keys(http: &HttpAsk) -> Keys {
    let HttpAsk { tls, method, path, host, headers, expect_status, expect_body, expect_json } = http;
    let mut keys = vec![
        ("check.type", Some(if tls.is_some() { "https" } else { "http" }.to_owned())),
        ("check.method", Some(method.clone())),
        ("check.path", Some(path.clone())),
        ("check.host", Some(host.clone())),
        // Their values may be secrets.
        ("check.headers", Some(list(headers.iter().map(|(name, _)| name)))),
        ("check.expect_status", Some(list(expect_status.iter().map(|(from, to)| format!("{from}-{to}"))))),
        (
            "check.expect_body",
            expect_body.as_ref().map(|body| match body {
                BodyMatch::Substring(text) => format!("{text:?}"),
                BodyMatch::Regex(text) => format!("regex {text:?}"),
            }),
        ),
        ("check.expect_json", Some(list(expect_json.iter().map(|(at, value)| format!("{at} = {value}"))))),
    ];
    if let Some(Tls { verify, ca }) = tls {
        keys.push(("check.verify", Some(verify.to_string())));
        keys.push((
            "check.ca_file",
            ca.as_ref().map(|(path, pem)| format!("{} ({} bytes)", path.display(), pem.len())),
        ));
    }
    keys
}

fn list<T: fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

fn time(duration: std::time::Duration) -> String {
    humantime::format_duration(duration).to_string()
}
