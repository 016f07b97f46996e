//! Reading the files again: when told, or when they change; all or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::time::Instant;

use super::error::AppError;
use super::watch::Watcher;
use super::{diagnostics, systemd};
use crate::config::{self, Loaded, Report};
use crate::control::{Handle, Refused};

/// What is needed to read the files again.
pub(super) struct Reloader {
    path: PathBuf,
    control: Handle,
    watcher: Watcher,
    /// What the files last said: zones that did not change are not read again.
    loaded: Arc<Loaded>,
}

/// Why the files are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// SIGHUP.
    Told,
    /// A file changed.
    Changed,
}

impl Reloader {
    pub(super) fn new(path: &Path, control: Handle, loaded: Loaded, watched: &[PathBuf]) -> Self {
        let mut watcher = Watcher::new();
        watcher.follow(watched);
        Self { path: path.to_owned(), control, watcher, loaded: Arc::new(loaded) }
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
                        self.reload(Cause::Told).await?;
                    }
                    None => return Err(AppError::Died("signal handling")),
                },
                () = self.watcher.changed() => self.reload(Cause::Changed).await?,
            }
        }
    }

    async fn reload(&mut self, cause: Cause) -> Result<(), AppError> {
        let began = Instant::now();
        self.watcher.forget();
        let (path, before) = (self.path.clone(), Arc::clone(&self.loaded));
        let read = tokio::task::spawn_blocking(move || config::load(&path, Some(&before)));
        let Report { setup, diagnostics, watched, loaded, .. } =
            read.await.map_err(|_| AppError::Died("reading the configuration"))?;
        self.loaded = Arc::new(loaded);
        diagnostics::log(&diagnostics);
        let Some(setup) = setup else {
            self.watcher.follow(&watched);
            tracing::error!("reload refused: the files have errors; the old answers stay");
            ended(cause, "answering; the files have errors, the old answers stay");
            return Ok(());
        };
        // Its new targets may take their time to be probed; a newer edit must not wait for them.
        let control = self.control.clone();
        tokio::spawn(async move {
            // Control logs what becomes of it.
            match control.apply(setup, false).await {
                Ok(_) => ended(cause, "answering"),
                // The newer one tells how it ended.
                Err(Refused::Superseded | Refused::Stopped) => {}
                Err(Refused::LastHealthy(_)) => ended(cause, "answering; the last reload was refused"),
            }
            tracing::debug!(?cause, took = ?began.elapsed(), "reload ended");
        });
        self.watcher.follow(&watched);
        Ok(())
    }
}

/// Tells the service manager; a reload that it asked for ends with the word "ready".
fn ended(cause: Cause, status: &str) {
    match cause {
        Cause::Told => systemd::ready(status),
        Cause::Changed => systemd::status(status),
    }
}
