//! Many endpoints that fail in one moment, and come back in one.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::endpoints::{Endpoints, address};
use crate::queries::Asker;
use crate::support::{LONG, pause};
use crate::{Options, ms, peers, percentile};

/// `fall` and `rise`, as they are by default.
const FALL: u32 = 3;
const RISE: u32 = 2;

pub(crate) fn run(options: &Options, endpoints: &Endpoints) {
    let flap = options.flap.min(endpoints.count() / 2);
    let (node, _folder) = peers::pharos(endpoints, endpoints.count(), options.interval());
    node.wait_log("answering", LONG);
    let asker = Asker::new(node.dns, flap);
    pause(options.interval());
    println!("{:<38} {:>12} {:>12} {:>12}", format!("answers of {flap} pools moved"), "half", "p99", "all");
    for (what, failing, needed) in [("failed", true, FALL), ("recovered", false, RISE)] {
        // The first endpoint of each pool is preferred.
        let place = |pool: u32| address(pool * 2 + u32::from(failing));
        let (changed, began) = (SystemTime::now(), Instant::now());
        endpoints.turn((0..flap).map(|pool| pool * 2), failing, needed);
        let moved = watch(&asker, flap, place, began + options.interval() * 10);
        let mut since_change: Vec<_> = moved.iter().map(|at| at.duration_since(changed).unwrap_or_default()).collect();
        let judged = (0..).map(|pool| endpoints.judged(pool * 2));
        let mut since_reply: Vec<_> = moved
            .iter()
            .zip(judged)
            .filter_map(|(at, judged)| Some(at.duration_since(judged?).unwrap_or_default()))
            .collect();
        since_change.sort_unstable();
        since_reply.sort_unstable();
        for (from, sorted) in [("the change", &since_change), ("the reply that decides", &since_reply)] {
            let [half, most, all] = [50, 99, 100].map(|percent| ms(percentile(sorted, percent)));
            println!("{:<38} {half:>12} {most:>12} {all:>12}", format!("{what}, from {from}"));
        }
    }
    println!();
}

/// When the answer of each pool was first seen to be where it belongs.
fn watch(asker: &Asker, pools: u32, place: impl Fn(u32) -> Ipv4Addr, until: Instant) -> Vec<SystemTime> {
    let mut moved: Vec<Option<SystemTime>> = vec![None; pools as usize];
    while moved.iter().any(Option::is_none) {
        asker.ask(|pool, seen| {
            if seen == place(pool) {
                moved[pool as usize].get_or_insert_with(SystemTime::now);
            }
        });
        assert!(Instant::now() < until, "answers have not moved");
        pause(Duration::from_millis(1));
    }
    moved.into_iter().flatten().collect()
}
