//! One pool: what it answers now, why, and with whom.

use std::time::SystemTime;

use super::words::{ago, count, list};
use super::{Screen, endpoints, endpoints::state};
use crate::cli::paint::Mood;
use crate::cli::shape::{Answer, Pool};

/// The pool in full; `id` is `app.example.com/app`.
pub(crate) fn pool(screen: Screen, id: &str, pool: &Pool, now: SystemTime) -> String {
    let (why, mood) = why(pool);
    let names: Vec<String> = pool.names.iter().map(|name| bare(name)).collect();
    let policy = if pool.policy.is_empty() { "all healthy".to_owned() } else { pool.policy.join(", ") };
    let mut text = format!("{}: {}\n", screen.mark(Mood::Strong, id), screen.mark(mood, &why));
    text.push_str(&format!("  names   {} (policy: {policy})\n", list(&names)));
    for (rtype, answer) in families(pool) {
        let mood = if answer.is_down() { Mood::Bad } else { Mood::Plain };
        text.push_str(&format!("  {rtype:<6}  {}\n", screen.mark(mood, &family(pool, answer, now))));
    }
    text.push('\n');
    text + &endpoints(screen, id, &pool.endpoints, now)
}

/// The pool in a line.
pub(crate) fn line(screen: Screen, id: &str, pool: &Pool) -> String {
    let (why, mood) = why(pool);
    format!("{}: {}; {}\n", screen.mark(Mood::Strong, id), screen.mark(mood, &why), answered(pool))
}

/// `A 192.0.2.10 (us-east), AAAA 2001:db8::10 (us-east)`
fn answered(pool: &Pool) -> String {
    let present = families(pool).into_iter().filter(|(_, answer)| !answer.is_absent());
    let said = present.map(|(rtype, answer)| match (&*answer.mode, answer.addresses.is_empty()) {
        ("static", _) => format!("{rtype} as the zone's own records say"),
        (_, true) => format!("{rtype} without an address"),
        _ => format!("{rtype} {}", addresses(pool, answer)),
    });
    let said: Vec<_> = said.collect();
    if said.is_empty() { "no address".to_owned() } else { said.join(", ") }
}

/// How bad a pool is, for the order in which they are shown: the worst first.
pub(super) fn weight(pool: &Pool) -> u8 {
    match why(pool).1 {
        Mood::Bad if families(pool).iter().any(|(_, answer)| answer.is_down()) => 0,
        Mood::Bad => 1,
        Mood::Odd => 2,
        _ => 3,
    }
}

/// Why the answer is what it is, in a sentence, and how that reads.
fn why(pool: &Pool) -> (String, Mood) {
    let down: Vec<_> = families(pool).into_iter().filter(|(_, answer)| answer.is_down()).collect();
    if let [(rtype, answer), rest @ ..] = &down[..] {
        let present = families(pool).iter().filter(|(_, answer)| !answer.is_absent()).count();
        let what = match &*answer.mode {
            "last-good" => "the last good answer is kept",
            "all" => "all are answered as if they were healthy",
            "static" => "the zone's own records are answered",
            "nodata" => "no address is answered",
            other => other,
        };
        let family = if rest.is_empty() && present > 1 { format!(" FOR {rtype}") } else { String::new() };
        return (format!("NOTHING HEALTHY{family}, {what}"), Mood::Bad);
    }
    let mut odd = Vec::new();
    let mut worst = Mood::Good;
    for endpoint in &pool.endpoints {
        let states = endpoint.addresses.iter().map(|address| (state(endpoint, address), address));
        for ((word, mood), address) in states {
            if matches!(mood, Mood::Bad | Mood::Odd) {
                let several = endpoint.addresses.len() > 1 && endpoint.order.is_none();
                let one = if several {
                    format!("{} ({})", endpoint.name, address.address)
                } else {
                    endpoint.name.to_string()
                };
                let said = format!("{one} is {}", word.strip_prefix("up, ").unwrap_or(&word));
                if !odd.contains(&said) {
                    odd.push(said);
                }
                worst = if worst == Mood::Bad || mood == Mood::Bad { Mood::Bad } else { Mood::Odd };
            }
        }
    }
    if odd.is_empty() {
        let checked = pool.endpoints.iter().flat_map(|e| &e.addresses).any(|address| address.check.is_some());
        let all = count(pool.endpoints.len(), "endpoint");
        let text = if checked { format!("healthy ({all})") } else { format!("not checked ({all})") };
        return (text, if checked { Mood::Good } else { Mood::Plain });
    }
    (list(&odd), worst)
}

/// `192.0.2.10 (us-east), TTL 10 s, for 12m (05:26:10)`
fn family(pool: &Pool, answer: &Answer, now: SystemTime) -> String {
    if answer.is_absent() {
        return "none".to_owned();
    }
    let mut text = match (&*answer.mode, answer.addresses.is_empty()) {
        ("static", _) => "the zone's own records".to_owned(),
        (_, true) => "no address".to_owned(),
        _ => addresses(pool, answer),
    };
    if let Some(ttl) = answer.ttl {
        text.push_str(&format!(", TTL {ttl} s"));
    }
    if let Some(since) = answer.since {
        text.push_str(&format!(", for {}", ago(since.0, now)));
    }
    text
}

/// `192.0.2.10 (us-east) or 192.0.2.11 (us-east-2)`
fn addresses(pool: &Pool, answer: &Answer) -> String {
    let who = |ip: &str| {
        let mut endpoints = pool.endpoints.iter();
        endpoints.find(|endpoint| endpoint.addresses.iter().any(|address| &*address.address == ip))
    };
    let said = answer.addresses.iter().map(|ip| match who(ip) {
        Some(endpoint) => format!("{ip} ({})", endpoint.name),
        None => ip.to_string(),
    });
    list(&said.collect::<Vec<_>>())
}

fn families(pool: &Pool) -> [(&'static str, &Answer); 2] {
    [("A", &pool.answers.a), ("AAAA", &pool.answers.aaaa)]
}

fn bare(name: &str) -> String {
    name.strip_suffix('.').filter(|bare| !bare.is_empty()).unwrap_or(name).to_owned()
}
