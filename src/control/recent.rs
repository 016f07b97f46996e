//! What a target's last probes took: a few numbers for a small drawing, not evidence.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::observation::{Failure, Observation};

/// Probes that are remembered: ten minutes at the usual interval. Eight bytes each.
pub const RECENT_MAX: usize = 60;

/// One probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    micros: u32,
    /// Whether the target passed.
    pub passed: bool,
}

impl Recent {
    /// From beginning to end; what takes longer than 71 minutes is cut.
    #[must_use]
    pub fn took(self) -> Duration {
        Duration::from_micros(self.micros.into())
    }
}

/// The last probes of one target, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Recents(VecDeque<Recent>);

impl Recents {
    /// Notes one; what the node could not ask says nothing.
    pub(super) fn note(&mut self, seen: &Observation) {
        if matches!(seen.result, Err(Failure::Local(_))) {
            return;
        }
        if self.0.len() >= RECENT_MAX {
            self.0.pop_front();
        }
        let micros = u32::try_from(seen.phases.total.as_micros()).unwrap_or(u32::MAX);
        self.0.push_back(Recent { micros, passed: seen.result.is_ok() });
    }

    pub(super) fn to_vec(&self) -> Vec<Recent> {
        self.0.iter().copied().collect()
    }
}
