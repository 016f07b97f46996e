//! A round: every target of a set is observed until its verdict is settled, while somebody waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::check::{Watch, WatchId};
use crate::model::time::Moment;

/// What a round may take beside the time-outs of its checks: their starts are spread and their
/// number at a time is bounded.
const SLACK: Duration = Duration::from_secs(10);

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
        // A first probe, and the rechecks that overlap each other.
        Self { waiting, deadline: now.mono + longest * 3 + SLACK }
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
