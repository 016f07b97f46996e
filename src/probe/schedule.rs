//! The scheduler: one loop that starts probes when the agenda says so, and one task for each probe in
//! flight. A probe that hangs therefore holds up nothing but itself.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::agenda::Agenda;
use super::{Reporter, Target, Watches};
use crate::model::check::{Pace, Watch, WatchId};
use crate::model::observation::Observation;

/// Probes in flight, all targets together. Each has a socket, so half of what the process may have
/// is another bound.
const IN_FLIGHT_MAX: usize = 16_384;

/// First probes at work at the same time, per processor: thousands of targets that appear together
/// would make each other time out with their handshakes.
const FIRST_AT_WORK_MAX: usize = 128;

/// How long a first probe counts as being at work; after that it waits for its target, and the next
/// may begin. So even when nothing answers, 1,280 begin in each second and processor.
const FIRST_WORK_MAX: Duration = Duration::from_millis(100);

/// Something that can be probed.
pub(super) trait Observe: Send + Sync + 'static {
    /// Probes once.
    fn observe(&self) -> impl Future<Output = Observation> + Send;
}

impl Observe for Target {
    fn observe(&self) -> impl Future<Output = Observation> + Send {
        Self::observe(self)
    }
}

/// Probes what the list names until `shutdown` comes or the list has no writer any more.
pub(super) async fn run<R: Reporter, T: Observe>(
    mut watches: watch::Receiver<Watches>,
    reporter: R,
    prepare: impl FnMut(Arc<Watch>) -> T + Send,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut shutdown = pin!(shutdown);
    let mut scheduler = Scheduler::new(reporter, prepare);
    let list = watches.borrow_and_update().clone();
    scheduler.take(&list);
    loop {
        scheduler.start();
        let due = scheduler.agenda.next();
        tokio::select! {
            () = &mut shutdown => return,
            changed = watches.changed() => {
                if changed.is_err() {
                    return;
                }
                let list = watches.borrow_and_update().clone();
                scheduler.take(&list);
            }
            Some(ended) = scheduler.probes.join_next_with_id() => scheduler.finish(ended),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}

struct Scheduler<R, T, P> {
    reporter: R,
    prepare: P,
    agenda: Agenda,
    lines: HashMap<WatchId, Line<T>>,
    /// Counts targets taken up, so that a probe knows whether its target is still the same.
    taken: u64,
    probes: JoinSet<Ended>,
    room: Arc<Room>,
}

/// Bounds on what runs at the same time.
struct Room {
    probes: Semaphore,
    firsts: Semaphore,
}

impl Room {
    fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { probes: Semaphore::new(in_flight_max()), firsts: Semaphore::new(FIRST_AT_WORK_MAX * processors) }
    }

    /// Probes when there is room for it. Semaphores are never closed: an error would only mean that
    /// nothing bounds the probe.
    async fn observe<T: Observe>(&self, target: &T, is_first: bool) -> Observation {
        let first = if is_first { Some(self.firsts.acquire().await) } else { None };
        let _probe = self.probes.acquire().await;
        // In a box, because it is large and may have waited for long.
        let mut observing = Box::pin(target.observe());
        if first.is_some()
            && let Ok(observation) = timeout(FIRST_WORK_MAX, &mut observing).await
        {
            return observation;
        }
        drop(first);
        observing.await
    }
}

/// A target under way.
struct Line<T> {
    watch: Arc<Watch>,
    target: Arc<T>,
    number: u64,
    /// Reports of one target go one by one; counts them.
    reports: Arc<Mutex<u64>>,
    /// The latest report whose pace was taken.
    paced: u64,
    /// Whether its first probe was started.
    is_begun: bool,
    in_flight: Vec<AbortHandle>,
}

/// What a probe's task leaves behind.
struct Ended {
    id: WatchId,
    number: u64,
    report: u64,
    pace: Pace,
}

impl<T> Drop for Line<T> {
    /// A target that is gone is not waited for.
    fn drop(&mut self) {
        self.in_flight.iter().for_each(AbortHandle::abort);
    }
}

impl<R: Reporter, T: Observe, P: FnMut(Arc<Watch>) -> T> Scheduler<R, T, P> {
    fn new(reporter: R, prepare: P) -> Self {
        Self {
            reporter,
            prepare,
            agenda: Agenda::new(),
            lines: HashMap::new(),
            taken: 0,
            probes: JoinSet::new(),
            room: Arc::new(Room::new()),
        }
    }

    /// Takes a list up: what is new is probed at once, what is gone is cancelled, and what has another
    /// cadence is planned anew.
    fn take(&mut self, list: &[(WatchId, Arc<Watch>)]) {
        let now = Instant::now();
        let listed: HashSet<WatchId> = list.iter().map(|(id, _)| *id).collect();
        let gone: Vec<WatchId> = self.lines.keys().filter(|id| !listed.contains(id)).copied().collect();
        for id in gone {
            self.lines.remove(&id);
            self.agenda.remove(id);
        }
        for (id, watch) in list {
            match self.lines.get_mut(id) {
                Some(line) if line.watch.probe == watch.probe => {
                    if line.watch.cadence != watch.cadence {
                        self.agenda.retime(*id, watch.cadence, now);
                    }
                    line.watch = watch.clone();
                }
                _ => self.add(*id, watch, now),
            }
        }
    }

    fn add(&mut self, id: WatchId, watch: &Arc<Watch>, now: Instant) {
        self.taken += 1;
        let line = Line {
            watch: watch.clone(),
            target: Arc::new((self.prepare)(watch.clone())),
            number: self.taken,
            reports: Arc::default(),
            paced: 0,
            is_begun: false,
            in_flight: Vec::new(),
        };
        self.lines.insert(id, line);
        self.agenda.add(id, watch.cadence, now);
    }

    /// Starts everything that is due.
    fn start(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.agenda.start(now) {
            let Some(line) = self.lines.get_mut(&id) else { continue };
            let (target, reports, number) = (line.target.clone(), line.reports.clone(), line.number);
            let (room, reporter) = (self.room.clone(), self.reporter.clone());
            let is_first = !std::mem::replace(&mut line.is_begun, true);
            let task = self.probes.spawn(async move {
                let observation = room.observe(&*target, is_first).await;
                // One by one, because the pace of the later report must win, and two replies that
                // are there together would be taken up in any order.
                let mut report = reports.lock().await;
                let pace = reporter.report(id, observation).await;
                *report += 1;
                Ended { id, number, report: *report, pace }
            });
            line.in_flight.push(task);
        }
    }

    /// Takes the end of a probe.
    ///
    /// # Panics
    /// Where the probe did: a check that stops in silence is worse than a process that ends.
    fn finish(&mut self, ended: Result<(tokio::task::Id, Ended), JoinError>) {
        let (task, Ended { id, number, report, pace }) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Cancelled, with its target.
            Err(_) => return,
        };
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.number == number) else { return };
        line.in_flight.retain(|handle| handle.id() != task);
        let is_latest = report > line.paced;
        line.paced = line.paced.max(report);
        self.agenda.finish(id, is_latest.then_some(pace), Instant::now());
    }
}

/// How many probes may be in flight.
fn in_flight_max() -> usize {
    let sockets = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(sockets / 2).unwrap_or(IN_FLIGHT_MAX).clamp(64, IN_FLIGHT_MAX)
}

#[cfg(test)]
mod tests;
