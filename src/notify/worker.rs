//! One sink at work: takes the next event, tries until it is dealt with, takes the next.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::State;
use super::breaker::Breaker;
use super::progress::Progress;
use super::selection::HOOK_FAILED;
use super::sink::Speak;
use crate::control::{EventId, History, Kind, Record};

/// Events looked at together.
const BATCH_MAX: usize = 256;
/// An event that could not be delivered for so long is given up: nobody acts on it any more.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Where it is told that a sink has failed.
pub(super) trait Tell: Send + Sync + 'static {
    /// Makes an event of it.
    fn tell(&self, kind: Kind) -> impl Future<Output = ()> + Send;
}

impl Tell for crate::control::Handle {
    fn tell(&self, kind: Kind) -> impl Future<Output = ()> + Send {
        Self::tell(self, kind)
    }
}

/// One sink.
pub(super) struct Worker<C, T> {
    pub(super) name: Arc<str>,
    pub(super) channel: Arc<C>,
    pub(super) progress: Arc<Progress>,
    pub(super) history: Arc<History>,
    pub(super) tell: T,
    /// True: end after what is under way.
    pub(super) stop: watch::Receiver<bool>,
}

/// How an event was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Dealt,
    Stopped,
}

impl<C: Speak, T: Tell> Worker<C, T> {
    /// Goes on until told to stop, once the worker before it has ended.
    pub(super) async fn run(self) {
        let progress = Arc::clone(&self.progress);
        let mut stop = self.stop.clone();
        let _turn = tokio::select! {
            turn = progress.turn.lock() => turn,
            () = told(&mut stop) => return,
        };
        let mut breaker = Breaker::default();
        let mut remind_at = self.channel.reminds().map(|_| Instant::now());
        // A refusal was told, and nothing has worked since.
        let mut told_loss = false;
        loop {
            // Before the history is read, so that what comes meanwhile is seen.
            let mut news = self.history.subscribe();
            let records = self.next().await;
            for record in &records {
                let (wanted, open) = {
                    let inner = self.progress.lock();
                    (inner.selection.wants(record), inner.selection.open_of(&record.subject))
                };
                if wanted && self.deliver(record, &open, &mut breaker, &mut told_loss, &mut stop).await == End::Stopped
                {
                    return;
                }
                self.progress.advance(record);
                if *stop.borrow() {
                    return;
                }
            }
            if !records.is_empty() {
                continue;
            }
            let remind = async {
                match remind_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Lagging or not: there is something to read. Closed: the node ends.
                read = news.recv() => if matches!(read, Err(tokio::sync::broadcast::error::RecvError::Closed)) {
                    told(&mut stop).await;
                    return;
                },
                () = remind => {
                    self.remind().await;
                    remind_at = self.channel.reminds().map(|every| Instant::now() + every);
                }
                () = told(&mut stop) => return,
            }
        }
    }

    /// The next events. Tells of those before them that are gone.
    async fn next(&self) -> Vec<Arc<Record>> {
        let (cursor, position) = {
            let inner = self.progress.lock();
            (inner.cursor, inner.position)
        };
        let (at, records) = self.history.next_after(cursor, BATCH_MAX);
        let gone = match position {
            Some(position) if at > position => at - position,
            Some(_) => return records,
            // Of an earlier run: how many there were is not known.
            None => 1,
        };
        self.progress.lose(gone, at);
        let error = match position {
            Some(_) => format!("{gone} events were not delivered before the history forgot them"),
            None => "the history forgot events while the node was down, or before; they are not delivered".to_owned(),
        };
        tracing::warn!(sink = &*self.name, "{error}");
        self.tell.tell(Kind::Hook { sink: self.name.to_string(), event: None, error }).await;
        records
    }

    /// Tries until an event is delivered or given up.
    async fn deliver(
        &self,
        record: &Arc<Record>,
        open: &[Arc<Record>],
        breaker: &mut Breaker,
        told_loss: &mut bool,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        loop {
            let failure = match self.channel.tell(record, open).await {
                Ok(said) => {
                    if breaker.is_open() {
                        tracing::info!(sink = &*self.name, "notifications are delivered again");
                    }
                    breaker.succeed();
                    *told_loss = false;
                    self.progress.succeed(SystemTime::now());
                    if said.is_empty() {
                        tracing::debug!(sink = &*self.name, event = record.id.0, kind = record.kind, "delivered");
                    } else {
                        tracing::info!(
                            sink = &*self.name,
                            event = record.id.0,
                            kind = record.kind,
                            "delivered: {said}"
                        );
                    }
                    return End::Dealt;
                }
                Err(failure) => failure,
            };
            let why = self.channel.words(&failure);
            let is_old = record.time.elapsed().is_ok_and(|age| age > AGE_MAX);
            if failure.is_final() || is_old {
                self.progress.fail(&why, if breaker.is_open() { State::Open } else { State::Failing });
                self.progress.give_up();
                let old = if is_old { " after a day" } else { "" };
                tracing::warn!(sink = &*self.name, event = record.id.0, kind = record.kind, "given up{old}: {why}");
                // Two sinks that fail would tell each other for ever.
                if !std::mem::replace(told_loss, true) && record.kind != HOOK_FAILED {
                    self.tell_failed(record.id, format!("event {} is given up{old}: {why}", record.id)).await;
                }
                return End::Dealt;
            }
            let wait = breaker.fail(failure.asked(), chance());
            self.progress.fail(&why, if breaker.is_open() { State::Open } else { State::Failing });
            tracing::debug!(sink = &*self.name, event = record.id.0, ?wait, "not delivered: {why}");
            if breaker.just_opened() {
                tracing::warn!(sink = &*self.name, "notifications are not delivered, and tried again: {why}");
                self.tell_failed(record.id, why).await;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = told(stop) => return End::Stopped,
            }
        }
    }

    async fn tell_failed(&self, event: EventId, error: String) {
        self.tell.tell(Kind::Hook { sink: self.name.to_string(), event: Some(event), error }).await;
    }

    /// Tells again of what has not ended. A failure shows in the state; the next minute tries again.
    async fn remind(&self) {
        let open: Vec<_> = self.progress.lock().selection.open().values().cloned().collect();
        if open.is_empty() {
            return;
        }
        match self.channel.remind(&open).await {
            Ok(()) => self.progress.mend(),
            Err(failure) => {
                let why = self.channel.words(&failure);
                tracing::debug!(sink = &*self.name, "not reminded: {why}");
                self.progress.fail(&why, State::Failing);
            }
        }
    }
}

/// Completes when it is told to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left to tell.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// From 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without entropy, the middle is as good a place as any.
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests;
