//! Reading the files again: when told, when somebody asks by the API, or when they change; all or nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::diagnostics::{self, Told};
use super::error::AppError;
use super::systemd;
use super::watch::Watcher;
use crate::admin::desk::{Later, ReloadAsk, ReloadFailed, Reloaded, Reloads};
use crate::config::{self, Loaded, Report};
use crate::control::{Applied, By, Consent, Handle, Kind, Refused};
use crate::notify;

/// Reloads that may wait for their turn. Each is asked for by a person.
const ASKS_MAX: usize = 16;
/// Reloads that may wait to be tried once more; only the newest one that was read can be among them, and
/// one that was read just before it.
const AGAIN_MAX: usize = 4;
/// For so long after files were taken up by themselves, whoever asks for a reload means those edits.
const JUST_TAKEN_UP: Duration = Duration::from_secs(5);

/// The way to the reloader.
#[derive(Clone)]
pub(super) struct ReloadDesk {
    asks: mpsc::Sender<Ask>,
    runs: Arc<AtomicBool>,
}

/// The other end of it.
pub(super) struct Asks {
    asks: mpsc::Receiver<Ask>,
    /// Whether somebody takes them.
    runs: Arc<AtomicBool>,
}

/// A reload that somebody waits for.
struct Ask {
    ask: ReloadAsk,
    back: Back,
}

/// A reload that read what was let go meanwhile, and must read all of it.
struct Again {
    consent: Consent,
    asked: Option<(By, Back)>,
}

/// What was put in force because files changed, and when.
struct TakenUp {
    applied: Applied,
    at: Instant,
    wall: SystemTime,
}

type Back = oneshot::Sender<Result<Reloaded, ReloadFailed>>;

impl ReloadDesk {
    pub(super) fn new() -> (Self, Asks) {
        let (sender, receiver) = mpsc::channel(ASKS_MAX);
        let runs = Arc::<AtomicBool>::default();
        (Self { asks: sender, runs: Arc::clone(&runs) }, Asks { asks: receiver, runs })
    }
}

impl Reloads for ReloadDesk {
    fn reload(&self, ask: ReloadAsk) -> Later<'_, Result<Reloaded, ReloadFailed>> {
        Box::pin(async move {
            if !self.runs.load(Ordering::Relaxed) {
                return Err(ReloadFailed::NotReady);
            }
            let (back, reply) = oneshot::channel();
            // Where the reloader is gone, the reply tells.
            let _ = self.asks.send(Ask { ask, back }).await;
            reply.await.unwrap_or(Err(Refused::Stopped.into()))
        })
    }
}

/// What is needed to read the files again.
pub(super) struct Reloader {
    path: PathBuf,
    control: Handle,
    notifier: notify::Handle,
    watcher: Watcher,
    /// What the files last said: zones that did not change are not read again.
    loaded: Arc<Loaded>,
    /// The next load must read all of them.
    forget: Arc<AtomicBool>,
    /// The last change that nobody asked for, until somebody is told of it.
    taken_up: Arc<Mutex<Option<TakenUp>>>,
    told: Told,
    asks: Asks,
    /// Holds the sender, too: there is always one.
    again: (mpsc::Sender<Again>, mpsc::Receiver<Again>),
}

impl Reloader {
    /// Goes on from a first load, whose files are watched by now.
    pub(super) fn new(
        path: &Path,
        control: Handle,
        notifier: notify::Handle,
        watcher: Watcher,
        loaded: Loaded,
        told: Told,
        asks: Asks,
    ) -> Self {
        // Before anybody is told that the node is ready: what is asked until it runs waits for it.
        asks.runs.store(true, Ordering::Relaxed);
        Self {
            path: path.to_owned(),
            control,
            notifier,
            watcher,
            loaded: Arc::new(loaded),
            forget: Arc::default(),
            taken_up: Arc::default(),
            told,
            asks,
            again: mpsc::channel(AGAIN_MAX),
        }
    }

    /// Reloads on each SIGHUP at once, and on changes once they settle. Never ends by itself.
    ///
    /// # Errors
    /// [`AppError::Died`] when reading the files panicked.
    pub(super) async fn run(mut self, mut hangup: Signal) -> Result<(), AppError> {
        loop {
            tokio::select! {
                biased;
                told = hangup.recv() => match told {
                    Some(()) => {
                        systemd::reloading();
                        self.reload(Consent::Asked, None, Try::First).await?;
                    }
                    None => return Err(AppError::Died("signal handling")),
                },
                // Without an API there is nobody who asks.
                Some(Ask { ask, back }) = self.asks.asks.recv() => self.reload_for(ask, back).await?,
                Some(Again { consent, asked }) = self.again.1.recv() => self.reload(consent, asked, Try::Last).await?,
                () = self.watcher.changed() => self.reload(Consent::Watched, None, Try::First).await?,
            }
        }
    }

    async fn reload_for(&mut self, ask: ReloadAsk, back: Back) -> Result<(), AppError> {
        let ReloadAsk { force, dry_run, by } = ask;
        let consent = if force { Consent::Forced } else { Consent::Asked };
        if dry_run {
            return self.preview(consent, back).await;
        }
        tracing::info!(force, "a reload was asked for by {}: {}", by.author, by.reason);
        self.reload(consent, Some((by, back)), Try::First).await
    }

    /// Says what a reload would do. Nothing is remembered of what was read.
    async fn preview(&self, consent: Consent, back: Back) -> Result<(), AppError> {
        let Report { setup, diagnostics, .. } = self.read().await?;
        let previewed = match setup {
            None => Err(ReloadFailed::Invalid(diagnostics::texts(&diagnostics))),
            Some(setup) => match self.control.preview(setup, consent).await {
                Err(_) => Err(Refused::Stopped.into()),
                Ok((found, setup)) => {
                    drop(tokio::task::spawn_blocking(move || drop(setup)));
                    let warnings = diagnostics::texts(&diagnostics);
                    found.map(|applied| Reloaded { applied, warnings, taken_up: None }).map_err(Into::into)
                }
            },
        };
        // Whoever asked may have gone.
        let _ = back.send(previewed);
        Ok(())
    }

    /// Reads the files, of which those that did not change are not read again.
    async fn read(&self) -> Result<Report, AppError> {
        let (path, before) = (self.path.clone(), Arc::clone(&self.loaded));
        let read = tokio::task::spawn_blocking(move || config::load(&path, Some(&before)));
        read.await.map_err(|_| AppError::Died("reading the configuration"))
    }

    /// Reads the files and has them put in force; who `asked` is told what became of it.
    async fn reload(&mut self, consent: Consent, asked: Option<(By, Back)>, tried: Try) -> Result<(), AppError> {
        let (began, began_wall) = (Instant::now(), SystemTime::now());
        self.watcher.forget();
        if self.forget.swap(false, Ordering::Relaxed) {
            self.loaded = Arc::default();
        }
        let Report { setup, diagnostics, watched, loaded, .. } = self.read().await?;
        self.loaded = Arc::new(loaded);
        self.told.log(&diagnostics);
        let texts = diagnostics::texts(&diagnostics);
        let (by, back) = asked.unzip();
        let Some(setup) = setup else {
            self.watcher.follow(&watched, began_wall);
            self.control.tell(Kind::Invalid(diagnostics::first(&texts))).await;
            systemd::ready("answering; the files have errors, the old answers stay");
            answer(back, Err(ReloadFailed::Invalid(texts)));
            return Ok(());
        };
        // Its new targets may take their time to be probed; a newer edit must not wait for them.
        let (notifier, sinks) = (self.notifier.clone(), setup.node.sinks.clone());
        let (applying, forget) = (self.control.submit(setup, consent, by.clone()).await, Arc::clone(&self.forget));
        let (again, taken_up) = (self.again.0.clone(), Arc::clone(&self.taken_up));
        let control = self.control.clone();
        tokio::spawn(async move {
            let applied = applying.await;
            if let Err(gone @ Refused::RecordsGone(_)) = &applied {
                forget.store(true, Ordering::Relaxed);
                if tried == Try::First {
                    // Where that cannot be, newer ones wait already, or the node stops.
                    let (refused, again) = match again.try_send(Again { consent, asked: by.zip(back) }) {
                        Ok(()) => return,
                        Err(TrySendError::Full(again)) => (Refused::Superseded, again),
                        Err(TrySendError::Closed(again)) => (Refused::Stopped, again),
                    };
                    answer(again.asked.map(|(_, back)| back), Err(refused.into()));
                    return;
                }
                // Control leaves that to whoever reads the files.
                control.tell(Kind::Refused(gone.clone())).await;
            }
            // Control logs what becomes of it. "Ready" ends what the service manager calls a reload,
            // and is no news to it otherwise.
            if applied.is_ok() {
                notifier.apply(sinks).await;
            }
            match applied {
                Ok(_) => systemd::ready("answering"),
                // The newer one tells how it ended.
                Err(Refused::Superseded | Refused::Stopped) => {}
                Err(_) => systemd::ready("answering; the last reload was refused"),
            }
            tracing::debug!(took = ?began.elapsed(), "files taken up or refused");
            let done = applied.map(|applied| {
                let (applied, taken_up) = TakenUp::note(&taken_up, consent, applied);
                Reloaded { applied, warnings: texts, taken_up }
            });
            answer(back, done.map_err(Into::into));
        });
        self.watcher.follow(&watched, began_wall);
        Ok(())
    }
}

/// Whether a reload that finds that records are gone may be tried once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    First,
    Last,
}

/// Tells whoever asked, where somebody did.
fn answer(back: Option<Back>, outcome: Result<Reloaded, ReloadFailed>) {
    if let Some(back) = back {
        // Whoever asked may have gone.
        let _ = back.send(outcome);
    }
}

impl TakenUp {
    /// What to tell of a reload that is in force: where it changed nothing, what was taken up just before it,
    /// and when that was.
    fn note(last: &Mutex<Option<Self>>, consent: Consent, applied: Applied) -> (Applied, Option<SystemTime>) {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if consent == Consent::Watched {
            if !applied.changes.is_empty() {
                *last = Some(Self { applied: applied.clone(), at: Instant::now(), wall: SystemTime::now() });
            }
            return (applied, None);
        }
        match last.take() {
            Some(Self { applied: before, at, wall }) if applied.changes.is_empty() && at.elapsed() <= JUST_TAKEN_UP => {
                (before, Some(wall))
            }
            _ => (applied, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{By, Change, How, What};

    fn ask() -> ReloadAsk {
        let by = By { author: "ann".into(), reason: "a test".into() };
        ReloadAsk { force: false, dry_run: false, by }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_reloader_that_does_not_run_yet() {
        let (desk, asks) = ReloadDesk::new();
        assert_eq!(desk.reload(ask()).await, Err(ReloadFailed::NotReady));
        asks.runs.store(true, Ordering::Relaxed);
        drop(asks);
        assert_eq!(desk.reload(ask()).await, Err(Refused::Stopped.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_that_comes_too_late_tells_what_was_taken_up() {
        let last = Mutex::default();
        let change = Change { how: How::Changed, what: What::Node, details: Vec::new() };
        let changed = Applied { changes: vec![change], ..Applied::default() };
        let note = |consent, applied: &Applied| TakenUp::note(&last, consent, applied.clone());
        assert_eq!(note(Consent::Watched, &changed), (changed.clone(), None));
        let (told, taken_up) = note(Consent::Asked, &Applied::default());
        assert!(told == changed && taken_up.is_some());
        assert_eq!(note(Consent::Asked, &Applied::default()), (Applied::default(), None), "it is told once");
        note(Consent::Watched, &changed);
        tokio::time::advance(JUST_TAKEN_UP + Duration::from_secs(1)).await;
        assert_eq!(note(Consent::Asked, &Applied::default()), (Applied::default(), None), "that was long ago");
    }
}
