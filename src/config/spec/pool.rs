//! `[pool.NAME]`, `[[pool.NAME.endpoint]]` and `[defaults.pool]`.

use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use super::text;
use crate::config::toml::{Cell, Choice, Given, Key, Table};
use crate::dns::Name;
use crate::model::pool::{AllDown, DualStack, Failback, FailbackMode, Filter};

/// Endpoints that a pool can have; an answer looks at each of them. As many as policies draw from.
pub const ENDPOINTS_MAX: usize = 256;
/// Addresses that one endpoint can have, of both families. As many as policies draw from.
pub const ADDRESSES_MAX: usize = 16;

/// To a week: whoever waits longer wants `mode = "manual"`.
const HOLD: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(7 * 86_400);
/// More addresses than fit into any answer over UDP.
const ANSWERS: RangeInclusive<usize> = 0..=255;

const FILTERS: Choice<Filter> = Choice {
    words: &[
        ("priority", Filter::Priority),
        ("weight", Filter::Weight),
        ("sticky", Filter::Sticky),
        ("shuffle", Filter::Shuffle),
    ],
    later: &["latency", "geo"],
};
const ALL_DOWN: Choice<AllDown> = Choice {
    words: &[
        ("last-good", AllDown::LastGood),
        ("all", AllDown::All),
        ("static", AllDown::Static),
        ("nodata", AllDown::Nodata),
    ],
    later: &[],
};
const DUAL_STACK: Choice<DualStack> =
    Choice { words: &[("apart", DualStack::Apart), ("together", DualStack::Together)], later: &[] };
const MODE: Choice<FailbackMode> =
    Choice { words: &[("auto", FailbackMode::Auto), ("manual", FailbackMode::Manual)], later: &[] };

/// The keys of a pool that `[defaults.pool]` may say for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PoolHabits {
    pub(crate) policy: Key<Vec<Filter>>,
    pub(crate) ttl: Key<u32>,
    pub(crate) ttl_suspect: Key<u32>,
    pub(crate) answers: Key<usize>,
    pub(crate) all_down: Key<AllDown>,
    pub(crate) failback: Key<Failback>,
    pub(crate) min_healthy: Key<usize>,
    pub(crate) dual_stack: Key<DualStack>,
}

impl PoolHabits {
    /// These keys, and the defaults' where one is absent.
    pub(crate) fn or(self, defaults: &Self) -> Self {
        let Self { policy, ttl, ttl_suspect, answers, all_down, failback, min_healthy, dual_stack } = self;
        Self {
            policy: policy.or(&defaults.policy),
            ttl: ttl.or(&defaults.ttl),
            ttl_suspect: ttl_suspect.or(&defaults.ttl_suspect),
            answers: answers.or(&defaults.answers),
            all_down: all_down.or(&defaults.all_down),
            failback: failback.or(&defaults.failback),
            min_healthy: min_healthy.or(&defaults.min_healthy),
            dual_stack: dual_stack.or(&defaults.dual_stack),
        }
    }

    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self {
            policy: table.take("policy", policy),
            ttl: table.take("ttl", |cell| cell.ttl()),
            ttl_suspect: table.take("ttl_suspect", |cell| cell.ttl()),
            answers: table.take("answers", |cell| cell.integer(&ANSWERS)),
            all_down: table.take("all_down", |cell| cell.choice(&ALL_DOWN)),
            failback: table.take("failback", failback),
            min_healthy: table.take("min_healthy", |cell| cell.integer(&(1..=255))),
            dual_stack: table.take("dual_stack", |cell| cell.choice(&DUAL_STACK)),
        }
    }
}

/// The keys of a pool.
pub(crate) struct PoolSpec {
    pub(crate) name: Given<String>,
    /// The header.
    pub(crate) at: Range<usize>,
    pub(crate) names: Key<Vec<Given<Name>>>,
    pub(crate) check: Key<String>,
    pub(crate) habits: PoolHabits,
    pub(crate) endpoints: Vec<EndpointSpec>,
    /// Some `endpoint` was there, right or wrong.
    pub(crate) has_endpoints: bool,
}

/// The keys of an endpoint.
pub(crate) struct EndpointSpec {
    /// The header.
    pub(crate) at: Range<usize>,
    pub(crate) name: Key<String>,
    pub(crate) region: Key<String>,
    pub(crate) address: Key<Vec<Given<IpAddr>>>,
    pub(crate) check_address: Key<Target>,
    pub(crate) priority: Key<u32>,
    pub(crate) weight: Key<u32>,
    pub(crate) check: Key<String>,
}

/// `ADDR` or `ADDR:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) ip: IpAddr,
    pub(crate) port: Option<u16>,
}

pub(super) fn read_pool(name: Given<String>, mut table: Table<'_>, zone: &Name) -> PoolSpec {
    let names = table.require("names", |cell| match cell.value.as_str() {
        Some(_) => cell.one_or_more(|cell| text::owner_name(cell, zone)),
        None => cell.list(|cell| text::owner_name(cell, zone)),
    });
    let check = table.take("check", |cell| cell.full_text().map(str::to_owned));
    let habits = PoolHabits::read(&mut table);
    let (has_endpoints, mut tables) =
        table.each("endpoint", |i| format!("endpoint {} of pool \"{}\"", i + 1, name.value));
    if let Some(first) = tables.get(ENDPOINTS_MAX) {
        let message = format!("pool \"{}\" has {} endpoints, allowed are {ENDPOINTS_MAX}", name.value, tables.len());
        let fault = first.file.error("pool-too-many-endpoints", first.at.clone(), message);
        first.file.push(fault.label("the first over the limit").help("an endpoint can have several addresses"));
        tables.truncate(ENDPOINTS_MAX);
    }
    let endpoints = tables.into_iter().map(read_endpoint).collect();
    table.not_yet(&["route", "answer"]);
    for (key, help) in [
        ("endpoints", "an endpoint is a table of its own: [[pool.NAME.endpoint]]"),
        ("address", "addresses are an endpoint's: [[pool.NAME.endpoint]]"),
        ("interval", "how often is a check's: [check.NAME]"),
        ("hold", "write failback = { hold = \"...\" }"),
    ] {
        table.hint(key, help);
    }
    let at = table.at.clone();
    table.finish();
    PoolSpec { name, at, names, check, habits, endpoints, has_endpoints }
}

fn read_endpoint(mut table: Table<'_>) -> EndpointSpec {
    let name = table.require("name", text::label);
    if let Some(name) = name.value() {
        table.what = format!("endpoint \"{name}\"");
    }
    let spec = EndpointSpec {
        at: table.at.clone(),
        name,
        region: table.take("region", text::label),
        address: table.require("address", addresses),
        check_address: table.take("check_address", target),
        priority: table.take("priority", |cell| cell.integer(&(0..=65_535))),
        weight: table.take("weight", |cell| cell.integer(&(0..=65_535))),
        check: table.take("check", |cell| cell.full_text().map(str::to_owned)),
    };
    table.not_yet(&["location"]);
    table.hint("addresses", "write address = [\"...\", \"...\"]");
    table.hint("port", "answers have no port; the one that is checked is the check's");
    table.finish();
    spec
}

fn addresses(cell: &Cell<'_>) -> Option<Vec<Given<IpAddr>>> {
    let list = cell.one_or_more(text::address)?;
    let Some(first) = list.get(ADDRESSES_MAX) else { return Some(list) };
    let message = format!("an endpoint has {} addresses, allowed are {ADDRESSES_MAX}", list.len());
    let fault = cell.file.error("endpoint-too-many-addresses", first.at.clone(), message);
    cell.fail(fault.label("the first over the limit").help("a pool can have several endpoints"))
}

fn target(cell: &Cell<'_>) -> Option<Target> {
    let text = cell.full_text()?;
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let target = match (bare.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(ip), _) => Target { ip, port: None },
        (_, Ok(address)) if address.port() != 0 => Target { ip: address.ip(), port: Some(address.port()) },
        _ => {
            let fault = cell.error("bad-address", format!("\"check_address\": \"{text}\" is not an address"));
            return cell.fail(
                fault.help("write \"10.1.0.10\", \"10.1.0.10:8443\", \"2001:db8::1\" or \"[2001:db8::1]:8443\""),
            );
        }
    };
    text::unicast(cell, target.ip).map(|_| target)
}

fn policy(cell: &Cell<'_>) -> Option<Vec<Filter>> {
    let filters = cell.list(|cell| cell.choice(&FILTERS))?;
    let mut sound = true;
    for (i, filter) in filters.iter().enumerate() {
        let word = |filter: Filter| FILTERS.words.iter().find(|(_, f)| *f == filter).map_or("", |(word, _)| *word);
        let this = word(filter.value);
        if filters[..i].iter().any(|before| before.value == filter.value) {
            let fault = cell.file.error("policy-duplicate", filter.at.clone(), format!("policy has \"{this}\" twice"));
            cell.file.push(fault.label("has no effect again"));
            sound = false;
        } else if filter.value != Filter::Priority && i + 1 < filters.len() {
            let next = word(filters[i + 1].value);
            let message = format!("policy has \"{next}\" after \"{this}\", which leaves nothing to narrow");
            let fault = cell.file.error("policy-order", filter.at.clone(), message).label("can only be the last");
            cell.file.push(fault.help("weight, sticky and shuffle each choose: one of them, at the end"));
            sound = false;
        }
    }
    sound.then(|| filters.into_iter().map(|filter| filter.value).collect())
}

fn failback(cell: &Cell<'_>) -> Option<Failback> {
    if let Some(word) = cell.value.as_str() {
        let word = if word == "manual" { "manual" } else { "auto" };
        return cell.fail(cell.wrong_type("a table").label(format!("write {{ mode = \"{word}\" }}")));
    }
    let mut table = cell.table("failback")?;
    let mode = table.take("mode", |cell| cell.choice(&MODE));
    let hold = table.take("hold", |cell| cell.duration(&HOLD));
    table.finish();
    if let (Some(FailbackMode::Manual), Some(at)) = (mode.value(), hold.at()) {
        let fault = cell.file.error("failback-hold", at, "\"hold\" has no effect with mode = \"manual\"");
        return cell.fail(fault.help("manual waits until it is told, however long that is"));
    }
    if mode.is_wrong() || hold.is_wrong() {
        return None;
    }
    Some(Failback { mode: mode.unwrap_or(FailbackMode::Auto), hold: hold.unwrap_or(Duration::ZERO) })
}
