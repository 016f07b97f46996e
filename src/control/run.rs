//! The task that owns the world.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};

use super::clock::Clock;
use super::event::By;
use super::figures::Figures;
use super::guard::{Consent, Refused};
use super::handle::{Command, Handle, Watches};
use super::isolation::Witnesses;
use super::journal::Journal;
use super::orders::{Ordered, OverrideRefused};
use super::publisher::{self, Images, Publisher};
use super::recorder::Recorder;
use super::reload::Applied;
use super::save::Saver;
use super::saved::{self, Saved};
use super::state::StateFile;
use super::status::Status;
use super::world::{Effects, World};
use crate::dns::Name;
use crate::health::{Override, Scope};
use crate::model::node::{Node, Setup};
use crate::model::time::Moment;

/// Commands that may wait. Each sender waits for its reply, so this is met only by a crowd.
const COMMANDS_MAX: usize = 1024;
/// Events that a slow reader may be behind.
const EVENTS_MAX: usize = 4096;

/// The zones of a start cannot be compiled: their records were let go before, or it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the zones cannot be compiled")]
pub struct NotCompiled;

/// Starts the task. `state` is where the state is saved, if anywhere; `saved` is what an earlier run
/// left. The first snapshot is published before this returns, and is fit to be answered from when
/// [`Handle::ready`] says so. The task ends after [`Handle::stop`]; if it ends otherwise it has
/// panicked, and the node must not go on.
///
/// # Errors
/// [`NotCompiled`].
pub async fn start(
    setup: Setup,
    state: Option<StateFile>,
    saved: Saved,
) -> Result<(Handle, JoinHandle<()>), NotCompiled> {
    let clock = Clock::start();
    let zones = setup.zones.clone();
    let compiled = tokio::task::spawn_blocking(move || publisher::compile(&zones, &Images::new())).await;
    let images = compiled.ok().and_then(Result::ok).ok_or(NotCompiled)?;
    let folder = state.as_ref().map(|state| state.folder().to_owned());
    let journal = tokio::task::spawn_blocking(move || Journal::open(folder.as_deref())).await;
    let journal = journal.map_err(|_| NotCompiled)?;
    let world = World::new(setup, &saved, clock.now());
    let publisher = Publisher::new(&world, images);
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let (watches, watches_out) = watch::channel(world.watches());
    let (witnesses, witnesses_out) = watch::channel(world.witnesses());
    let (settings, settings_out) = watch::channel(Arc::new(world.node.clone()));
    let (ready, ready_out) = watch::channel(false);
    let (events, _) = broadcast::channel(EVENTS_MAX);
    let recorder = Recorder::new(Arc::clone(&world.node.name), journal, events.clone());
    let handle = Handle {
        commands,
        watches: watches_out,
        witnesses: witnesses_out,
        settings: settings_out,
        ready: ready_out,
        events,
        history: Arc::clone(recorder.history()),
        store: Arc::clone(publisher.store()),
    };
    let mut figures = Figures::default();
    figures.started(clock.started());
    figures.retain(&world, &watches.borrow(), publisher.store().current().roll());
    let saver = Saver::new(state);
    let task =
        Task { world, publisher, clock, watches, witnesses, settings, ready, recorder, figures, saver, reload: None };
    Ok((handle, tokio::spawn(task.run(inbox))))
}

struct Task {
    world: World,
    publisher: Publisher,
    clock: Clock,
    watches: watch::Sender<Watches>,
    witnesses: watch::Sender<Witnesses>,
    settings: watch::Sender<Arc<Node>>,
    ready: watch::Sender<bool>,
    recorder: Recorder,
    figures: Figures,
    saver: Saver,
    reload: Option<Reload>,
}

/// A reload under way: the world probes its new targets, and its zones are compiled beside.
struct Reload {
    back: oneshot::Sender<Result<Applied, Refused>>,
    compiling: Option<Compiling>,
    images: Images,
}

type Compiling = JoinHandle<Result<Images, Vec<Name>>>;

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        // The world may have nothing to wait for.
        self.act(|world, now, effects| world.tick(now, effects));
        let stop = loop {
            let wake = self.world.wake(self.clock.now()).and_then(|mono| self.clock.instant(mono));
            tokio::select! {
                biased;
                () = sleep_until(wake) => self.act(|world, now, effects| world.tick(now, effects)),
                compiled = compiled(&mut self.reload) => self.take_images(compiled),
                () = self.publisher.retired.wait() => self.release(),
                () = self.saver.wait() => self.saver.begin(saved::File::of(&self.world, self.clock.now())),
                command = inbox.recv() => match command {
                    Some(Command::Stop(back)) => break Some(back),
                    None => break None,
                    Some(command) => self.obey(command),
                },
            }
            self.try_finish_reload();
        };
        if let Some(reload) = self.reload.take() {
            reload.answer(Err(Refused::Stopped));
        }
        self.saver.finish(saved::File::of(&self.world, self.clock.now())).await;
        self.recorder.finish().await;
        if let Some(back) = stop {
            // Whoever asked may have gone.
            let _ = back.send(());
        }
    }

    /// Replies are dropped where nobody waits for them any more.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Report(seen, back) => {
                self.figures.observe(&seen, &self.watches.borrow());
                let _ = back.send(self.act(|world, now, effects| {
                    seen.into_iter().map(|(id, seen)| world.report(id, seen, now, effects)).collect()
                }));
            }
            Command::Alive(back) => {
                let _ = back.send(());
            }
            Command::Status(back) => {
                let _ = back.send(Arc::new(self.status()));
            }
            Command::Figures(back) => {
                let _ = back.send((self.status(), self.figures.clone()));
            }
            Command::SetOverride(order, back) => {
                let set = self.act(|world, now, effects| world.set_override(order, now, effects));
                self.reply_once_saved(set, back);
            }
            Command::ClearOverride(clear, back) => {
                let cleared = self.act(|world, now, effects| world.clear_override(&clear, now, effects));
                self.reply_once_saved(cleared, back);
            }
            Command::Failback(pool, by, back) => {
                match self.act(|world, now, effects| world.failback(&pool, &by, now, effects)) {
                    // A restart must not bring back a hold that was said to be over.
                    Some(count) => self.saver.then(Box::new(move |_| {
                        let _ = back.send(Some(count));
                    })),
                    None => {
                        let _ = back.send(None);
                    }
                }
            }
            Command::Testify(family, reached) => {
                self.act(|world, now, effects| world.testify(family, reached, now, effects));
            }
            Command::Tell(kind) => self.act(|_, _, effects| effects.events.push(kind)),
            Command::BeginDrill(order, back) => {
                let begun = self.act(|world, now, effects| world.begin_drill(order, now, effects));
                match begun {
                    Ok(()) => self.saver.then(Box::new(move |_| drop(back.send(Ok(()))))),
                    Err(refused) => drop(back.send(Err(refused))),
                }
            }
            Command::EndDrill(id, why, back) => {
                let _ = back.send(self.act(|world, now, effects| world.end_drill(&id, why, now, effects)));
            }
            Command::JudgeDrill(id, met) => self.world.judge_drill(&id, met),
            Command::Apply(setup, consent, by, back) => self.begin_reload(setup, consent, by, back),
            Command::Preview(setup, consent, back) => {
                let found = self.world.preview(&setup, consent, self.clock.now());
                let _ = back.send((found, setup));
            }
            Command::Stop(_) => {} // the loop has taken it
        }
    }

    fn status(&self) -> Status {
        self.world.status(self.publisher.status(), self.clock.started(), self.clock.now())
    }

    /// Says what became of an order, once a restart would know of it.
    fn reply_once_saved(
        &mut self,
        done: Result<(Scope, Override), OverrideRefused>,
        back: oneshot::Sender<Result<Ordered, OverrideRefused>>,
    ) {
        match done {
            Ok((scope, order)) => self.saver.then(Box::new(move |saved| {
                let _ = back.send(Ok(Ordered { scope, order, saved }));
            })),
            Err(refused) => drop(back.send(Err(refused))),
        }
    }

    /// Changes the world and carries out what follows. Answers first: all else can wait.
    fn act<T>(&mut self, change: impl FnOnce(&mut World, Moment, &mut Effects) -> T) -> T {
        let now = self.clock.now();
        let mut effects = Effects::default();
        let result = change(&mut self.world, now, &mut effects);
        let Effects { events, touched, replaced, watches, ready, save } = effects;
        if replaced {
            let images = self.reload.as_mut().map(|reload| std::mem::take(&mut reload.images)).unwrap_or_default();
            self.publisher.replace(&self.world, images);
            self.settings.send_replace(Arc::new(self.world.node.clone()));
        } else if !touched.is_empty() {
            self.publisher.update(&self.world, &touched);
        }
        if ready {
            self.ready.send_replace(true);
        }
        if watches {
            self.watches.send_replace(self.world.watches());
        }
        if watches || replaced {
            let roll = Arc::clone(self.publisher.store().current().roll());
            self.figures.retain(&self.world, &self.watches.borrow(), &roll);
        }
        let asked = self.world.witnesses();
        self.witnesses.send_if_modified(|now| {
            let differs = *now != asked;
            *now = asked;
            differs
        });
        for kind in events {
            self.figures.tell(&kind, now.wall);
            self.recorder.tell(kind, now, &mut self.figures);
        }
        if replaced || ready {
            self.recorder.reconcile(&self.world, now, &mut self.figures);
        }
        self.saver.request(save);
        result
    }

    /// Frees replaced zones and records, which may take its time.
    fn release(&mut self) {
        let free = self.publisher.retired.release();
        if !free.is_empty() {
            tokio::task::spawn_blocking(move || drop(free));
        }
    }

    fn begin_reload(
        &mut self,
        setup: Setup,
        consent: Consent,
        by: Option<By>,
        back: oneshot::Sender<Result<Applied, Refused>>,
    ) {
        if let Some(older) = self.reload.take() {
            older.answer(Err(Refused::Superseded));
        }
        let (zones, before) = (setup.zones.clone(), self.publisher.images().clone());
        let compiling = tokio::task::spawn_blocking(move || publisher::compile(&zones, &before));
        self.reload = Some(Reload { back, compiling: Some(compiling), images: Images::new() });
        self.act(|world, now, effects| world.begin_reload(setup, consent, by, now, effects));
    }

    fn take_images(&mut self, compiled: Result<Result<Images, Vec<Name>>, JoinError>) {
        match (compiled, &mut self.reload) {
            (Ok(Ok(images)), Some(reload)) => (reload.images, reload.compiling) = (images, None),
            (Ok(Err(gone)), _) => self.drop_reload(Refused::RecordsGone(gone)),
            (Ok(Ok(_)), None) => {}
            (Err(error), _) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down, and this task with it.
                Err(_) => self.reload = None,
            },
        }
    }

    /// Ends a reload without an event: whoever read the files reads them once more.
    fn drop_reload(&mut self, why: Refused) {
        self.act(|world, _, effects| world.forget_reload(effects));
        if let Some(reload) = self.reload.take() {
            reload.answer(Err(why));
        }
    }

    fn try_finish_reload(&mut self) {
        let compiled = self.reload.as_ref().is_some_and(|reload| reload.compiling.is_none());
        if !compiled || !self.world.is_reload_settled(self.clock.now()) {
            return;
        }
        let result = self.act(|world, now, effects| world.finish_reload(now, effects));
        if let (Some(reload), Some(result)) = (self.reload.take(), result) {
            reload.answer(result);
        }
    }
}

impl Reload {
    fn answer(self, result: Result<Applied, Refused>) {
        // Whoever asked may have gone.
        let _ = self.back.send(result);
    }
}

/// The zones of a reload, when they are compiled; forever, where none are being compiled.
async fn compiled(reload: &mut Option<Reload>) -> Result<Result<Images, Vec<Name>>, JoinError> {
    match reload.as_mut().and_then(|reload| reload.compiling.as_mut()) {
        Some(compiling) => compiling.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
