//! What this node makes of the observations of one target.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::check::{Cadence, Pace};
use crate::model::observation::{Failure, Observation};
use crate::model::time::Moment;

/// Start to start of repeated probes in the round that is awaited before the first answer: short,
/// because somebody waits, and long enough not to ask the same instant several times.
pub const RECHECK_AT_START: Duration = Duration::from_millis(50);

/// Whether a target works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It does.
    Up,
    /// It does not.
    Down,
    /// It was not observed yet.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        })
    }
}

/// A change of verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// Before.
    pub from: Verdict,
    /// After.
    pub to: Verdict,
    /// How many observations in a row made it.
    pub streak: u32,
    /// The last of them.
    pub evidence: Arc<Observation>,
}

/// The verdict on one target, with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    verdict: Verdict,
    /// Observations in a row against the verdict.
    streak: u32,
    /// When the verdict was reached; none while it is unknown.
    since: Option<Moment>,
    last: Option<Arc<Observation>>,
    last_failure: Option<Arc<Observation>>,
    /// When the last observation came in, of an earlier run too.
    observed: Option<Moment>,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracker {
    /// Of a target that nothing is known about.
    #[must_use]
    pub fn new() -> Self {
        Self { verdict: Verdict::Unknown, streak: 0, since: None, last: None, last_failure: None, observed: None }
    }

    /// Takes up a verdict and its streak from an earlier run: from then on `fall` and `rise` hold, as
    /// if the run had never ended.
    #[must_use]
    pub fn restore(verdict: Verdict, streak: u32, since: Moment, observed: Moment) -> Self {
        Self { verdict, streak, since: Some(since), observed: Some(observed), ..Self::new() }
    }

    /// Folds one observation into the verdict; `streak` counts observations in a row against it.
    ///
    /// | verdict | observed | streak | verdict after  |
    /// |---------|----------|--------|----------------|
    /// | up      | fail     | +1     | down at `fall` |
    /// | down    | pass     | +1     | up at `rise`   |
    /// | unknown | fail     | 0      | down           |
    /// | unknown | pass     | 0      | up             |
    /// | any     | agrees   | 0      | unchanged      |
    /// | any     | not seen | same   | unchanged      |
    ///
    /// Not seen: the node itself could not ask ([`Failure::Local`]), which says nothing of the target.
    pub fn observe(&mut self, cadence: &Cadence, observation: &Arc<Observation>, now: Moment) -> Option<Flip> {
        let passed = observation.result.is_ok();
        self.last = Some(Arc::clone(observation));
        if matches!(observation.result, Err(Failure::Local(_))) {
            return None;
        }
        self.observed = Some(now);
        if !passed {
            self.last_failure = Some(Arc::clone(observation));
        }
        let (to, needed) = match (self.verdict, passed) {
            (Verdict::Up, true) | (Verdict::Down, false) => {
                self.streak = 0;
                return None;
            }
            (Verdict::Up, false) => (Verdict::Down, cadence.fall),
            (Verdict::Down, true) => (Verdict::Up, cadence.rise),
            (Verdict::Unknown, true) => (Verdict::Up, 1),
            (Verdict::Unknown, false) => (Verdict::Down, 1),
        };
        self.streak = self.streak.saturating_add(1);
        if self.streak < needed {
            return None;
        }
        let flip = Flip { from: self.verdict, to, streak: self.streak, evidence: Arc::clone(observation) };
        (self.verdict, self.streak, self.since) = (to, 0, Some(now));
        Some(flip)
    }

    /// Keeps an observation as evidence without letting it count.
    pub fn note(&mut self, observation: &Arc<Observation>, now: Moment) {
        self.last = Some(Arc::clone(observation));
        self.observed = Some(now);
        if observation.result.is_err() {
            self.last_failure = Some(Arc::clone(observation));
        }
    }

    /// When the target must be probed next. `starting`: somebody waits for the verdict.
    #[must_use]
    pub fn pace(&self, cadence: &Cadence, starting: bool) -> Pace {
        let recheck = if starting { RECHECK_AT_START.min(cadence.recheck) } else { cadence.recheck };
        match (self.verdict, self.streak) {
            (Verdict::Up, 1..) => Pace { after: recheck, more: cadence.fall.saturating_sub(self.streak) },
            (Verdict::Down, 1..) if starting => Pace { after: recheck, more: cadence.rise.saturating_sub(self.streak) },
            _ => Pace { after: cadence.interval, more: 0 },
        }
    }

    /// Whether it was observed in this run and no streak is running that could still turn it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.last.is_some() && self.streak == 0
    }

    /// Whether the latest observations were failures.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        match self.verdict {
            Verdict::Up => self.streak > 0,
            Verdict::Down => self.streak == 0,
            Verdict::Unknown => false,
        }
    }

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Observations in a row against the verdict.
    #[must_use]
    pub fn streak(&self) -> u32 {
        self.streak
    }

    /// When the verdict was reached; none while it is unknown.
    #[must_use]
    pub fn since(&self) -> Option<Moment> {
        self.since
    }

    /// The last observation of this run.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Observation>> {
        self.last.as_ref()
    }

    /// The last failure of this run.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Arc<Observation>> {
        self.last_failure.as_ref()
    }

    /// When the last observation came in, of an earlier run too.
    #[must_use]
    pub fn observed(&self) -> Option<Moment> {
        self.observed
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::model::observation::Phases;

    const CADENCE: Cadence =
        Cadence { interval: Duration::from_secs(10), fall: 3, rise: 2, recheck: Duration::from_secs(1) };

    fn at(secs: u64) -> Moment {
        let mono = Duration::from_secs(secs);
        Moment { mono, wall: SystemTime::UNIX_EPOCH + mono }
    }

    fn seen(passed: bool) -> Arc<Observation> {
        Arc::new(Observation {
            began: SystemTime::UNIX_EPOCH,
            phases: Phases::default(),
            status: None,
            result: if passed { Ok(()) } else { Err(Failure::Refused) },
        })
    }

    #[test]
    fn trouble_of_the_node_says_nothing_of_the_target() {
        let local = Arc::new(Observation {
            began: SystemTime::UNIX_EPOCH,
            phases: Phases::default(),
            status: None,
            result: Err(Failure::Local("too many open files".into())),
        });
        let mut tracker = Tracker::new();
        assert_eq!(tracker.observe(&CADENCE, &local, at(0)), None);
        assert!(tracker.is_settled() && tracker.observed().is_none());
        tracker.observe(&CADENCE, &seen(true), at(1));
        for second in 2..9 {
            assert_eq!(tracker.observe(&CADENCE, &local, at(second)), None);
        }
        assert_eq!((tracker.verdict(), tracker.streak()), (Verdict::Up, 0));
        assert_eq!(tracker.observed(), Some(at(1)), "so that it grows stale");
    }

    /// Observations as `+` and `-`, verdicts after each as `U` and `D`.
    fn run(mut tracker: Tracker, observed: &str) -> String {
        let passes = observed.chars().map(|c| c == '+');
        (0..)
            .zip(passes)
            .map(|(second, passed)| {
                tracker.observe(&CADENCE, &seen(passed), at(second));
                if tracker.verdict() == Verdict::Up { 'U' } else { 'D' }
            })
            .collect()
    }

    #[test]
    fn streaks_make_verdicts() {
        for (observed, verdicts) in [
            ("+", "U"),
            ("-", "D"),
            ("+---", "UUUD"),
            ("+--+--+---", "UUUUUUUUUD"),
            ("-++", "DDU"),
            ("-+-+-++", "DDDDDDU"),
            ("+---++---", "UUUDDUUUD"),
        ] {
            assert_eq!(run(Tracker::new(), observed), verdicts, "{observed}");
        }
    }

    #[test]
    fn what_an_earlier_run_knew_holds() {
        let down = Tracker::restore(Verdict::Down, 0, at(0), at(0));
        assert_eq!(run(down, "+-++"), "DDDU");
        let failing = Tracker::restore(Verdict::Up, 2, at(0), at(0));
        assert_eq!(run(failing.clone(), "-"), "D");
        assert_eq!(run(failing, "+--"), "UUU");
        let rising = Tracker::restore(Verdict::Down, 1, at(0), at(0));
        assert_eq!(run(rising, "+"), "U");
    }

    #[test]
    fn a_flip_carries_its_evidence() {
        let mut tracker = Tracker::restore(Verdict::Up, 0, at(0), at(0));
        let failure = seen(false);
        assert_eq!(tracker.observe(&CADENCE, &failure, at(1)), None);
        assert_eq!(tracker.observe(&CADENCE, &failure, at(2)), None);
        assert_eq!(tracker.since(), Some(at(0)));
        let flip = tracker.observe(&CADENCE, &failure, at(3)).expect("the third");
        assert_eq!((flip.from, flip.to, flip.streak), (Verdict::Up, Verdict::Down, 3));
        assert!(Arc::ptr_eq(&flip.evidence, &failure));
        assert_eq!((tracker.since(), tracker.streak()), (Some(at(3)), 0));
        tracker.observe(&CADENCE, &seen(true), at(4));
        assert_eq!(tracker.last().map(|o| o.result.is_ok()), Some(true));
        assert_eq!(tracker.last_failure(), Some(&failure));
    }

    #[test]
    fn a_failure_streak_quickens_the_pace() {
        let steady = Pace { after: CADENCE.interval, more: 0 };
        let mut tracker = Tracker::restore(Verdict::Up, 0, at(0), at(0));
        assert_eq!(tracker.pace(&CADENCE, false), steady);
        tracker.observe(&CADENCE, &seen(false), at(1));
        assert_eq!(tracker.pace(&CADENCE, false), Pace { after: CADENCE.recheck, more: 2 });
        assert_eq!(tracker.pace(&CADENCE, true), Pace { after: RECHECK_AT_START, more: 2 });
        tracker.observe(&CADENCE, &seen(false), at(2));
        assert_eq!(tracker.pace(&CADENCE, false), Pace { after: CADENCE.recheck, more: 1 });
        tracker.observe(&CADENCE, &seen(false), at(3));
        assert_eq!(tracker.pace(&CADENCE, false), steady);
        tracker.observe(&CADENCE, &seen(true), at(4));
        assert_eq!(tracker.pace(&CADENCE, false), steady, "rising is not hurried");
        assert_eq!(tracker.pace(&CADENCE, true), Pace { after: RECHECK_AT_START, more: 1 }, "but awaited");
    }

    #[test]
    fn settled_is_observed_and_undisputed() {
        let mut tracker = Tracker::restore(Verdict::Down, 0, at(0), at(0));
        assert!(!tracker.is_settled(), "not observed in this run");
        tracker.observe(&CADENCE, &seen(true), at(1));
        assert!(!tracker.is_settled(), "one more makes it up");
        tracker.observe(&CADENCE, &seen(true), at(1));
        assert!(tracker.is_settled());
    }

    #[test]
    fn a_lower_fall_counts_the_running_streak() {
        let mut tracker = Tracker::restore(Verdict::Up, 2, at(0), at(0));
        let hasty = Cadence { fall: 1, ..CADENCE };
        assert_eq!(tracker.pace(&hasty, false).more, 0);
        assert!(tracker.observe(&hasty, &seen(false), at(1)).is_some());
    }
}
