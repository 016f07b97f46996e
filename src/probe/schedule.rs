//! The scheduler: one loop that starts probes when the agenda says so, and one task for each probe in
//! flight. A probe that hangs therefore holds up nothing but itself. What has ended since the last look
//! is reported together: the more there is to do, the less each report costs.
//!
//! Probes run where the loop runs, so that none has to be woken from another thread: most of them wait
//! and hardly compute. Those that do compute run on other threads, and delay none of the others.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::agenda::Agenda;
use super::{Reporter, Target, Watches};
use crate::model::check::{Watch, WatchId};
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

/// Observations reported together. Each of them may turn a verdict, so that the first answer that moves
/// waits for as many.
const REPORTED_MAX: usize = 256;

/// Something that can be probed.
pub(super) trait Observe: Send + Sync + 'static {
    /// Probes once.
    fn observe(&self) -> impl Future<Output = Observation> + Send;

    /// Whether that keeps a processor busy, and must not be done between other probes.
    fn is_laborious(&self) -> bool;
}

impl Observe for Target {
    fn observe(&self) -> impl Future<Output = Observation> + Send {
        Self::observe(self)
    }

    fn is_laborious(&self) -> bool {
        Self::is_laborious(self)
    }
}

/// Probes what the list names until `shutdown` comes or the list has no writer any more; on `workers`,
/// what is laborious.
pub(super) async fn run<R: Reporter, T: Observe>(
    mut watches: watch::Receiver<Watches>,
    reporter: R,
    prepare: impl FnMut(Arc<Watch>) -> T + Send,
    workers: Handle,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut shutdown = pin!(shutdown);
    let mut scheduler = Scheduler::new(reporter, prepare, workers);
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
            Some(ended) = scheduler.probes.join_next_with_id() => scheduler.finish(ended).await,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}

struct Scheduler<R, T, P> {
    reporter: R,
    prepare: P,
    workers: Handle,
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

    /// Probes when there is room for it, as was planned for `due`. Semaphores are never closed: an error
    /// would only mean that nothing bounds the probe.
    async fn observe<T: Observe>(&self, target: &T, due: Instant) -> Observation {
        let _probe = self.probes.acquire().await;
        let late = due.elapsed();
        let mut observation = target.observe().await;
        observation.phases.late = late;
        observation
    }

    /// As [`Room::observe`], for the first probe of a target.
    async fn observe_first<T: Observe>(&self, target: &T, due: Instant) -> Observation {
        let first = self.firsts.acquire().await;
        // In a box, because thousands may have waited for it, and it is larger than they are.
        let mut observing = Box::pin(self.observe(target, due));
        if let Ok(observation) = timeout(FIRST_WORK_MAX, &mut observing).await {
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
    /// Whether its first probe was started.
    is_begun: bool,
    in_flight: Vec<AbortHandle>,
}

/// What a probe's task leaves behind.
struct Ended {
    id: WatchId,
    number: u64,
    observation: Observation,
}

impl<T> Drop for Line<T> {
    /// A target that is gone is not waited for.
    fn drop(&mut self) {
        self.in_flight.iter().for_each(AbortHandle::abort);
    }
}

impl<R: Reporter, T: Observe, P: FnMut(Arc<Watch>) -> T> Scheduler<R, T, P> {
    fn new(reporter: R, prepare: P, workers: Handle) -> Self {
        Self {
            reporter,
            prepare,
            workers,
            agenda: Agenda::new(Instant::now()),
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
            is_begun: false,
            in_flight: Vec::new(),
        };
        self.lines.insert(id, line);
        self.agenda.add(id, watch.cadence, now);
    }

    /// Starts everything that is due.
    fn start(&mut self) {
        let now = Instant::now();
        while let Some((id, due)) = self.agenda.start(now) {
            let Some(line) = self.lines.get_mut(&id) else { continue };
            let (target, number, room) = (line.target.clone(), line.number, self.room.clone());
            let workers = target.is_laborious().then_some(&self.workers);
            let ended = move |observation| Ended { id, number, observation };
            let task = if std::mem::replace(&mut line.is_begun, true) {
                spawn(&mut self.probes, workers, async move { ended(room.observe(&*target, due).await) })
            } else {
                spawn(&mut self.probes, workers, async move { ended(room.observe_first(&*target, due).await) })
            };
            line.in_flight.push(task);
        }
    }

    /// Reports the end of a probe and of all others that have ended by now, in that order: the pace of
    /// the last report of a target is the one that holds.
    async fn finish(&mut self, first: Result<(Id, Ended), JoinError>) {
        let (mut ids, mut seen) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(ended) = next {
            if let Some((id, observation)) = self.end(ended) {
                ids.push(id);
                seen.push((id, observation));
            }
            next = if seen.len() < REPORTED_MAX { self.probes.try_join_next_with_id() } else { None };
        }
        if seen.is_empty() {
            return;
        }
        let paces = self.reporter.report(seen).await;
        let now = Instant::now();
        for (id, pace) in ids.into_iter().zip(paces) {
            self.agenda.finish(id, pace, now);
        }
    }

    /// Takes the end of a probe; what it saw, unless its target is gone.
    ///
    /// # Panics
    /// Where the probe did: a check that stops in silence is worse than a process that ends.
    fn end(&mut self, ended: Result<(Id, Ended), JoinError>) -> Option<(WatchId, Observation)> {
        let (task, Ended { id, number, observation }) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Cancelled, with its target.
            Err(_) => return None,
        };
        let line = self.lines.get_mut(&id).filter(|line| line.number == number)?;
        line.in_flight.retain(|handle| handle.id() != task);
        Some((id, observation))
    }
}

/// Starts a task, on `workers` if there are any.
fn spawn<T: Send + 'static>(
    tasks: &mut JoinSet<T>,
    workers: Option<&Handle>,
    task: impl Future<Output = T> + Send + 'static,
) -> AbortHandle {
    match workers {
        Some(workers) => tasks.spawn_on(task, workers),
        None => tasks.spawn(task),
    }
}

/// How many probes may be in flight.
fn in_flight_max() -> usize {
    let sockets = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(sockets / 2).unwrap_or(IN_FLIGHT_MAX).clamp(64, IN_FLIGHT_MAX)
}

#[cfg(test)]
mod tests;
