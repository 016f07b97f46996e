//! One drill from its first query to its report.
//!
//! Control fails the region and lets it go in time; here is only asked and listened, against one clock
//! that begins with the event that says so. Should this end early, the drill still ends in time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast::{Receiver, error::RecvError, error::TryRecvError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::asker::{Asker, Slot};
use super::measure::Measure;
use super::plan::{self, Plan};
use super::report::Report;
use super::store::Store;
use crate::control::{By, DrillEnd, DrillRefused, Event, Handle};

/// How long answers are watched before the region fails: several for each name.
const BASELINE: Duration = Duration::from_millis(200);
/// Between two questions to one resolver.
const RESOLVE_EVERY: Duration = Duration::from_millis(500);

/// What a drill needs of its surroundings.
pub(super) struct Outside {
    pub(super) control: Handle,
    pub(super) listeners: Arc<[SocketAddr]>,
    pub(super) store: Store,
    /// The report as it grows.
    pub(super) report: watch::Sender<Option<Arc<Report>>>,
    /// Who wants it to end.
    pub(super) stop: mpsc::Receiver<By>,
}

/// Why a drill did not begin.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// Control refused it.
    #[error(transparent)]
    Refused(#[from] DrillRefused),
    /// There is no socket to ask from.
    #[error("no socket to ask the node with")]
    Sockets(#[from] io::Error),
}

/// Told once the region fails, or why it does not.
pub(super) type Begun = oneshot::Sender<Result<Arc<Report>, NotBegun>>;

/// Runs a drill to its end.
pub(super) async fn run(plan: Plan, outside: Outside, begun: Begun) {
    let mut run = match Run::prepare(plan, outside).await {
        Ok(run) => run,
        Err(why) => return drop(begun.send(Err(why))),
    };
    match run.begin().await {
        Ok(()) => drop(begun.send(Ok(run.publish()))),
        Err(why) => return drop(begun.send(Err(why.into()))),
    }
    while !run.measure.is_over() {
        // The last word is not shown before it is written.
        if run.step().await && !run.measure.is_over() {
            run.judge().await;
            run.publish();
        }
    }
    run.finish().await;
}

struct Run {
    plan: Plan,
    outside: Outside,
    events: Receiver<Arc<Event>>,
    measure: Measure,
    /// How many names the node is asked for: slots are these, over and over.
    names: usize,
    asker: Asker,
    resolvers: Asker,
    /// What control was told of the target.
    judged: Option<bool>,
    writing: Option<JoinHandle<()>>,
}

impl Run {
    async fn prepare(plan: Plan, outside: Outside) -> Result<Self, NotBegun> {
        let status = outside.control.status().await.map_err(|_| DrillRefused::Stopped)?;
        let (watched, more) = plan::watched(&status, &plan.order.region);
        let (slots, gap) = plan::slots(&watched, &plan::servers(&outside.listeners));
        let asker = Asker::new(slots, gap, false).await;
        let unasked = unasked(&asker)?;
        // One name tells when a resolver lets go.
        let question = watched.get(plan::told_by_resolvers(&watched)).map(|watched| &watched.question);
        let slot = |server: &SocketAddr| Some(Slot { server: *server, question: question?.clone() });
        let slots: Vec<_> = plan.resolvers.iter().filter_map(slot).collect();
        let gap = RESOLVE_EVERY / u32::try_from(slots.len()).unwrap_or(u32::MAX).max(1);
        let resolvers = Asker::new(slots, gap, true).await;
        let events = outside.control.events();
        let names = watched.len();
        let mut measure = Measure::new(&plan, watched, more);
        unasked.into_iter().for_each(|note| measure.note(note));
        resolvers.unasked().for_each(|(place, _, why)| measure.note_unasked(place, &why.to_string()));
        Ok(Self { plan, outside, events, measure, names, asker, resolvers, judged: None, writing: None })
    }

    /// Watches for a while, and has the region fail.
    async fn begin(&mut self) -> Result<(), DrillRefused> {
        let until = Instant::now() + BASELINE;
        while self.names > 0 && Instant::now() < until {
            tokio::select! {
                biased;
                () = sleep_until(until) => {}
                _ = self.step() => {}
            }
        }
        let (control, order) = (self.outside.control.clone(), self.plan.order.clone());
        let ordered = (Instant::now(), SystemTime::now());
        let mut beginning = std::pin::pin!(control.begin_drill(order));
        loop {
            // What is told while it begins is not missed: its own event is among it.
            tokio::select! {
                biased;
                begun = beginning.as_mut() => break begun?,
                _ = self.step() => {}
            }
        }
        self.make_sure(ordered).await;
        self.judge().await;
        Ok(())
    }

    /// Takes in the event of the beginning, which was told before control replied; or does without it.
    async fn make_sure(&mut self, (at, wall): (Instant, SystemTime)) {
        while !self.measure.has_begun() {
            match self.events.try_recv() {
                Ok(event) => drop(self.measure.take(&event, Instant::now())),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => {
                    self.measure.begin(at, wall);
                    // What is more may have been lost with it.
                    self.catch_up().await;
                }
            }
        }
    }

    /// Waits for one thing and takes it in; whether the report should say.
    async fn step(&mut self) -> bool {
        let has_begun = self.measure.has_begun();
        tokio::select! {
            biased;
            event = self.events.recv() => match event {
                Ok(event) => self.measure.take(&event, Instant::now()),
                Err(RecvError::Lagged(_)) => self.catch_up().await,
                Err(RecvError::Closed) => {
                    self.measure.abort("the node was stopped");
                    true
                }
            },
            by = self.outside.stop.recv(), if has_begun => {
                match by {
                    Some(by) => self.stop(by).await,
                    None => self.measure.abort("the node was stopped"),
                }
                true
            }
            () = until(self.measure.deadline()) => {
                self.measure.give_up();
                true
            }
            heard = self.asker.next() => self.measure.hear(heard.slot % self.names.max(1), heard.at, &heard.sight),
            heard = self.resolvers.next() => {
                self.measure.hear_resolver(heard.slot, heard.at, &heard.sight);
                false
            }
        }
    }

    /// Events were missed: asks what they said.
    async fn catch_up(&mut self) -> bool {
        // Where control is gone, the events are, too, and that ends it.
        let Ok(status) = self.outside.control.status().await else { return false };
        let is_running = status.drill.as_ref().is_some_and(|drill| drill.order.id == self.plan.order.id);
        let (at, wall) = (Instant::now(), SystemTime::now());
        if is_running {
            self.measure.begin(at, wall);
        }
        let views: Vec<_> = self.measure.watched().iter().map(|watched| watched.view(&status)).collect();
        self.measure.catch_up(is_running, &views, at, wall);
        true
    }

    async fn stop(&mut self, by: By) {
        let why = DrillEnd::Asked { author: Arc::clone(&by.author), reason: Arc::clone(&by.reason) };
        // An error says that control has done its part; what is left is to stop waiting.
        let ended = self.outside.control.end_drill(Arc::clone(&self.plan.order.id), why).await;
        if ended.is_err() || !self.measure.is_failing() {
            self.measure.stop(&by, Instant::now());
        }
    }

    /// Lets control know whether the target is met, for the event of the end.
    async fn judge(&mut self) {
        if !self.measure.has_target() || !self.measure.is_failing() {
            return;
        }
        let met = self.measure.report().met == Some(true);
        if self.judged != Some(met) {
            self.judged = Some(met);
            self.outside.control.judge_drill(Arc::clone(&self.plan.order.id), met).await;
        }
    }

    /// Shows the report, and writes it unless the one before is still being written.
    fn publish(&mut self) -> Arc<Report> {
        let report = Arc::new(self.measure.report());
        self.outside.report.send_replace(Some(Arc::clone(&report)));
        if self.writing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.writing = Some(write(&self.outside.store, Arc::clone(&report)));
        }
        report
    }

    /// Writes the last word.
    async fn finish(mut self) {
        if let Some(writing) = self.writing.take() {
            // It has told what went wrong.
            let _ = writing.await;
        }
        let report = Arc::new(self.measure.report());
        let _ = write(&self.outside.store, Arc::clone(&report)).await;
        self.outside.report.send_replace(Some(report));
    }
}

/// What to say of listeners that cannot be asked; an error where none can.
fn unasked(asker: &Asker) -> io::Result<Vec<String>> {
    let mut notes = Vec::new();
    let mut last = None;
    for (_, server, why) in asker.unasked() {
        last = Some(why);
        let note = format!("the node is not asked at {server}: {why}");
        // Each name would say so.
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    match last {
        Some(why) if asker.is_idle() => Err(io::Error::new(why.kind(), why.to_string())),
        _ => Ok(notes),
    }
}

fn write(store: &Store, report: Arc<Report>) -> JoinHandle<()> {
    let store = store.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = store.write(&report) {
            tracing::warn!(%error, id = report.id, "the report of a drill is not written");
        }
    })
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
