//! Notices when observations stop coming: a prober in trouble must not look like health. And when an
//! endpoint stays down: somebody should look after it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{Kind, LONG};
use super::targets::Targets;
use super::world::{Effects, World};
use crate::health::Verdict;
use crate::model::check::WatchId;
use crate::model::time::Moment;
use crate::policy::Member;

/// Between two looks at all targets.
const SWEEP: Duration = Duration::from_secs(5);

/// Whose verdicts are stale.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    stale: BTreeSet<WatchId>,
    next: Duration,
}

impl Watchdog {
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.next <= now.mono
    }

    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// Looks at all targets; those that have become stale since the last look, and those that are no longer:
    /// a reload may ask for less.
    pub(super) fn sweep(&mut self, targets: &Targets, now: Moment) -> (Vec<WatchId>, Vec<WatchId>) {
        self.next = now.mono + SWEEP;
        let stale: BTreeSet<_> = targets.stale(now).collect();
        let new = stale.difference(&self.stale).copied().collect();
        let fresh = self.stale.difference(&stale).copied().collect();
        self.stale = stale;
        (new, fresh)
    }

    /// Whether its verdicts are stale.
    pub(super) fn is_stale(&self, id: WatchId) -> bool {
        self.stale.contains(&id)
    }

    /// An observation came; whether its target was stale.
    pub(super) fn hear(&mut self, id: WatchId) -> bool {
        self.stale.remove(&id)
    }
}

impl World {
    /// Tells who has been down for long by now.
    pub(super) fn tell_lasting(&mut self, now: Moment, effects: &mut Effects) {
        let mut lasting = BTreeSet::new();
        for (_, pool, state) in self.pools() {
            for (endpoint, links) in pool.endpoints.iter().zip(&state.links) {
                for (address, link) in endpoint.addresses.iter().zip(links) {
                    let Some(tracker) = link.and_then(|link| self.targets.tracker(link)) else { continue };
                    let Some(since) = tracker.since().filter(|_| tracker.verdict() == Verdict::Down) else { continue };
                    if now.wall.duration_since(since.wall).unwrap_or_default() < LONG {
                        continue;
                    }
                    let key = (state.id.clone(), Member { endpoint: endpoint.name.clone(), ip: address.ip });
                    if !self.lasting.contains(&key)
                        && let Some(watch) = &address.watch
                    {
                        effects.events.push(Kind::Lasting {
                            pool: state.id.clone(),
                            endpoint: endpoint.name.clone(),
                            region: endpoint.region.clone(),
                            ip: address.ip,
                            check: watch.check.clone(),
                            since: since.wall,
                            last: tracker.last_failure().cloned(),
                        });
                    }
                    lasting.insert(key);
                }
            }
        }
        self.lasting = lasting;
    }
}
