//! A node that answers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::diagnostics::Told;
use super::lane::Lane;
use super::metrics::Gatherer;
use super::pulse::Pulse;
use super::reload::{ReloadDesk, Reloader};
use super::tasks::Tasks;
use super::watch::Watcher;
use super::{AppError, access, systemd};
use crate::admin::desk::Desks;
use crate::admin::{self, Listener, Readiness, Shown, View};
use crate::config::{self, Report};
use crate::control::{self, StateFile};
use crate::drill::{self, Drills};
use crate::model::check::{Pace, WatchId};
use crate::model::observation::Observation;
use crate::notify;
use crate::policy::Family;
use crate::probe;
use crate::serve::{self, FromStore, Limits, Serving, UdpOptions};

/// What answering the last queries may take at the end.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// What saving the state and ending the tasks may take after that.
const TASKS_TIME: Duration = Duration::from_secs(2);

/// A node that answers, and all that belongs to it.
pub struct Node {
    control: control::Handle,
    drills: Drills,
    serving: Serving,
    admin: Vec<Shown>,
    tasks: Tasks,
    readiness: watch::Sender<Readiness>,
    stop: watch::Sender<bool>,
    /// Dropped last.
    _lane: Lane,
}

impl Node {
    /// Loads, binds, has every target checked, and answers. Returns once queries are answered.
    ///
    /// # Errors
    /// Whatever keeps the node from answering.
    pub async fn start(config: &Path) -> Result<Self, AppError> {
        // From here on SIGHUP waits for its turn instead of ending the process.
        let hangup = signal(SignalKind::hangup()).map_err(AppError::Signals)?;
        let began = SystemTime::now();
        let Report { setup, diagnostics, watched, loaded, .. } = load(config).await?;
        let Some(setup) = setup else { return Err(AppError::Config(diagnostics)) };
        // Edits while the first checks run are taken up afterwards.
        let mut watcher = Watcher::new();
        watcher.follow(&watched, began);
        let mut warned = Told::default();
        warned.log(&diagnostics);
        tracing::info!(
            node = &*setup.node.name,
            region = setup.node.region.as_ref().map(|region| region.as_str()),
            zones = setup.zones.len(),
            config = %config.display(),
            "starting pharos {}",
            env!("CARGO_PKG_VERSION")
        );

        let access = access::load(&setup.node).await?;
        let udp = UdpOptions { coalesce: setup.node.coalesce, gso: setup.node.udp_gso };
        let (name, folder) = (Arc::clone(&setup.node.name), setup.node.state.clone());
        let sinks = setup.node.sinks.clone();
        let region = setup.node.region.as_ref().map(ToString::to_string);
        let (state, saved) = open_state(&setup.node.state).await?;
        let bound = serve::bind(&setup.node.dns, setup.node.udp_threads)?;
        let mut listeners = Vec::new();
        for address in &setup.node.admin {
            listeners.push(Listener::bind(address).await?);
        }
        let admin: Vec<Shown> = listeners.iter().map(Listener::address).collect();
        tracing::info!(dns = words(&bound.addresses()), admin = words(&admin), "listening");

        let mut tasks = Tasks::default();
        let stop = watch::Sender::new(false);
        let readiness = watch::Sender::new(Readiness::Not("the first checks are running"));
        // Checks and what follows from them are one thread: each observation goes to control and back.
        let lane = Lane::start("checks")?;
        let started = lane.handle().spawn(control::start(setup, Some(state), saved)).await;
        let started = started.ok().and_then(Result::ok);
        let (control, world) = started.ok_or(AppError::Died("compiling the zones"))?;
        let stopping = told(stop.subscribe());
        let (notifier, notifying) = notify::start(name, &folder, control.clone(), stopping).await?;
        tasks.spawn("notifying", async { Ok(notifying.await?) });
        // Before anything happens, so that a new sink misses nothing.
        notifier.apply(sinks).await;
        tasks.spawn("control", watched_end("control", world, stop.subscribe()));
        let gatherer = Arc::new(Gatherer::new(control.clone(), notifier.clone(), region, bound.addresses()));
        let (drills, desk) = drill::open(control.clone(), &bound.addresses(), &folder).await;
        tasks.spawn(
            "drills",
            unless(told(stop.subscribe()), async {
                desk.run().await;
                Ok(())
            }),
        );
        let pulse = Pulse::new(control.watches());
        tasks.spawn("the pulse", unless(told(stop.subscribe()), pulse.clone().run()));
        let (reload_desk, asks) = ReloadDesk::new();
        let router = admin::router(View {
            control: control.clone(),
            readiness: readiness.subscribe(),
            access,
            desks: Desks {
                reload: Arc::new(reload_desk),
                sinks: Arc::new(notifier.clone()),
                metrics: gatherer.clone(),
                drills: Arc::new(drills.clone()),
                pulse: Arc::new(pulse.clone()),
            },
            stop: stop.subscribe(),
        });
        for listener in listeners {
            let (router, stop) = (router.clone(), stop.subscribe());
            tasks.spawn("the admin listener", async move {
                admin::run(listener, router, stop).await;
                Ok(())
            });
        }
        let reporter = Reporter { control: control.clone(), pulse: pulse.clone() };
        let (watches, shutdown) = (control.watches(), told(stop.subscribe()));
        let probing = lane.handle().spawn(probe::run(watches, reporter, Handle::current(), shutdown));
        tasks.spawn("probing", watched_end("probing", probing, stop.subscribe()));

        let witnessing = lane.handle().spawn(probe::ask_witnesses(control.witnesses(), control.clone()));
        tasks.spawn("asking witnesses", watched_end("asking witnesses", witnessing, stop.subscribe()));

        systemd::status("the first checks are running");
        let mut ready = control.ready();
        tokio::select! {
            ready = ready.wait_for(|ready| *ready) => drop(ready),
            error = tasks.failed() => return Err(error),
        }
        let store = control.store();
        let answers = |transport| FromStore::new(&store, transport, gatherer.ledger());
        let serving = bound.serve(answers, udp, Limits { grace: DRAIN_TIME, ..Limits::default() })?;
        gatherer.serving(serving.meter());
        pulse.serve(serving.meter());
        let reloader = Reloader::new(config, control.clone(), notifier, watcher, loaded, warned, asks);
        tasks.spawn("reloading", unless(told(stop.subscribe()), reloader.run(hangup)));
        if let Some(every) = systemd::watchdog_interval() {
            tasks.spawn("the watchdog", unless(told(stop.subscribe()), watchdog(every, control.clone(), pulse)));
        }
        readiness.send_replace(Readiness::Ready);
        systemd::ready("answering");
        tracing::info!("answering");
        Ok(Self { control, drills, serving, admin, tasks, readiness, stop, _lane: lane })
    }

    /// Where DNS is answered, in the order of the configuration.
    #[must_use]
    pub fn dns(&self) -> &[SocketAddr] {
        self.serving.addresses()
    }

    /// Where the admin API listens.
    #[must_use]
    pub fn admin(&self) -> &[Shown] {
        &self.admin
    }

    /// The way to the one who decides.
    #[must_use]
    pub fn control(&self) -> &control::Handle {
        &self.control
    }

    /// The way to those who fail regions on purpose.
    #[must_use]
    pub fn drills(&self) -> &Drills {
        &self.drills
    }

    /// Waits until a part of the node ends by itself: always a fault, and the end of the node.
    pub async fn failed(&mut self) -> AppError {
        tokio::select! {
            error = self.serving.failed() => error.into(),
            error = self.tasks.failed() => error,
        }
    }

    /// Answers what was asked, saves the state, and ends; bounded in time.
    ///
    /// # Errors
    /// When a part had failed before.
    pub async fn stop(mut self) -> Result<(), AppError> {
        systemd::stopping();
        self.readiness.send_replace(Readiness::Not("stopping"));
        // Longer than the grace of its connections, so that only a thread that hangs is cut off.
        match timeout(DRAIN_TIME + TASKS_TIME, self.serving.stop()).await {
            Ok(counts) => {
                let counts = counts?;
                tracing::debug!(queries = counts.queries, replies = counts.replies, "answered");
            }
            Err(_) => tracing::warn!("queries in flight took too long and are dropped"),
        }
        self.stop.send_replace(true);
        let saved = async {
            self.control.stop().await;
            self.tasks.ended().await;
        };
        if timeout(TASKS_TIME, saved).await.is_err() {
            tracing::warn!("some tasks took too long to end and are cut off");
        }
        Ok(())
    }
}

async fn load(config: &Path) -> Result<Report, AppError> {
    let path = config.to_owned();
    let read = tokio::task::spawn_blocking(move || config::load(&path, None));
    read.await.map_err(|_| AppError::Died("reading the configuration"))
}

async fn open_state(folder: &Path) -> Result<(StateFile, control::Saved), AppError> {
    let folder = folder.to_owned();
    let opened = tokio::task::spawn_blocking(move || StateFile::open(&folder));
    Ok(opened.await.map_err(|_| AppError::Died("reading the state"))??)
}

/// Ends when the task does; in order only once the node is told to stop.
async fn watched_end(name: &'static str, task: JoinHandle<()>, stop: watch::Receiver<bool>) -> Result<(), AppError> {
    match task.await {
        Ok(()) if *stop.borrow() => Ok(()),
        _ => Err(AppError::Died(name)),
    }
}

/// Completes when the node is told to stop.
async fn told(mut stop: watch::Receiver<bool>) {
    // An error says that the node is gone: told enough.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Ends a task that has no end of its own.
async fn unless(
    told: impl Future<Output = ()>,
    task: impl Future<Output = Result<(), AppError>>,
) -> Result<(), AppError> {
    tokio::select! {
        () = told => Ok(()),
        ended = task => ended,
    }
}

/// Where probes report to.
#[derive(Clone)]
struct Reporter {
    control: control::Handle,
    pulse: Pulse,
}

impl probe::Reporter for Reporter {
    async fn report(&self, seen: Vec<(WatchId, Observation)>) -> Vec<Pace> {
        self.pulse.observe(seen.len());
        self.control.report(seen).await
    }
}

impl probe::Court for control::Handle {
    fn testify(&self, family: Family, reached: bool) -> impl Future<Output = ()> + Send {
        control::Handle::testify(self, family, reached)
    }
}

/// Tells the service manager that the node is alive, as long as the one who decides answers, and the checks
/// and everybody who answers queries make progress.
async fn watchdog(every: Duration, control: control::Handle, pulse: Pulse) -> Result<(), AppError> {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        match (control.alive().await, pulse.feel()) {
            (Ok(()), Ok(())) => systemd::watchdog(),
            (_, Err(stalled)) => tracing::error!("the service manager is not told that the node is alive: {stalled}"),
            // The node is stopping.
            (Err(_), Ok(())) => {}
        }
    }
}

/// Addresses with spaces between them.
fn words<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
