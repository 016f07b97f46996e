//! Reading the files again: when told, or when they change; all or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::signal::unix::Signal;
use tokio::time::Instant;

use super::diagnostics::Told;
use super::error::AppError;
use super::systemd;
use super::watch::Watcher;
use crate::config::{self, Loaded, Report};
use crate::control::{Consent, Handle, Refused};
use crate::notify;

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
    ) -> Self {
        let (loaded, forget) = (Arc::new(loaded), Arc::default());
        Self { path: path.to_owned(), control, notifier, watcher, loaded, forget, told }
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
                        self.reload(Consent::Asked).await?;
                    }
                    None => return Err(AppError::Died("signal handling")),
                },
                () = self.watcher.changed() => self.reload(Consent::Watched).await?,
            }
        }
    }

    async fn reload(&mut self, consent: Consent) -> Result<(), AppError> {
        let (began, began_wall) = (Instant::now(), SystemTime::now());
        self.watcher.forget();
        if self.forget.swap(false, Ordering::Relaxed) {
            self.loaded = Arc::default();
        }
        let (path, before) = (self.path.clone(), Arc::clone(&self.loaded));
        let read = tokio::task::spawn_blocking(move || config::load(&path, Some(&before)));
        let Report { setup, diagnostics, watched, loaded, .. } =
            read.await.map_err(|_| AppError::Died("reading the configuration"))?;
        self.loaded = Arc::new(loaded);
        self.told.log(&diagnostics);
        let Some(setup) = setup else {
            self.watcher.follow(&watched, began_wall);
            tracing::error!("reload refused: the files have errors; the old answers stay");
            systemd::ready("answering; the files have errors, the old answers stay");
            return Ok(());
        };
        // Its new targets may take their time to be probed; a newer edit must not wait for them.
        let (notifier, sinks) = (self.notifier.clone(), setup.node.sinks.clone());
        let (applying, forget) = (self.control.submit(setup, consent).await, Arc::clone(&self.forget));
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
        });
        self.watcher.follow(&watched, began_wall);
        Ok(())
    }
}
