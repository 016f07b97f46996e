//! A round: every target of a set is observed until its verdict is settled, while somebody waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::check::{Watch, WatchId};
use crate::model::time::Moment;

/// What a round may take beside the time-outs of its checks.
const SLACK: Duration = Duration::from_secs(10);
/// Probes that run at the same time even on a node with little room.
const AT_A_TIME: u32 = 64;

/// Who is still waited for.
#[derive(Debug)]
pub(super) struct Round {
    waiting: BTreeSet<WatchId>,
    /// Ends the round whatever happens.
    deadline: Duration,
}

impl Round {
    pub(super) fn new(watches: impl Iterator<Item = (WatchId, Arc<Watch>)>, now: Moment) -> Self {
        let mut longest = Duration::ZERO;
        let mut waiting = BTreeSet::new();
        for (id, watch) in watches {
            longest = longest.max(watch.probe.timeout);
            waiting.insert(id);
        }
        // A first probe and the rechecks that overlap each other, for as many turns as it takes. Far
        // more than is ever needed: it bounds what a fault of the prober could do.
        let turns = 1 + u32::try_from(waiting.len()).unwrap_or(u32::MAX) / AT_A_TIME;
        let longest = longest.saturating_mul(turns.saturating_mul(3));
        Self { waiting, deadline: now.mono.saturating_add(longest).saturating_add(SLACK) }
    }

    /// Whether this target is waited for.
    pub(super) fn awaits(&self, id: WatchId) -> bool {
        self.waiting.contains(&id)
    }

    pub(super) fn settle(&mut self, id: WatchId) {
        self.waiting.remove(&id);
    }

    /// How many are waited for.
    pub(super) fn left(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.waiting.is_empty() || self.deadline <= now.mono
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }
}
