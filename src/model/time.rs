//! Moments, which pure rooms are given and never take for themselves.

use std::time::{Duration, SystemTime};

/// One moment on two clocks: one that only goes forward, and the one on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since the process began; what every interval and hold is measured with.
    pub mono: Duration,
    /// What people and saved files are shown.
    pub wall: SystemTime,
}

impl Moment {
    /// How long before `self` the `earlier` moment was; zero where it was later.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        self.mono.saturating_sub(earlier.mono)
    }
}
