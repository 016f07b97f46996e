//! Reading the files again: when told, when somebody asks by the API, or when they change; all or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::diagnostics::{self, Told};
use super::error::AppError;
use super::systemd;
use super::watch::Watcher;
use crate::admin::desk::{Later, ReloadAsk, ReloadFailed, Reloaded, Reloads};
use crate::config::{self, Loaded, Report};
use crate::control::{By, Consent, Handle, Kind, Refused};
use crate::notify;

/// Reloads that may wait for their turn. Each is asked for by a person.
const ASKS_MAX: usize = 16;

/// The way to the reloader.
#[derive(Clone)]
pub(super) struct ReloadDesk(mpsc::Sender<Ask>);

/// The other end of it.
pub(super) struct Asks(mpsc::Receiver<Ask>);

/// A reload that somebody waits for.
struct Ask {
    ask: ReloadAsk,
    back: Back,
}

type Back = oneshot::Sender<Result<Reloaded, ReloadFailed>>;

impl ReloadDesk {
    pub(super) fn new() -> (Self, Asks) {
        let (sender, receiver) = mpsc::channel(ASKS_MAX);
        (Self(sender), Asks(receiver))
    }
}

impl Reloads for ReloadDesk {
    fn reload(&self, ask: ReloadAsk) -> Later<'_, Result<Reloaded, ReloadFailed>> {
        Box::pin(async move {
            let (back, reply) = oneshot::channel();
            // Where the reloader is gone, the reply tells.
            let _ = self.0.send(Ask { ask, back }).await;
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
    told: Told,
    asks: Asks,
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
        let (loaded, forget) = (Arc::new(loaded), Arc::default());
        Self { path: path.to_owned(), control, notifier, watcher, loaded, forget, told, asks }
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
                        self.reload(Consent::Asked, None).await?;
                    }
                    None => return Err(AppError::Died("signal handling")),
                },
                // Without an API there is nobody who asks.
                Some(Ask { ask, back }) = self.asks.0.recv() => self.reload_for(ask, back).await?,
                () = self.watcher.changed() => self.reload(Consent::Watched, None).await?,
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
        self.reload(consent, Some((by, back))).await
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
                    found.map(|applied| Reloaded { applied, warnings }).map_err(Into::into)
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
    async fn reload(&mut self, consent: Consent, asked: Option<(By, Back)>) -> Result<(), AppError> {
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
        let answer = |outcome| {
            if let Some(back) = back {
                // Whoever asked may have gone.
                let _ = back.send(outcome);
            }
        };
        let Some(setup) = setup else {
            self.watcher.follow(&watched, began_wall);
            self.control.tell(Kind::Invalid(diagnostics::first(&texts))).await;
            systemd::ready("answering; the files have errors, the old answers stay");
            answer(Err(ReloadFailed::Invalid(texts)));
            return Ok(());
        };
        // Its new targets may take their time to be probed; a newer edit must not wait for them.
        let (notifier, sinks) = (self.notifier.clone(), setup.node.sinks.clone());
        let (applying, forget) = (self.control.submit(setup, consent, by).await, Arc::clone(&self.forget));
        tokio::spawn(async move {
            let applied = applying.await;
            forget.fetch_or(matches!(applied, Err(Refused::RecordsGone(_))), Ordering::Relaxed);
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
            answer(applied.map(|applied| Reloaded { applied, warnings: texts }).map_err(Into::into));
        });
        self.watcher.follow(&watched, began_wall);
        Ok(())
    }
}
