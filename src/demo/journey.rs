//! How long an answer took to move, and how long it may take.

use std::time::Duration;

use tokio::time::Instant;

use super::scene::seconds;
use crate::model::check::Cadence;

/// What the machine may add to what the configuration says.
const SLACK: Duration = Duration::from_millis(50);
/// What it may add where a probe waits for its turn first.
const SLACK_TURN: Duration = Duration::from_secs(1);

/// Which way the answer moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Away from a region that fails.
    Failover,
    /// Back to one that works again.
    Failback,
}

/// A move that is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    /// Which way.
    pub(super) way: Way,
    /// The region that changed, by its index.
    pub(super) region: usize,
    /// When it was told to.
    pub(super) since: Instant,
}

/// A move that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Which way.
    pub(super) way: Way,
    /// From the fault or the repair to the changed answer.
    pub(super) total: Duration,
    /// From the first failed check to the changed answer, on the way out.
    pub(super) from_check: Option<Duration>,
    /// What the configuration allows: from the first failed check, or from the repair.
    pub(super) bound: Duration,
}

/// What the configuration allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    cadence: Cadence,
    timeout: Duration,
    hold: Duration,
}

impl Bounds {
    /// From the check's cadence and time-out, and the pool's failback hold.
    pub(super) fn new(cadence: Cadence, timeout: Duration, hold: Duration) -> Self {
        Self { cadence, timeout, hold }
    }

    /// From the first failed check to the changed answer: `recheck x (fall - 1)` and one time-out.
    pub(super) fn failover(&self) -> Duration {
        self.cadence.recheck * (self.cadence.fall - 1) + self.timeout + SLACK
    }

    /// From the repair to the changed answer: `rise` good checks, the first of which may be a whole
    /// interval away, and the hold.
    pub(super) fn failback(&self) -> Duration {
        self.cadence.interval * self.cadence.rise + self.timeout + self.hold + SLACK_TURN
    }

    /// How long to wait for a move before it counts as not happening.
    pub(super) fn patience(&self, way: Way) -> Duration {
        match way {
            Way::Failover => self.cadence.interval * 2 + self.failover() + SLACK_TURN,
            Way::Failback => self.failback() * 2,
        }
    }
}

impl Journey {
    /// The answer changed just now.
    pub(super) fn arrive(&self, now: Instant, first_failed: Option<Instant>, bounds: &Bounds) -> Arrival {
        let from_check = first_failed.filter(|_| self.way == Way::Failover).map(|at| now - at);
        let bound = match self.way {
            Way::Failover => bounds.failover(),
            Way::Failback => bounds.failback(),
        };
        Arrival { way: self.way, total: now - self.since, from_check, bound }
    }
}

impl Arrival {
    /// Whether it was in time.
    pub(super) fn is_in_time(&self) -> bool {
        self.from_check.unwrap_or(self.total) <= self.bound
    }

    /// `0.46 s after the first failed check (bound 0.95 s), 0.98 s after the fault`.
    pub(super) fn words(&self) -> String {
        let (total, bound) = (seconds(self.total), seconds(self.bound));
        match (self.way, self.from_check) {
            (Way::Failover, Some(from_check)) => {
                format!("{} after the first failed check (bound {bound}), {total} after the fault", seconds(from_check))
            }
            (Way::Failover, None) => format!("{total} after the fault"),
            (Way::Failback, _) => format!("{total} after the repair (bound {bound})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn bounds() -> Bounds {
        let cadence = Cadence { interval: MS(1000), fall: 3, rise: 2, recheck: MS(200) };
        Bounds::new(cadence, MS(500), MS(2000))
    }

    #[test]
    fn bounds_follow_the_configuration() {
        assert_eq!(bounds().failover(), MS(950));
        assert_eq!(bounds().failback(), MS(5500));
    }

    #[test]
    fn what_counts_is_the_first_failed_check() {
        let since = Instant::now();
        let journey = Journey { way: Way::Failover, region: 0, since };
        let arrival = journey.arrive(since + MS(1800), Some(since + MS(900)), &bounds());
        assert!(arrival.is_in_time());
        assert_eq!(arrival.words(), "0.90 s after the first failed check (bound 0.95 s), 1.80 s after the fault");
        assert!(!journey.arrive(since + MS(1900), Some(since + MS(900)), &bounds()).is_in_time());
    }
}
