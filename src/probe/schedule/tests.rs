//! The loop with targets that are made up, in paused time.

use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;
use std::time::SystemTime;

use super::*;
use crate::model::CheckName;
use crate::model::check::{Ask, Cadence, Pace, Probe};
use crate::model::observation::{Failure, Phases};
use tokio::sync::mpsc;
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(3);

fn watch_of(port: u16, interval: Duration) -> Arc<Watch> {
    let probe = Probe { target: ([127, 0, 0, 1], port).into(), timeout: TIMEOUT, ask: Ask::Tcp };
    let cadence = Cadence { interval, fall: 3, rise: 2, recheck: SECOND };
    Arc::new(Watch { check: CheckName::new("web"), probe, cadence })
}

fn list(watches: impl IntoIterator<Item = (u32, Arc<Watch>)>) -> Watches {
    watches.into_iter().map(|(id, watch)| (WatchId(id), watch)).collect()
}

/// What a made-up target does, by its port.
#[derive(Clone, Copy)]
enum Does {
    Pass,
    Refuse,
    Hang,
    Panic,
}

struct FakeTarget {
    does: Does,
    alive: Arc<()>,
}

impl Observe for FakeTarget {
    async fn observe(&self) -> Observation {
        let _alive = self.alive.clone();
        let began = Instant::now();
        let result = match self.does {
            Does::Pass => Ok(()),
            Does::Refuse => Err(Failure::Refused),
            Does::Hang => {
                sleep(TIMEOUT).await;
                Err(Failure::TimedOut(TIMEOUT))
            }
            Does::Panic => panic!("a fault of ours"),
        };
        let phases = Phases { total: began.elapsed(), ..Phases::default() };
        Observation { began: SystemTime::UNIX_EPOCH, phases, status: None, result }
    }

    fn is_laborious(&self) -> bool {
        false
    }
}

/// One report: when the probe started and ended, and whether it passed.
#[derive(Debug, Clone, Copy)]
struct Report {
    id: WatchId,
    started: Duration,
    ended: Duration,
    late: Duration,
    passed: bool,
}

/// Answers like the control room: rechecks while a streak runs, until `fall`.
#[derive(Clone)]
struct FakeControl {
    began: Instant,
    cadences: Arc<HashMap<WatchId, Cadence>>,
    streaks: Arc<StdMutex<HashMap<WatchId, u32>>>,
    reports: mpsc::Sender<Report>,
}

impl Reporter for FakeControl {
    async fn report(&self, seen: Vec<(WatchId, Observation)>) -> Vec<Pace> {
        let mut paces = Vec::new();
        for (id, observation) in seen {
            paces.push(self.take(id, observation).await);
        }
        paces
    }
}

impl FakeControl {
    async fn take(&self, id: WatchId, observation: Observation) -> Pace {
        let ended = self.began.elapsed();
        let passed = observation.result.is_ok();
        let started = ended.saturating_sub(observation.phases.total);
        let late = observation.phases.late;
        self.reports.send(Report { id, started, ended, late, passed }).await.unwrap();
        let cadence = self.cadences[&id];
        let mut streaks = self.streaks.lock().unwrap();
        let streak = streaks.entry(id).or_default();
        *streak = if passed { 0 } else { *streak + 1 };
        if *streak == 0 || *streak >= cadence.fall {
            return Pace { after: cadence.interval, more: 0 };
        }
        Pace { after: cadence.recheck, more: cadence.fall - *streak }
    }
}

struct Stage {
    watches: watch::Sender<Watches>,
    reports: mpsc::Receiver<Report>,
    alive: Arc<()>,
    running: tokio::task::JoinHandle<()>,
}

/// Starts the loop; targets do what stands at their port, counted from 0.
fn stage(does: Vec<Does>, watches: Watches) -> Stage {
    let (sender, receiver) = watch::channel(watches.clone());
    let (reports, seen) = mpsc::channel(10_000);
    let control = FakeControl {
        began: Instant::now(),
        cadences: Arc::new(watches.iter().map(|(id, w)| (*id, w.cadence)).collect()),
        streaks: Arc::default(),
        reports,
    };
    let alive = Arc::new(());
    let shared = alive.clone();
    let prepare = move |watch: Arc<Watch>| FakeTarget {
        does: does[usize::from(watch.probe.target.port())],
        alive: shared.clone(),
    };
    let running = tokio::spawn(run(receiver, control, prepare, Handle::current(), std::future::pending()));
    Stage { watches: sender, reports: seen, alive, running }
}

impl Stage {
    /// All reports of the time to come.
    async fn during(&mut self, time: Duration) -> Vec<Report> {
        let end = Instant::now() + time;
        let mut seen = Vec::new();
        while let Ok(Some(report)) = tokio::time::timeout_at(end, self.reports.recv()).await {
            seen.push(report);
        }
        seen
    }
}

#[tokio::test(start_paused = true)]
async fn targets_are_probed_at_once_and_then_spread() {
    let count = 50;
    let watches = list((0..count).map(|id| (id, watch_of(0, SECOND * 10))));
    let mut stage = stage(vec![Does::Pass], watches);
    let first = stage.during(Duration::from_millis(100)).await;
    assert_eq!(first.len(), 50, "all at once");
    let mut per_second: VecDeque<usize> = VecDeque::new();
    for _ in 0..10 {
        per_second.push_back(stage.during(SECOND).await.len());
    }
    assert!(per_second.iter().skip(1).all(|n| (2..=9).contains(n)), "{per_second:?}");
    let steady = stage.during(SECOND * 100).await.len();
    assert!((480..=520).contains(&steady), "{steady} in ten intervals");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_begins_bit_by_bit_even_when_nothing_answers() {
    let count = 2000;
    let stage = stage(vec![Does::Hang], list((0..count).map(|id| (id, watch_of(0, SECOND * 10)))));
    // The stage, the maker and every target hold on; and every probe that has begun.
    let begun = || Arc::strong_count(&stage.alive) - 2 - 2000;
    let at_work = (FIRST_AT_WORK_MAX * std::thread::available_parallelism().unwrap().get()).min(2000);
    sleep(FIRST_WORK_MAX / 2).await;
    assert_eq!(begun(), at_work);
    sleep(FIRST_WORK_MAX).await;
    assert_eq!(begun(), (at_work * 2).min(2000));
    sleep(FIRST_WORK_MAX * u32::try_from(2000 / at_work).unwrap()).await;
    assert_eq!(begun(), 2000, "long before the first of them times out");
}

#[tokio::test(start_paused = true)]
async fn an_observation_tells_how_late_it_began() {
    let at_work = FIRST_AT_WORK_MAX * std::thread::available_parallelism().unwrap().get();
    let count = u32::try_from(at_work * 2).unwrap();
    let mut stage = stage(vec![Does::Hang], list((0..count).map(|id| (id, watch_of(0, SECOND * 10)))));
    let seen = stage.during(TIMEOUT + SECOND).await;
    let (punctual, late): (Vec<Report>, Vec<Report>) =
        seen.into_iter().partition(|report| report.late < FIRST_WORK_MAX);
    assert_eq!((punctual.len(), late.len()), (at_work, at_work));
    assert!(late.iter().all(|report| report.late < FIRST_WORK_MAX * 2));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_target_delays_no_other() {
    let watches = list([(0, watch_of(0, SECOND * 4)), (1, watch_of(1, SECOND * 4))]);
    let mut stage = stage(vec![Does::Hang, Does::Pass], watches);
    let seen = stage.during(SECOND * 60).await;
    let passes: Vec<_> = seen.iter().filter(|r| r.id == WatchId(1)).collect();
    let longest = passes.windows(2).map(|pair| pair[1].started - pair[0].started).max().unwrap();
    assert!(longest <= SECOND.mul_f64(4.25), "{longest:?}");
    assert!(seen.iter().any(|r| r.id == WatchId(0) && !r.passed));
}

#[tokio::test(start_paused = true)]
async fn overlapping_rechecks_meet_the_bound() {
    for (does, fastest) in [(Does::Hang, Duration::ZERO), (Does::Refuse, SECOND * 2)] {
        // The place of 8 in the interval is near its end: the next round is not within this test.
        let mut stage = stage(vec![does], list([(8, watch_of(0, SECOND * 10))]));
        let seen = stage.during(SECOND * 8).await;
        let judged = seen[2].ended - seen[0].ended;
        assert!(judged <= SECOND * 2 + TIMEOUT, "{judged:?}");
        assert!(judged >= fastest, "{judged:?}");
        assert_eq!(seen.len(), 3, "no recheck more than fall asks for: {seen:?}");
        let spacing = seen[2].started - seen[1].started;
        assert!(spacing >= SECOND - Duration::from_millis(5), "{spacing:?}");
        stage.running.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_is_cancelled_in_flight() {
    let mut stage = stage(vec![Does::Hang], list([(0, watch_of(0, SECOND * 10))]));
    advance(SECOND).await;
    assert!(Arc::strong_count(&stage.alive) > 2, "a probe is in flight");
    stage.watches.send(list([])).unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&stage.alive), 2, "the test and the maker hold on, no probe does");
    assert!(stage.during(SECOND * 60).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_cadence_holds_at_once_without_a_second_probe() {
    let mut stage = stage(vec![Does::Pass], list([(0, watch_of(0, SECOND * 3600))]));
    assert_eq!(stage.during(SECOND * 2).await.len(), 1);
    stage.watches.send(list([(0, watch_of(0, SECOND * 20))])).unwrap();
    assert!(stage.during(SECOND * 16).await.is_empty(), "no probe because of the change");
    assert_eq!(stage.during(SECOND * 4).await.len(), 1, "the new interval counts from the latest start");
}

#[tokio::test(start_paused = true)]
async fn a_new_target_beside_old_ones_is_probed_at_once() {
    let old = watch_of(0, SECOND * 10);
    let both = list([(0, old.clone()), (1, watch_of(1, SECOND * 10))]);
    let mut stage = stage(vec![Does::Pass, Does::Pass], both.clone());
    stage.watches.send(list([(0, old)])).unwrap();
    let seen = stage.during(Duration::from_millis(100)).await;
    assert!(seen.iter().filter(|r| r.id == WatchId(0)).count() == 1);
    stage.watches.send(both).unwrap();
    let seen = stage.during(Duration::from_millis(100)).await;
    assert_eq!(seen.iter().map(|r| r.id).collect::<Vec<_>>(), [WatchId(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_probe_ends_the_loop_aloud() {
    let stage = stage(vec![Does::Panic], list([(0, watch_of(0, SECOND))]));
    let error = stage.running.await.unwrap_err();
    assert!(error.is_panic());
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_with_its_list() {
    let stage = stage(vec![Does::Hang], list([(0, watch_of(0, SECOND * 10))]));
    drop(stage.watches);
    stage.running.await.unwrap();
}
