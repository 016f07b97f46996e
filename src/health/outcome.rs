//! What policies see of an address: the verdict and the order that may stand above it.

use super::{Force, Tracker, Verdict};

/// The outcome for one address of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// What the checks say.
    pub verdict: Verdict,
    /// Whether the latest observations were failures, even if not yet enough to matter.
    pub failing: bool,
    /// What an operator ordered, above the verdict.
    pub force: Option<Force>,
}

impl Standing {
    /// Of an address that nothing watches and nobody overrode.
    pub const UNWATCHED: Self = Self { verdict: Verdict::Up, failing: false, force: None };

    /// May be answered because it is healthy.
    #[must_use]
    pub fn is_eligible(&self) -> bool {
        match self.force {
            Some(force) => force == Force::Up,
            None => self.verdict == Verdict::Up,
        }
    }

    /// Counts for `min_healthy`.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.is_eligible() || self.force == Some(Force::Drain)
    }

    /// May never be answered, whatever else is down.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        matches!(self.force, Some(Force::Down | Force::Drain))
    }
}

/// Folds the votes on an address and the order above them. There is one vote, this node's own
/// tracker; an address that nothing watches is up.
#[must_use]
pub fn outcome(own: Option<&Tracker>, force: Option<Force>) -> Standing {
    match own {
        Some(own) => Standing { verdict: own.verdict(), failing: own.is_failing(), force },
        None => Standing { force, ..Standing::UNWATCHED },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_stand_above_verdicts() {
        // verdict, order; eligible, counted, barred
        for (verdict, force, eligible, counted, barred) in [
            (Verdict::Up, None, true, true, false),
            (Verdict::Down, None, false, false, false),
            (Verdict::Unknown, None, false, false, false),
            (Verdict::Down, Some(Force::Up), true, true, false),
            (Verdict::Unknown, Some(Force::Up), true, true, false),
            (Verdict::Up, Some(Force::Down), false, false, true),
            (Verdict::Up, Some(Force::Drain), false, true, true),
            (Verdict::Down, Some(Force::Drain), false, true, true),
        ] {
            let standing = Standing { verdict, failing: false, force };
            let got = (standing.is_eligible(), standing.is_counted(), standing.is_barred());
            assert_eq!(got, (eligible, counted, barred), "{standing:?}");
        }
    }

    #[test]
    fn what_nothing_watches_is_up() {
        assert!(outcome(None, None).is_eligible());
        assert!(!outcome(Some(&Tracker::new()), None).is_eligible());
        assert!(outcome(None, Some(Force::Down)).is_barred());
    }
}
