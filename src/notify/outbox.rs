//! All sinks together: started, changed by a reload, watched, and their cursors written down.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::ledger::{Content, Entry, Ledger};
use super::progress::Progress;
use super::selection::Selection;
use super::sink::{Channel, Speak, Unready, Wallet, takes_alerts_only};
use super::worker::{Tell, Worker};
use super::{State, Tested, View};
use crate::control::{EventId, HISTORY_MAX, History, Kind, Record, Stage};
use crate::model::event::{Severity, Topic};
use crate::model::sink::Sink;

/// Between two writes of the cursors. What a crash loses of them is delivered once more.
const WRITE_GAP: Duration = Duration::from_secs(1);
/// And so many times what a write took: after a failure of thousands the file is some MB.
const WRITE_GAP_FACTOR: u32 = 20;
/// After a write that failed.
const WRITE_RETRY: Duration = Duration::from_secs(10);
/// What attempts under way may take at the end; what they tell is told again after the next start.
const STOP_TIME: Duration = Duration::from_secs(1);
/// Crews that wait to be run. Who changes sinks waits for a place before he changes anything.
const CREWS_WAITING_MAX: usize = 1;
/// Tests at once.
const TESTS_MAX: usize = 4;

/// A task of this room has ended that never should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sink ended unexpectedly")]
pub struct Died;

/// The way to the sinks; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What a worker runs with, and what is known of it.
struct Running {
    sink: Sink,
    /// None: it cannot be used, and the state says why.
    channel: Option<Arc<Channel>>,
    progress: Arc<Progress>,
    stop: watch::Sender<bool>,
}

/// The workers that one change of the sinks needs.
type Crew = Vec<Worker<Channel, Teller>>;

struct Shared {
    node: Arc<str>,
    history: Arc<History>,
    tell: Box<dyn Fn(Kind) -> JoinHandle<()> + Send + Sync>,
    sinks: ArcSwap<Vec<Arc<Running>>>,
    /// How far sinks were in the last run, until they are started. Whoever waits for anything does not hold it.
    saved: std::sync::Mutex<BTreeMap<String, Entry>>,
    /// Where workers go to be run. Held while sinks are changed, which `run` never waits for.
    crews: Mutex<mpsc::Sender<Crew>>,
    /// Rung when sinks were changed, or cursors moved.
    changed: Arc<Notify>,
    tests: Semaphore,
}

/// Goes on from where the last run left the sinks of a node; they are started by [`Handle::apply`]. What is
/// returned runs as long as the node: it ends once `stop` completes, or with an error when a sink died.
///
/// # Errors
/// [`Died`] where the file of cursors made reading it panic.
pub async fn start<S: Future<Output = ()> + Send>(
    node: Arc<str>,
    folder: &Path,
    control: crate::control::Handle,
    stop: S,
) -> Result<(Handle, impl Future<Output = Result<(), Died>> + Send + use<S>), Died> {
    let folder = folder.to_owned();
    let opened = tokio::task::spawn_blocking(move || Ledger::open(&folder)).await;
    let (ledger, saved) = opened.map_err(|_| Died)?;
    let history = Arc::clone(control.history());
    let tell = move |kind| {
        let control = control.clone();
        tokio::spawn(async move { Tell::tell(&control, kind).await })
    };
    let (crews, hired) = mpsc::channel(CREWS_WAITING_MAX);
    let shared = Arc::new(Shared {
        node,
        history,
        tell: Box::new(tell),
        sinks: ArcSwap::default(),
        saved: std::sync::Mutex::new(saved),
        crews: Mutex::new(crews),
        changed: Arc::default(),
        tests: Semaphore::new(TESTS_MAX),
    });
    let run = run(Arc::clone(&shared), hired, ledger, stop);
    Ok((Handle { shared }, run))
}

impl Handle {
    /// Puts sinks in force: those that are as before go on, changed ones end what is under way and go on
    /// from there as they are now, new ones begin with what happens from now on. Secrets are read again.
    pub async fn apply(&self, sinks: Vec<Sink>) {
        let shared = &self.shared;
        // First of all, so that who came later is later.
        let crews = shared.crews.lock().await;
        // An error is a panic, which has been told.
        let Ok(wanted) = tokio::task::spawn_blocking(move || with_secrets(sinks)).await else { return };
        // From here on nothing is waited for, so that a change is made as a whole or not at all. An error says
        // that the node is stopping.
        let Ok(place) = crews.reserve().await else { return };
        let before = shared.sinks.load_full();
        let mut crew = Crew::new();
        let mut after = Vec::with_capacity(wanted.len());
        for (sink, wallet) in wanted {
            let old = before.iter().find(|old| old.sink.name == sink.name);
            if let Some(same) = old.filter(|old| is_as_before(old, &sink, &wallet)) {
                after.push(Arc::clone(same));
                continue;
            }
            let progress = match old {
                Some(old) => shared.carry_on(old, &sink),
                None => shared.begin(&sink),
            };
            after.push(shared.launch(sink, wallet, progress, &mut crew));
        }
        let goes_on = |old: &&Arc<Running>| after.iter().any(|new| Arc::ptr_eq(new, old));
        for gone in before.iter().filter(|old| !goes_on(old)) {
            gone.stop.send_replace(true);
            if after.iter().all(|new| new.sink.name != gone.sink.name) {
                tracing::info!(sink = &*gone.sink.name, "no longer notifying");
            }
        }
        shared.sinks.store(Arc::new(after));
        // After that, so that no write misses a cursor. What is left belongs to sinks that were taken out while
        // the node was down.
        shared.saved().clear();
        place.send(crew);
        shared.changed.notify_one();
    }

    /// How the sinks fare, in the order of the file.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.shared.sinks.load().iter().map(|running| self.shared.view(running)).collect()
    }

    /// Sends an event of the kind `test`, which is in no history, through a sink, whatever waits there. None
    /// where there is no such sink.
    pub async fn test(&self, name: &str, author: &str, reason: &str) -> Option<Tested> {
        let running = self.shared.sinks.load().iter().find(|running| *running.sink.name == *name).cloned()?;
        let began = Instant::now();
        let Some(channel) = running.channel.clone() else {
            return Some(Tested { took: began.elapsed(), error: running.progress.lock().last_error.clone() });
        };
        // An error says that the semaphore is closed, which it never is.
        let _permit = self.shared.tests.acquire().await;
        let tested = channel.test(&self.shared.test_record(name, author, reason)).await;
        let error = tested.err().map(|failure| channel.words(&failure));
        Some(Tested { took: began.elapsed(), error })
    }
}

type Secrets = Result<Wallet, Unready>;

fn with_secrets(sinks: Vec<Sink>) -> Vec<(Sink, Secrets)> {
    sinks
        .into_iter()
        .map(|sink| {
            let wallet = Wallet::read(&sink.target);
            (sink, wallet)
        })
        .collect()
}

fn is_as_before(old: &Running, sink: &Sink, wallet: &Secrets) -> bool {
    let same_secrets = match (&old.channel, wallet) {
        (Some(channel), Ok(wallet)) => channel.wallet().is_as(wallet),
        _ => false,
    };
    old.sink == *sink && same_secrets
}

impl Shared {
    fn saved(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of a sink that is new in this run.
    fn begin(&self, sink: &Sink) -> Arc<Progress> {
        let saved = self.saved().get(&*sink.name).cloned();
        let now = || (self.history.last().unwrap_or_default(), BTreeMap::new());
        let (cursor, open) = saved.map_or_else(now, Entry::into_parts);
        let selection =
            Selection::new(Arc::clone(&sink.name), sink.filter.clone(), takes_alerts_only(&sink.target), open);
        Arc::new(Progress::new(cursor, self.history.position(cursor), selection, Arc::clone(&self.changed)))
    }

    /// Of a sink that was there before, as it is now.
    fn carry_on(&self, old: &Running, sink: &Sink) -> Arc<Progress> {
        old.progress.choose(sink.filter.clone(), takes_alerts_only(&sink.target));
        Arc::clone(&old.progress)
    }

    /// Adds the worker of a sink to the crew, where it can work.
    fn launch(self: &Arc<Self>, sink: Sink, wallet: Secrets, progress: Arc<Progress>, crew: &mut Crew) -> Arc<Running> {
        let stop = watch::Sender::new(false);
        let channel = wallet.and_then(|wallet| Channel::new(&sink.target, wallet)).map(Arc::new);
        match &channel {
            Ok(channel) => {
                progress.mend();
                tracing::info!(sink = &*sink.name, kind = sink.target.word(), "notifying");
                crew.push(Worker {
                    name: Arc::clone(&sink.name),
                    channel: Arc::clone(channel),
                    progress: Arc::clone(&progress),
                    history: Arc::clone(&self.history),
                    tell: Teller(Arc::clone(self)),
                    stop: stop.subscribe(),
                });
            }
            Err(unready) => {
                let why = unready.to_string();
                tracing::warn!(sink = &*sink.name, "notifications wait until it can be used: {why}");
                progress.fail(&why, State::Failing);
                drop((self.tell)(Kind::Hook { sink: sink.name.to_string(), event: None, error: why }));
            }
        }
        Arc::new(Running { sink, channel: channel.ok(), progress, stop })
    }

    fn view(&self, running: &Running) -> View {
        let inner = running.progress.lock();
        let (cursor, mut selection) = (inner.cursor, inner.selection.clone());
        let mut view = View {
            name: running.sink.name.to_string(),
            kind: running.sink.target.word(),
            usable: running.channel.is_some(),
            state: inner.state,
            pending: 0,
            delivered: inner.delivered,
            failed: inner.failed,
            lost: inner.lost,
            last_error: inner.last_error.clone(),
            last_delivered: inner.last_delivered,
        };
        drop(inner);
        for record in self.history.next_after(cursor, HISTORY_MAX).1 {
            view.pending += u64::from(selection.wants(&record));
            selection.advance(&record);
        }
        view
    }

    fn test_record(&self, name: &str, author: &str, reason: &str) -> Record {
        let now = SystemTime::now();
        Record {
            id: EventId::default().next(now),
            time: now,
            node: self.node.to_string(),
            kind: "test".to_owned(),
            topic: Topic::Node,
            severity: Severity::Info,
            state: Stage::Note,
            subject: format!("notify/{name}"),
            zone: None,
            pool: None,
            endpoint: None,
            region: None,
            address: None,
            check: None,
            text: format!("test of notify.{name}, asked for by {author}: {reason}"),
            data: serde_json::json!({ "sink": name, "author": author, "reason": reason }),
        }
    }

    /// How far every sink is.
    fn content(&self) -> Content {
        let entry = |running: &Arc<Running>| {
            let inner = running.progress.lock();
            (running.sink.name.to_string(), Entry::new(inner.cursor, inner.selection.open()))
        };
        let mut entries = self.saved().clone();
        entries.extend(self.sinks.load().iter().map(entry));
        Content::of(entries)
    }
}

/// Tells through the handle of control.
struct Teller(Arc<Shared>);

impl Tell for Teller {
    async fn tell(&self, kind: Kind) {
        // An error is a panic, which has been told.
        let _ = (self.0.tell)(kind).await;
    }
}

/// Writes the cursors when they moved, and sees to it that no worker dies unseen.
async fn run(
    shared: Arc<Shared>,
    mut hired: mpsc::Receiver<Crew>,
    ledger: Ledger,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Died> {
    tokio::pin!(stop);
    let mut workers = JoinSet::new();
    let mut writer = Writer { ledger, failed: false, next: Instant::now(), due: false };
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(crew) = hired.recv() => crew.into_iter().for_each(|worker| drop(workers.spawn(worker.run()))),
            // One that was told to stop ends in order.
            Some(ended) = workers.join_next() => ended.map_err(|_| Died)?,
            () = shared.changed.notified() => writer.due = true,
            () = sleep_until(writer.next), if writer.due => writer.write(&shared).await,
        }
    }
    for running in shared.sinks.load().iter() {
        running.stop.send_replace(true);
    }
    hired.close();
    let ended = async { while workers.join_next().await.is_some() {} };
    if timeout(STOP_TIME, ended).await.is_err() {
        tracing::debug!("deliveries under way are cut off; they are repeated after the next start");
    }
    workers.shutdown().await;
    writer.write(&shared).await;
    Ok(())
}

struct Writer {
    ledger: Ledger,
    failed: bool,
    next: Instant,
    due: bool,
}

impl Writer {
    async fn write(&mut self, shared: &Shared) {
        let began = Instant::now();
        let (ledger, content) = (self.ledger.clone(), shared.content());
        let written = tokio::task::spawn_blocking(move || ledger.write(&content)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                if std::mem::take(&mut self.failed) {
                    tracing::info!("what was notified is being saved again");
                }
                let gap = WRITE_GAP.max(began.elapsed() * WRITE_GAP_FACTOR);
                (self.due, self.next) = (false, Instant::now() + gap);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::warn!(%error, "what was notified is not saved: a restart would notify it again");
                }
                self.next = Instant::now() + WRITE_RETRY;
            }
        }
    }
}
