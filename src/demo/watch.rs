//! What the node thinks of the regions, in the words of the demo.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::journey::Bounds;
use super::scene::RegionRow;
use crate::config;
use crate::control::{CheckStatus, HoldStatus, Status};
use crate::health::Verdict;

/// What the example's files allow a move to take.
pub(super) fn bounds(config: &Path) -> io::Result<Bounds> {
    let setup = config::load(config, None).setup;
    let pool = setup.as_ref().and_then(|setup| setup.zones.iter().find_map(|zone| zone.pools.first()));
    let watch = pool.and_then(|pool| pool.endpoints.iter().flat_map(|e| &e.addresses).find_map(|a| a.watch.clone()));
    match (pool, watch) {
        (Some(pool), Some(watch)) => Ok(Bounds::new(watch.cadence, watch.probe.timeout, pool.failback.hold)),
        _ => Err(io::Error::other("the example has no pool with a check")),
    }
}

/// Brings the rows up to date.
pub(super) fn verdicts(status: &Status, rows: &mut [RegionRow]) {
    for pool in status.pools() {
        for endpoint in &pool.endpoints {
            let Some(row) = rows.iter_mut().find(|row| row.name == endpoint.name.as_str()) else { continue };
            let Some(address) = endpoint.addresses.first() else { continue };
            let Some(check) = &address.check else { continue };
            row.verdict = check.verdict.to_string();
            row.evidence = evidence(check);
            match address.hold {
                Some(HoldStatus::Left(left)) => {
                    row.verdict = "held".to_owned();
                    row.evidence += &format!(", back in {:.1} s", left.as_secs_f64());
                }
                Some(HoldStatus::Manual) => row.verdict = "held".to_owned(),
                Some(HoldStatus::Pending) | None => {}
            }
        }
    }
}

/// `status 503, expected 2xx (2 of 3 to go down)`
fn evidence(check: &CheckStatus) -> String {
    let Some(last) = &check.last else { return "not checked yet".to_owned() };
    let mut text = match (&last.result, last.status) {
        (Err(failure), _) => failure.to_string(),
        (Ok(()), Some(status)) => format!("status {status} in {}", millis(last.phases.total)),
        (Ok(()), None) => format!("connected in {}", millis(last.phases.total)),
    };
    match (check.verdict, check.streak) {
        (_, 0) | (Verdict::Unknown, _) => {}
        (Verdict::Up, streak) => text += &format!(" ({streak} of {} to go down)", check.cadence.fall),
        (Verdict::Down, streak) => text += &format!(" ({streak} of {} to come back)", check.cadence.rise),
    }
    text
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
