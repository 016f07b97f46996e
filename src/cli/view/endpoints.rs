//! The endpoints of a pool, one address a line.

use std::time::{Duration, SystemTime};

use super::words::{ago, clock, length, measured, since};
use super::{Cell, Screen};
use crate::cli::paint::Mood;
use crate::cli::shape::{Address, Check, Endpoint, Hold};

/// A failure of one that is up again is told for so long.
const OLD: Duration = Duration::from_secs(600);

/// A table of all of them; `id` is their pool.
pub(crate) fn endpoints(screen: Screen, id: &str, endpoints: &[Endpoint], now: SystemTime) -> String {
    let regions = endpoints.iter().any(|e| e.region.as_ref().is_some_and(|region| *region != e.name));
    let mut heading = vec!["ENDPOINT", "ADDRESS", "ANSWERED", "STATE", "SINCE (UTC)", "LATENCY", "LAST CHECK"];
    if regions {
        heading.insert(1, "REGION");
    }
    let mut rows = Vec::new();
    for endpoint in endpoints {
        for address in &endpoint.addresses {
            let (state, mood) = state(endpoint, address);
            let mut row = vec![
                Cell::new(if mood == Mood::Bad { Mood::Bad } else { Mood::Strong }, &*endpoint.name),
                Cell::plain(&*address.address),
                Cell::plain(if address.in_use { "yes" } else { "no" }),
                Cell::new(mood, state),
                Cell::plain(held_since(endpoint, address, now)),
                Cell::plain(latency(address)),
                Cell::new(if mood == Mood::Good { Mood::Plain } else { mood }, last(id, endpoint, address, now)),
            ];
            if regions {
                row.insert(1, Cell::plain(endpoint.region.as_deref().unwrap_or("-")));
            }
            rows.push(row);
        }
    }
    screen.table(2, &heading, rows)
}

/// What an address counts as, in a word, and how that reads.
pub(super) fn state(endpoint: &Endpoint, address: &Address) -> (String, Mood) {
    if let Some(order) = &endpoint.order {
        return match &*order.force {
            "up" => ("forced up".into(), Mood::Odd),
            "drain" => ("drained".into(), Mood::Odd),
            _ => ("FORCED DOWN".into(), Mood::Bad),
        };
    }
    let Some(check) = &address.check else { return ("not checked".into(), Mood::Plain) };
    let held = address.hold.as_ref().is_some_and(|hold| &*hold.state != "pending");
    match &*check.verdict {
        "down" if check.streak > 0 => ("DOWN, recovering".into(), Mood::Bad),
        "down" => ("DOWN".into(), Mood::Bad),
        "unknown" => ("UNKNOWN".into(), Mood::Odd),
        word if check.stale => (format!("{word}, STALE"), Mood::Odd),
        word if check.streak > 0 => (format!("{word}, failing"), Mood::Odd),
        word if held => (format!("{word}, held back"), Mood::Odd),
        "up" => ("up".into(), Mood::Good),
        word => (word.into(), Mood::Odd),
    }
}

fn held_since(endpoint: &Endpoint, address: &Address, now: SystemTime) -> String {
    let of_check = || address.check.as_ref()?.since;
    match endpoint.order.as_ref().map(|order| order.set).or_else(of_check) {
        Some(time) => ago(time.0, now),
        None => "-".to_owned(),
    }
}

fn latency(address: &Address) -> String {
    let last = address.check.as_ref().and_then(|check| check.last.as_ref());
    last.filter(|last| last.error.is_none()).map_or_else(|| "-".to_owned(), |last| measured(last.total_ms.0))
}

/// What the check saw last, how far it is from another verdict, and what holds the address back.
fn last(id: &str, endpoint: &Endpoint, address: &Address, now: SystemTime) -> String {
    let Some(check) = &address.check else { return "-".to_owned() };
    let mut text = match &check.last {
        None => "nothing seen yet".to_owned(),
        Some(last) => last.error.as_deref().unwrap_or("ok").to_owned(),
    };
    text.push_str(&streak(check));
    if check.stale {
        let at = check.last.as_ref().map(|last| format!(", the last one at {}", clock(last.at.0, now)));
        text.push_str(&format!("; NO CHECK ENDED FOR 3 INTERVALS{}", at.unwrap_or_default()));
    }
    if endpoint.order.is_some() {
        text.push_str(&format!("; by its checks it is {}", check.verdict));
    } else if let Some(hold) = &address.hold {
        text.push_str(&held(hold, id));
    }
    let failed = check.last_failure.as_ref().filter(|_| check.streak == 0 && &*check.verdict != "down");
    if let Some((failed, ago)) = failed.map(|failed| (failed, since(failed.at.0, now))).filter(|(_, ago)| *ago < OLD) {
        let error = failed.error.as_deref().unwrap_or("failed");
        text.push_str(&format!("; {} ago: {error}", length(ago)));
    }
    text
}

/// ` (failed 2 of 3)`
fn streak(check: &Check) -> String {
    match (check.streak, &*check.verdict) {
        (0, _) | (_, "unknown") => String::new(),
        (streak, "down") => format!(" (passed {streak} of {})", check.rise),
        (streak, _) => format!(" (failed {streak} of {})", check.fall),
    }
}

fn held(hold: &Hold, id: &str) -> String {
    match (&*hold.state, hold.left_ms) {
        ("held", Some(left)) => format!("; held back for {} more", length(left.0)),
        ("manual", _) => format!("; held back until `pharos failback {id}`"),
        _ => String::new(),
    }
}
