//! The two clocks.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::model::time::Moment;

/// Tells moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    started: SystemTime,
}

impl Clock {
    /// The clock that only goes forward begins now.
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), started: SystemTime::now() }
    }

    /// When it began, as people have it.
    pub(super) fn started(self) -> SystemTime {
        self.started
    }

    pub(super) fn now(self) -> Moment {
        Moment { mono: self.began.elapsed(), wall: SystemTime::now() }
    }

    /// A moment of the clock that only goes forward, as timers take it; none where it lies beyond
    /// what they can hold, and so never comes.
    pub(super) fn instant(self, mono: Duration) -> Option<Instant> {
        self.began.checked_add(mono)
    }
}
