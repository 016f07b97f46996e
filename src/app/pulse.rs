//! Whether the node makes progress: the threads that answer, and the checks.
//!
//! Each thread counts its turns, busy or not, and probes are counted as they report. Someone looks at the
//! counters once a second; what does not move for too long hangs. Time in which nobody looked does not
//! count: then it was the machine that stood still.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::error::AppError;
use crate::admin::desk::{self, Stalled};
use crate::answer::Transport;
use crate::control::Watches;
use crate::serve::Meter;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// So much of the time between two looks counts at most.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// A thread that answers turns four times a second at the least.
const THREAD_STILL: Duration = Duration::from_secs(5);
/// So many intervals of the most frequent check without a report from any: they hang. A single check
/// that is late is a matter of control's own watchdog.
const CHECKS_MISSED: u32 = 3;
/// At least so long; a round of many checks may come late on a busy machine.
const CHECKS_STILL: Duration = Duration::from_secs(15);

/// The pulse of a node; clones feel the same.
#[derive(Clone)]
pub(super) struct Pulse(Arc<Body>);

struct Body {
    /// Once queries are answered.
    meter: OnceLock<Meter>,
    observed: AtomicU64,
    watches: watch::Receiver<Watches>,
    judge: Mutex<Judge>,
}

impl Pulse {
    pub(super) fn new(watches: watch::Receiver<Watches>) -> Self {
        let (meter, observed, judge) = (OnceLock::new(), AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Body { meter, observed, watches, judge }))
    }

    /// Queries are answered from now on, and this counts the turns.
    pub(super) fn serve(&self, meter: Meter) {
        // It is said once.
        let _ = self.0.meter.set(meter);
    }

    /// Probes have reported.
    pub(super) fn observe(&self, count: usize) {
        self.0.observed.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Whether everything makes progress.
    ///
    /// # Errors
    /// [`Stalled`]: what does not.
    pub(super) fn feel(&self) -> Result<(), Stalled> {
        self.judge().verdict()
    }

    /// Looks at the counters for ever.
    pub(super) async fn run(self) -> Result<(), AppError> {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            tick.tick().await;
            let passed = last.elapsed();
            last = Instant::now();
            let patience = patience(&self.0.watches.borrow());
            let observed = self.0.observed.load(Ordering::Relaxed);
            let turns = self.0.meter.get().map(Meter::turns).unwrap_or_default();
            self.judge().look(passed, turns, observed, patience);
        }
    }

    fn judge(&self) -> MutexGuard<'_, Judge> {
        self.0.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl desk::Pulse for Pulse {
    fn progress(&self) -> Result<(), Stalled> {
        self.feel()
    }

    fn queries(&self) -> u64 {
        let Some(meter) = self.0.meter.get() else { return 0 };
        Transport::ALL.iter().map(|transport| meter.counts(*transport).queries).sum()
    }
}

/// How long no check may report; none where nothing is checked.
fn patience(watches: &Watches) -> Option<Duration> {
    let each = watches.iter().map(|(_, watch)| watch.cadence.interval + watch.probe.timeout);
    each.min().map(|shortest| (shortest * CHECKS_MISSED).max(CHECKS_STILL))
}

/// Counters as they were seen last.
#[derive(Debug, Default)]
struct Judge {
    threads: HashMap<String, Line>,
    checks: Line,
    /// See [`patience`].
    patience: Option<Duration>,
}

/// One counter, and for how long it has not moved.
#[derive(Debug, Default)]
struct Line {
    count: u64,
    still: Duration,
}

impl Line {
    fn look(&mut self, passed: Duration, count: u64) {
        self.still = if count == self.count { self.still + passed.min(LOOK_MAX) } else { Duration::ZERO };
        self.count = count;
    }
}

impl Judge {
    /// Takes in what the counters say so much later.
    fn look(&mut self, passed: Duration, turns: Vec<(String, u64)>, observed: u64, patience: Option<Duration>) {
        for (thread, turns) in turns {
            self.threads.entry(thread).or_default().look(passed, turns);
        }
        self.checks.look(passed, observed);
        // Where nothing was checked until now, or at another pace, nothing is late yet.
        if self.patience != patience {
            self.checks.still = Duration::ZERO;
        }
        self.patience = patience;
    }

    fn verdict(&self) -> Result<(), Stalled> {
        let mut still: Vec<_> = self.threads.iter().filter(|(_, line)| line.still >= THREAD_STILL).collect();
        still.sort_unstable_by_key(|(thread, _)| *thread);
        if let Some((thread, line)) = still.first() {
            return Err(Stalled::Answers { thread: (*thread).clone(), still: line.still });
        }
        if self.patience.is_some_and(|patience| self.checks.still >= patience) {
            return Err(Stalled::Checks { still: self.checks.still });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn turns(udp: u64, tcp: u64) -> Vec<(String, u64)> {
        vec![("udp-0".to_owned(), udp), ("tcp".to_owned(), tcp)]
    }

    #[test]
    fn a_thread_that_stands_still_is_named() {
        let mut judge = Judge::default();
        for second in 1..=4 {
            judge.look(SECOND, turns(second, 7), 0, None);
        }
        assert_eq!(judge.verdict(), Ok(()), "not long enough");
        judge.look(SECOND, turns(5, 7), 0, None);
        judge.look(SECOND, turns(6, 7), 0, None);
        let verdict = judge.verdict().expect_err("tcp hangs");
        assert_eq!(verdict.to_string(), "the thread tcp, which answers queries, has not moved for 5s");
        judge.look(SECOND, turns(7, 8), 0, None);
        assert_eq!(judge.verdict(), Ok(()));
    }

    #[test]
    fn checks_that_no_longer_report_are_told() {
        let mut judge = Judge::default();
        let patience = Some(Duration::from_secs(15));
        for _ in 0..60 {
            judge.look(SECOND, Vec::new(), 0, None);
        }
        for _ in 0..15 {
            judge.look(SECOND, Vec::new(), 0, patience);
            assert_eq!(judge.verdict(), Ok(()), "nothing was checked before");
        }
        judge.look(SECOND, Vec::new(), 0, patience);
        assert_eq!(judge.verdict().expect_err("late").to_string(), "no check has reported for 15s");
        judge.look(SECOND, Vec::new(), 1, patience);
        assert_eq!(judge.verdict(), Ok(()));
    }

    #[test]
    fn another_pace_begins_anew() {
        let (slow, fast) = (Some(Duration::from_secs(3600)), Some(Duration::from_secs(15)));
        let mut judge = Judge::default();
        (0..600).for_each(|_| judge.look(SECOND, Vec::new(), 1, slow));
        judge.look(SECOND, Vec::new(), 1, fast);
        assert_eq!(judge.verdict(), Ok(()));
        (0..15).for_each(|_| judge.look(SECOND, Vec::new(), 1, fast));
        assert!(judge.verdict().is_err());
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let mut judge = Judge::default();
        judge.look(SECOND, turns(1, 1), 0, None);
        judge.look(Duration::from_secs(3600), turns(1, 1), 0, None);
        assert_eq!(judge.verdict(), Ok(()));
    }
}
