//! The node, what is the matter with it, and its pools.

use std::time::SystemTime;

use super::Screen;
use super::pool::{self, line, weight};
use super::words::{clock, count, left, length, since};
use crate::cli::paint::Mood;
use crate::cli::shape::{Override, Pool, Status};

/// So many pools are shown in full; of more, only those with something to tell, and the others in a line.
const WHOLE_MAX: usize = 5;

/// All of it; `only` narrows the pools to one, by its id.
pub(crate) fn node(screen: Screen, status: &Status, only: Option<&str>) -> String {
    let now = status.at.0;
    let mut text = head(screen, status, now);
    for (mood, notice) in notices(status, now) {
        text.push_str(&format!("{}\n", screen.mark(mood, &notice)));
    }
    let mut pools: Vec<(String, &Pool)> = status.pools().map(|(zone, pool)| (zone.id(pool), pool)).collect();
    pools.retain(|(id, _)| only.is_none_or(|only| only == id));
    // Stable: within a weight they keep the order of the files.
    pools.sort_by_key(|(_, pool)| weight(pool));
    let whole = pools.len() <= WHOLE_MAX;
    let mut lines = String::new();
    for (id, pool) in &pools {
        if whole || weight(pool) < 3 {
            text.push_str(&format!("\n{}", pool::pool(screen, id, pool, now)));
        } else {
            lines.push_str(&line(screen, id, pool));
        }
    }
    if !lines.is_empty() {
        text.push_str(&format!("\n{lines}\n`pharos status POOL` shows one in full.\n"));
    }
    text
}

/// `ns1 in us-east, pharos 0.1.0, up 3d 4h (2026-11-18 01:20 UTC)`, and the state of all in a line.
fn head(screen: Screen, status: &Status, now: SystemTime) -> String {
    let mut text = screen.mark(Mood::Strong, &status.node);
    if let Some(region) = &status.region {
        text.push_str(&format!(" in {region}"));
    }
    text.push_str(&format!(", pharos {}", status.version));
    if let Some(started) = status.started {
        let length = length(since(started.0, now));
        text.push_str(&format!(", up {length} (since {} UTC)", clock(started.0, now)));
    }
    let pools: Vec<_> = status.pools().map(|(_, pool)| pool).collect();
    let endpoints = pools.iter().map(|pool| pool.endpoints.len()).sum();
    let of_weight = |wanted: u8| pools.iter().filter(|pool| weight(pool) == wanted).count();
    let (dead, hurt, odd) = (of_weight(0), of_weight(1), of_weight(2));
    let mut said = Vec::new();
    if dead > 0 {
        said.push(format!("{} with NOTHING HEALTHY", count(dead, "pool")));
    }
    if hurt > 0 {
        said.push(format!("{} with something down", count(hurt, "pool")));
    }
    if odd > 0 {
        said.push(format!("{} with something odd", count(odd, "pool")));
    }
    let all = format!("{}, {}", count(pools.len(), "pool"), count(endpoints, "endpoint"));
    let (rest, mood) = match (pools.is_empty(), dead + hurt, odd) {
        (true, _, _) => return format!("{text}\n{}, no pool\n", count(status.zones.len(), "zone")),
        (_, 0, 0) => ("all well".to_owned(), Mood::Good),
        (_, 0, _) => (said.join(", "), Mood::Odd),
        _ => (said.join(", "), Mood::Bad),
    };
    format!("{text}\n{all}: {}\n", screen.mark(mood, &rest))
}

/// What is the matter with the node itself.
fn notices(status: &Status, now: SystemTime) -> Vec<(Mood, String)> {
    let mut all = Vec::new();
    if !status.ready {
        all.push((Mood::Bad, "NOT READY: its first checks have not ended, so it answers no queries yet".to_owned()));
    }
    let cut = match (status.isolated.ipv4, status.isolated.ipv6) {
        (true, true) => Some("IPv4 and IPv6"),
        (true, false) => Some("IPv4"),
        (false, true) => Some("IPv6"),
        (false, false) => None,
    };
    if let Some(families) = cut {
        let what = "every check fails and no witness answers: the fault is near the node, so its answers stay";
        all.push((Mood::Bad, format!("CUT OFF over {families}: {what}")));
    }
    if let Some(drill) = &status.drill {
        let until = drill.until.map(|until| format!(", until {} UTC", clock(until.0, now)));
        let (region, until) = (&drill.region, until.unwrap_or_default());
        let end = "to end it now: pharos drill stop";
        all.push((Mood::Odd, format!("DRILL {}: region {region} fails on purpose{until}; {end}", drill.id)));
    }
    all.extend(status.overrides.iter().map(|order| (Mood::Odd, format!("OVERRIDE: {}", self::order(order, now)))));
    if let Some(waits) = status.reload_waits {
        all.push((Mood::Plain, format!("A reload waits for the first check of {}", count(waits, "target"))));
    }
    all
}

/// `forced down`
pub(crate) fn forced(order: &Override) -> &'static str {
    match &*order.force {
        "up" => "forced up",
        "drain" => "drained",
        _ => "forced down",
    }
}

/// `endpoint us-east of app.example.com/app is forced down for 1h more (until 07:26:10 UTC), by alice@host 12m
/// ago (05:26:10): "deploy"`
pub(crate) fn order(order: &Override, now: SystemTime) -> String {
    let Override { scope, reason, author, set, expires, target: _, force: _ } = order;
    let what = forced(order);
    let until = match expires {
        Some(end) => {
            let left = length(left(end.0, now));
            format!("for {left} more (until {} UTC)", clock(end.0, now))
        }
        None => "until it is cleared".to_owned(),
    };
    format!("{scope} is {what} {until}, by {author} since {} UTC: \"{reason}\"", clock(set.0, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/status.json"));
    const SHOWN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/status.txt"));

    fn status() -> Status {
        serde_json::from_str(STATUS).expect("a status")
    }

    #[test]
    fn a_bad_night_reads_well() {
        let text = node(Screen::plain(), &status(), None);
        assert_eq!(text, SHOWN, "it says\n{text}");
    }

    #[test]
    fn one_pool_is_shown_alone() {
        let text = node(Screen::plain(), &status(), Some("app.example.com/app"));
        assert!(text.contains("\napp.example.com/app: ") && !text.contains("shop.example.com/shop"), "{text}");
    }

    #[test]
    fn of_many_pools_those_that_are_well_take_a_line() {
        let mut status = status();
        let fine = STATUS.find("\"fine\"").map(|_| 2).expect("a pool");
        for number in 0..6 {
            let mut more: Status = serde_json::from_str(STATUS).expect("a status");
            let mut zone = more.zones.remove(fine);
            zone.pools[0].name = format!("fine{number}").as_str().into();
            status.zones.push(zone);
        }
        let text = node(Screen::plain(), &status, None);
        assert!(text.contains("\nfine.example.com/fine3: healthy (2 endpoints); A 203.0.113.7 (a)"), "{text}");
        assert!(text.find("NOTHING HEALTHY,") < text.find("us-east is DOWN"), "{text}");
    }
}
