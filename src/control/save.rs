//! When the world is written to disk: not at each change, and never on the task that answers
//! reports.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::saved::File;
use super::state::{StateError, StateFile};
use super::world::Save;

/// Between two writes, unless somebody ordered something.
const GAP: Duration = Duration::from_secs(1);
/// How long what is only fresher may wait. Well below the age up to which verdicts are taken up.
const EVENTUALLY: Duration = Duration::from_secs(60);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(10);

/// The writer of the state file; writes one at a time.
pub(super) struct Saver {
    file: Option<StateFile>,
    due: Option<Instant>,
    last: Option<Instant>,
    under_way: Option<JoinHandle<Result<(), StateError>>>,
    failed: bool,
    /// Who waits for the write under way, and for the next one.
    waiting: Vec<Then>,
    waiting_next: Vec<Then>,
}

/// Told once a write ended, whether it succeeded.
pub(super) type Then = Box<dyn FnOnce(bool) + Send>;

impl Saver {
    /// Without a file, nothing is ever due.
    pub(super) fn new(file: Option<StateFile>) -> Self {
        Self {
            file,
            due: None,
            last: None,
            under_way: None,
            failed: false,
            waiting: Vec::new(),
            waiting_next: Vec::new(),
        }
    }

    /// Notes that something changed.
    pub(super) fn request(&mut self, urgency: Save) {
        if self.file.is_none() {
            return;
        }
        let now = Instant::now();
        let at = match urgency {
            Save::No => return,
            Save::Now => now,
            Save::Soon => self.last.map_or(now, |last| now.max(last + GAP)),
            Save::Eventually => now + EVENTUALLY,
        };
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Has `then` told once what was requested before is on disk; at once, where nothing is ever written.
    pub(super) fn then(&mut self, then: Then) {
        match self.file {
            Some(_) => self.waiting_next.push(then),
            None => then(false),
        }
    }

    /// Waits until a write should begin; forever, where none is due or one is under way. An ended
    /// write is looked at here.
    pub(super) async fn wait(&mut self) {
        if let Some(under_way) = &mut self.under_way {
            let ended = under_way.await;
            self.under_way = None;
            self.judge(ended);
        }
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Begins a write.
    pub(super) fn begin(&mut self, content: File) {
        let Some(file) = self.file.clone() else { return };
        (self.due, self.last) = (None, Some(Instant::now()));
        self.waiting.append(&mut self.waiting_next);
        self.under_way = Some(tokio::task::spawn_blocking(move || file.write(&content.to_bytes())));
    }

    /// Writes for the last time, and waits for it.
    pub(super) async fn finish(&mut self, content: File) {
        if let Some(under_way) = self.under_way.take() {
            let ended = under_way.await;
            self.judge(ended);
        }
        self.failed = false; // a failure of the last one is always told
        self.begin(content);
        if let Some(under_way) = self.under_way.take() {
            let ended = under_way.await;
            self.judge(ended);
        }
    }

    /// Tells of a failure once, until a write succeeds again.
    fn judge(&mut self, ended: Result<Result<(), StateError>, tokio::task::JoinError>) {
        let saved = matches!(ended, Ok(Ok(())));
        self.waiting.drain(..).for_each(|then| then(saved));
        let error: Box<dyn std::error::Error> = match ended {
            Ok(Ok(())) => {
                if std::mem::take(&mut self.failed) {
                    tracing::info!("the state is being saved again");
                }
                return;
            }
            Ok(Err(error)) => Box::new(error),
            Err(error) => Box::new(error),
        };
        if !std::mem::replace(&mut self.failed, true) {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tracing::warn!("the state is not saved, and would be lost by a restart: {error}{cause}");
        }
        let retry = Instant::now() + RETRY;
        self.due = Some(self.due.map_or(retry, |due| due.max(retry)));
    }
}
