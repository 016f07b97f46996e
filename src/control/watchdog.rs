//! Notices when observations stop coming: a prober in trouble must not look like health.

use std::collections::BTreeSet;
use std::time::Duration;

use super::targets::Targets;
use crate::model::check::WatchId;
use crate::model::time::Moment;

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

    /// Looks at all targets; those that have become stale since the last look.
    pub(super) fn sweep(&mut self, targets: &Targets, now: Moment) -> Vec<WatchId> {
        self.next = now.mono + SWEEP;
        let stale: BTreeSet<_> = targets.stale(now).collect();
        let new = stale.difference(&self.stale).copied().collect();
        self.stale = stale;
        new
    }

    /// An observation came; whether its target was stale.
    pub(super) fn hear(&mut self, id: WatchId) -> bool {
        self.stale.remove(&id)
    }
}
