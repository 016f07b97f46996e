//! The two clocks.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::model::time::Moment;

/// Tells moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
}

impl Clock {
    /// The clock that only goes forward begins now.
    pub(super) fn start() -> Self {
        Self { began: Instant::now() }
    }

    pub(super) fn now(self) -> Moment {
        Moment { mono: self.began.elapsed(), wall: SystemTime::now() }
    }

    /// A moment of the clock that only goes forward, as timers take it.
    pub(super) fn instant(self, mono: std::time::Duration) -> Instant {
        self.began + mono
    }
}
