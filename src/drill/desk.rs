//! Where drills are asked for, planned, and looked up: one runs at a time.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::plan::Plan;
use super::report::Report;
use super::runner::{self, Begun, NotBegun, Outside};
use super::schedule::{self, Agenda};
use super::store::Store;
use crate::control::{By, DrillChange, DrillOrder, DrillRefused, Handle, Kind};
use crate::model::Region;
use crate::model::drill::DrillPlan;
use crate::model::node::Node;

/// Asks that may wait: each is answered at once.
const ASKS_MAX: usize = 16;
/// How long the wall clock is left alone: it may be set.
const LOOK: Duration = Duration::from_secs(30);
/// What the end of a drill may take until it is told as it stands.
const END_TIME: Duration = Duration::from_secs(5);

/// Who orders planned drills.
const PLANNER: &str = "pharos";

/// A drill that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What shall fail.
    pub region: Region,
    /// For how long.
    pub lasts: Duration,
    /// The target for the changed answer and its TTL.
    pub rto: Option<Duration>,
    /// Resolvers that are watched, too.
    pub resolvers: Vec<SocketAddr>,
    /// Who, and why.
    pub by: By,
}

enum Command {
    Begin(Ask, Begun),
    End(String, By, oneshot::Sender<bool>),
}

/// The way to the drills of a node; cheap to clone.
#[derive(Clone)]
pub struct Drills {
    commands: mpsc::Sender<Command>,
    current: watch::Receiver<Option<Arc<Report>>>,
    store: Store,
}

/// What runs them.
pub struct Desk {
    commands: mpsc::Receiver<Command>,
    control: Handle,
    listeners: Arc<[SocketAddr]>,
    report: watch::Sender<Option<Arc<Report>>>,
    store: Store,
    running: Option<Running>,
    agenda: Agenda,
}

struct Running {
    id: Arc<str>,
    stop: mpsc::Sender<By>,
    run: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The drills of a node whose DNS is answered at `listeners` and whose state lies in `state`. What an
/// earlier run left is ended. [`Desk::run`] is to be spawned.
pub async fn open(control: Handle, listeners: &[SocketAddr], state: &Path) -> (Drills, Desk) {
    let store = Store::new(state);
    let opened = store.clone();
    let left = tokio::task::spawn_blocking(move || opened.open()).await.unwrap_or_default();
    for report in left {
        tracing::info!(id = report.id, region = report.region, "a drill was cut short by a restart");
    }
    let (commands, inbox) = mpsc::channel(ASKS_MAX);
    let (report, current) = watch::channel(None);
    let desk = Desk {
        commands: inbox,
        control,
        listeners: listeners.into(),
        report,
        store: store.clone(),
        running: None,
        agenda: Agenda::new(SystemTime::now()),
    };
    (Drills { commands, current, store }, desk)
}

impl Drills {
    /// Begins one. Returns once the region fails.
    ///
    /// # Errors
    /// [`NotBegun`].
    pub async fn begin(&self, ask: Ask) -> Result<Arc<Report>, NotBegun> {
        let (back, reply) = oneshot::channel();
        // Where the desk is gone, the reply tells.
        let _ = self.commands.send(Command::Begin(ask, back)).await;
        reply.await.unwrap_or(Err(NotBegun::Refused(DrillRefused::Stopped)))
    }

    /// Takes a running one back, or stops waiting for what comes back after it. Returns once that is done;
    /// none where it is not running.
    pub async fn end(&self, id: &str, by: By) -> Option<Arc<Report>> {
        let (back, reply) = oneshot::channel();
        let _ = self.commands.send(Command::End(id.to_owned(), by, back)).await;
        if !reply.await.unwrap_or(false) {
            return None;
        }
        let mut current = self.current.clone();
        let is_over = |report: &Option<Arc<Report>>| {
            report.as_ref().is_none_or(|report| report.id != id || report.state.is_over())
        };
        // Where it takes longer, what is known by now will do.
        let _ = timeout(END_TIME, current.wait_for(is_over)).await;
        self.find(id).await
    }

    /// All that are kept, the newest first.
    pub async fn list(&self) -> Vec<Arc<Report>> {
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.list()).await.unwrap_or_default();
        let mut all: Vec<_> = kept.into_iter().map(Arc::new).collect();
        if let Some(current) = self.current() {
            all.retain(|report| report.id != current.id);
            all.push(current);
            all.sort_by(|one, two| two.id.cmp(&one.id));
        }
        all
    }

    /// One by its id.
    pub async fn find(&self, id: &str) -> Option<Arc<Report>> {
        if let Some(current) = self.current().filter(|current| current.id == id) {
            return Some(current);
        }
        let (store, id) = (self.store.clone(), id.to_owned());
        let found = tokio::task::spawn_blocking(move || store.find(&id)).await.unwrap_or_default();
        found.map(Arc::new)
    }

    /// The last one of this run.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Report>> {
        self.current.borrow().clone()
    }
}

impl Desk {
    /// Runs what is asked for and what is planned, for as long as the node does.
    pub async fn run(mut self) {
        let mut settings = self.control.settings();
        let mut node = Arc::clone(&settings.borrow_and_update());
        loop {
            let wake = wait(self.agenda.next(&node.drills));
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Begin(ask, back)) => self.begin(ask, None, back),
                    // Whoever asked may have gone.
                    Some(Command::End(id, by, back)) => drop(back.send(self.end(&id, by))),
                    None => return,
                },
                () = run(&mut self.running) => self.running = None,
                () = sleep(wake) => self.look(&node).await,
                changed = settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // Up to now the plans before were in force: a new one is not due for what was before it.
                    self.look(&node).await;
                    node = Arc::clone(&settings.borrow_and_update());
                }
            }
        }
    }

    fn begin(&mut self, ask: Ask, scheduled: Option<Arc<str>>, back: Begun) {
        if let Some(running) = &self.running {
            let refused = DrillRefused::Running(Arc::clone(&running.id));
            return drop(back.send(Err(refused.into())));
        }
        let Ask { region, lasts, rto, resolvers, by: By { author, reason } } = ask;
        let id: Arc<str> = id_of(SystemTime::now(), &region, self.report.borrow().as_deref()).into();
        let order = DrillOrder { id: Arc::clone(&id), region, lasts, author, reason };
        let (stop, stopped) = mpsc::channel(1);
        let outside = Outside {
            control: self.control.clone(),
            listeners: Arc::clone(&self.listeners),
            store: self.store.clone(),
            report: self.report.clone(),
            stop: stopped,
        };
        let run = runner::run(Plan { order, rto, resolvers, scheduled }, outside, back);
        self.running = Some(Running { id, stop, run: Box::pin(run) });
    }

    /// Whether there is something to end. One that is told twice has been told.
    fn end(&mut self, id: &str, by: By) -> bool {
        let Some(running) = self.running.as_ref().filter(|running| *running.id == *id) else { return false };
        let _ = running.stop.try_send(by);
        true
    }

    /// Begins what has become due, or tells why not.
    async fn look(&mut self, node: &Node) {
        for plan in self.agenda.due(&node.drills, SystemTime::now()) {
            self.begin_planned(plan).await;
        }
    }

    async fn begin_planned(&mut self, plan: &DrillPlan) {
        let DrillPlan { name, region, cron: _, lasts, rto, resolvers, reason } = plan;
        let control = self.control.clone();
        let skip = {
            let (control, name, region) = (control.clone(), Arc::clone(name), region.clone());
            async move |why: String| {
                let why = why.into();
                control.tell(Kind::Drill(DrillChange::Skipped { name, region, why })).await;
            }
        };
        let running = self.running.as_ref().map(|running| format!("the drill {} is running", running.id));
        let unfit = match (running, control.status().await) {
            (Some(why), _) => Some(why),
            (None, Ok(status)) => schedule::unfit(&status, region),
            (None, Err(stopped)) => Some(stopped.to_string()),
        };
        if let Some(why) = unfit {
            return skip(why).await;
        }
        let by = By { author: PLANNER.into(), reason: Arc::clone(reason) };
        let ask = Ask { region: region.clone(), lasts: *lasts, rto: *rto, resolvers: resolvers.clone(), by };
        let (back, begun) = oneshot::channel();
        self.begin(ask, Some(Arc::clone(name)), back);
        // Told beside it: the desk must go on for it to begin.
        if let Some(running) = &mut self.running {
            let run = std::mem::replace(&mut running.run, Box::pin(std::future::ready(())));
            running.run = Box::pin(async move {
                let tell = async {
                    if let Ok(Err(why)) = begun.await {
                        skip(why.to_string()).await;
                    }
                };
                tokio::join!(run, tell);
            });
        }
    }
}

/// How long to sleep until the next plan may be due.
fn wait(next: Option<SystemTime>) -> Duration {
    let left = next.map(|next| next.duration_since(SystemTime::now()).unwrap_or_default());
    // A timer that is early would find nothing due.
    left.map_or(LOOK, |left| (left + Duration::from_millis(1)).min(LOOK))
}

async fn run(running: &mut Option<Running>) {
    match running {
        Some(running) => running.run.as_mut().await,
        None => std::future::pending().await,
    }
}

/// `20261121T053819Z-us-east`; a second one within the second has another second.
fn id_of(now: SystemTime, region: &Region, last: Option<&Report>) -> String {
    let of = |time| {
        let time = humantime::format_rfc3339_seconds(time).to_string();
        format!("{}-{region}", time.replace(['-', ':'], ""))
    };
    let id = of(now);
    match last {
        Some(last) if last.id.split_once('-').map(|(time, _)| time) >= id.split_once('-').map(|(time, _)| time) => {
            of(last.begun.max(now) + Duration::from_secs(1))
        }
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn ids_rise() {
        let now = report(None, vec![]).begun;
        let region = Region::new("us-east");
        assert_eq!(id_of(now, &region, None), "20261121T053819Z-us-east");
        let last = report(None, vec![]);
        assert_eq!(id_of(now, &Region::new("eu"), Some(&last)), "20261121T053820Z-eu");
        assert_eq!(id_of(now + Duration::from_secs(5), &region, Some(&last)), "20261121T053824Z-us-east");
    }
}
