//! When a sink that failed is tried again.

use std::time::Duration;

/// Failures in a row after which somebody is told. With the waits between them that is some 15 s.
const FAILURES_MAX: u32 = 5;
/// Before the second attempt, at the most.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// Between attempts, at the most; and so long a service may ask for.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(300);

/// Counts failures in a row.
///
/// | failures in a row | state   | next attempt after               |
/// |-------------------|---------|----------------------------------|
/// | 0                 | ok      |                                  |
/// | 1 to 4            | failing | up to 1 s, 2 s, 4 s, 8 s         |
/// | 5 and more        | open    | up to 16 s, 32 s, and so on to 5 min |
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
}

impl Breaker {
    /// Notes a failure. How long to wait: between nothing and a limit that doubles ("full jitter"), so that
    /// nodes that lost the same service do not come back to it in step; `chance` is from 0 to 1. At least
    /// as long as the service asked for.
    pub(super) fn fail(&mut self, asked: Option<Duration>, chance: f64) -> Duration {
        let limit = WAIT_FIRST.saturating_mul(1 << self.failures.min(20)).min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        limit.mul_f64(chance.clamp(0.0, 1.0)).max(asked.unwrap_or_default().min(WAIT_MAX))
    }

    /// Notes a success.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
    }

    pub(super) fn is_open(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// Whether the last failure opened it.
    pub(super) fn just_opened(&self) -> bool {
        self.failures == FAILURES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_five_minutes() {
        let mut breaker = Breaker::default();
        let waits: Vec<u64> = (0..12).map(|_| breaker.fail(None, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        breaker.succeed();
        assert_eq!(breaker.fail(None, 0.5), Duration::from_millis(500));
        assert_eq!(breaker.fail(None, 0.0), Duration::ZERO);
        for _ in 0..100 {
            assert!(breaker.fail(None, 1.0) <= WAIT_MAX);
        }
    }

    #[test]
    fn what_a_service_asks_for_is_granted_up_to_five_minutes() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.fail(Some(Duration::from_secs(30)), 1.0), Duration::from_secs(30));
        assert_eq!(breaker.fail(Some(Duration::from_secs(86_400)), 1.0), WAIT_MAX);
    }

    #[test]
    fn it_opens_once_and_closes_by_a_success() {
        let mut breaker = Breaker::default();
        let opened: Vec<bool> = (0..8)
            .map(|_| {
                breaker.fail(None, 0.5);
                breaker.just_opened()
            })
            .collect();
        assert_eq!(opened.iter().filter(|opened| **opened).count(), 1);
        assert!(opened[4] && breaker.is_open());
        breaker.succeed();
        assert!(!breaker.is_open());
    }
}
