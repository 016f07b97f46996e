//! How punctual checks are while the node answers queries.

use std::time::{Duration, SystemTime};

use crate::endpoints::{self, Endpoints};
use crate::queries::Load;
use crate::support::LONG;
use crate::support::pause;
use crate::{Options, ms, peers, percentile};

/// Times that the status is read, each with the latest check of every endpoint.
const ROUNDS: u32 = 3;
/// A check that arrived longer after it began is another one.
const SAME: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options, endpoints: &Endpoints) {
    let (node, _folder) = peers::pharos(endpoints, options.endpoints, options.interval());
    node.wait_log("answering", LONG);
    pause(options.interval());
    let load = Load::start(node.dns, options.endpoints / 2, options.rate);
    let (mut begun, mut arrived) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        pause(options.interval());
        let status = node.status();
        for check in checks(&status) {
            let last = &check["last"];
            let late = Duration::from_secs_f64(last["late_ms"].as_f64().unwrap() / 1e3);
            let index =
                endpoints::index(check["target"].as_str().unwrap().parse::<std::net::SocketAddr>().unwrap().ip());
            let at: SystemTime = humantime::parse_rfc3339(last["at"].as_str().unwrap()).unwrap();
            begun.push(late);
            let Some(index) = index else { continue };
            // `at` is cut to the millisecond, so this is too long by half of one on the average.
            match endpoints.arrived(index).duration_since(at) {
                Ok(way) if way < SAME => arrived.push(late + way),
                _ => {} // the next check came between
            }
        }
    }
    let rate = load.rate();
    println!(
        "late, with {rate:.0} queries a second answered{:>14} {:>12} {:>12} {:>12}",
        "p50", "p99", "worst", "checks"
    );
    for (what, mut lateness) in [("begun", begun), ("arrived", arrived)] {
        lateness.sort_unstable();
        let [p50, p99, worst] = [50, 99, 100].map(|percent| ms(percentile(&lateness, percent)));
        println!("{what:<44} {p50:>12} {p99:>12} {worst:>12} {:>12}", lateness.len());
    }
    println!();
}

/// Every check of a status.
fn checks(status: &serde_json::Value) -> impl Iterator<Item = &serde_json::Value> {
    let zones = status["zones"].as_array().unwrap().iter();
    let pools = zones.flat_map(|zone| zone["pools"].as_array().unwrap());
    let ends = pools.flat_map(|pool| pool["endpoints"].as_array().unwrap());
    ends.flat_map(|endpoint| endpoint["addresses"].as_array().unwrap()).map(|address| &address["check"])
}
