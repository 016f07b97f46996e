//! One sink at work: takes the next event, tries until it is dealt with, takes the next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::State;
use super::breaker::Breaker;
use super::progress::Progress;
use super::selection::{HOOK_FAILED, Selection};
use super::sink::Speak;
use crate::control::{EventId, History, Kind, Record, Stage};

/// Events looked at together.
const BATCH_MAX: usize = 256;
/// An event that could not be delivered for so long is given up: nobody acts on it any more.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// An event that was answered and not taken for so long, and so often, may be what the receiver cannot take:
/// then others are tried before it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const PATIENCE_TRIES: u32 = 10;
/// Others that are tried, at the most: some may be like it.
const OTHERS_MAX: usize = 4;

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

/// What a worker keeps in mind between events.
#[derive(Default)]
struct Course {
    breaker: Breaker,
    /// A refusal was told, and nothing has worked since.
    told_loss: bool,
    /// Events that were taken before their turn. One at the most for each event given up, and gone when they
    /// are passed.
    ahead: BTreeSet<EventId>,
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
        let mut course = Course::default();
        let mut remind_at = self.channel.reminds().map(|_| Instant::now());
        loop {
            // Before the history is read, so that what comes meanwhile is seen.
            let mut news = self.history.subscribe();
            let records = self.next().await;
            for record in &records {
                let message = Message::of(record, &self.progress.lock().selection);
                let wanted = message.filter(|_| !course.ahead.remove(&record.id));
                if let Some(message) = wanted
                    && self.deliver(&message, &mut course, &mut stop).await == End::Stopped
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
    async fn deliver(&self, message: &Message, course: &mut Course, stop: &mut watch::Receiver<bool>) -> End {
        let Message { record, open } = message;
        // How often it was judged, and since when.
        let (mut judged, mut since, mut others_taken) = (0, None, false);
        loop {
            let failure = match self.channel.tell(record, open).await {
                Ok(said) => {
                    if course.breaker.is_open() {
                        tracing::info!(sink = &*self.name, "notifications are delivered again");
                    }
                    course.breaker.succeed();
                    course.told_loss = false;
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
            if failure.is_judged() {
                judged += 1;
                since.get_or_insert_with(Instant::now);
            } else {
                others_taken = false;
            }
            let patient = judged < PATIENCE_TRIES || since.is_none_or(|since| since.elapsed() < PATIENCE);
            let given_up = if failure.is_final() {
                Some("")
            } else if message.is_end() {
                // What was begun there would never end.
                None
            } else if record.time.elapsed().is_ok_and(|age| age > AGE_MAX) {
                Some(" after a day")
            } else if others_taken {
                Some(" since others are taken")
            } else {
                None
            };
            let state = |breaker: &Breaker| if breaker.is_open() { State::Open } else { State::Failing };
            if let Some(how) = given_up {
                self.progress.fail(&why, state(&course.breaker));
                self.progress.give_up();
                tracing::warn!(sink = &*self.name, event = record.id.0, kind = record.kind, "given up{how}: {why}");
                // Two sinks that fail would tell each other for ever.
                if !std::mem::replace(&mut course.told_loss, true) && record.kind != HOOK_FAILED {
                    self.tell_failed(record.id, format!("event {} is given up{how}: {why}", record.id)).await;
                }
                return End::Dealt;
            }
            if failure.is_judged() && !patient && !message.is_end() && self.takes_others(record, course).await {
                // Once more: the receiver may have been put right just now.
                others_taken = true;
                continue;
            }
            let wait = course.breaker.fail(failure.asked(), chance());
            self.progress.fail(&why, state(&course.breaker));
            tracing::debug!(sink = &*self.name, event = record.id.0, ?wait, "not delivered: {why}");
            if course.breaker.just_opened() {
                tracing::warn!(sink = &*self.name, "notifications are not delivered, and tried again: {why}");
                self.tell_failed(record.id, why).await;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = told(stop) => return End::Stopped,
            }
        }
    }

    /// Whether the receiver takes an event that comes after this one: then it is this one that it cannot take,
    /// and not the receiver that is out of order. Nothing about one subject overtakes.
    async fn takes_others(&self, record: &Arc<Record>, course: &mut Course) -> bool {
        let mut selection = self.progress.lock().selection.clone();
        selection.advance(record);
        let mut waiting = BTreeSet::from([record.subject.clone()]);
        let mut tried = 0;
        for next in self.history.next_after(record.id, BATCH_MAX).1 {
            let message = Message::of(&next, &selection);
            selection.advance(&next);
            let Some(message) = message.filter(|_| !course.ahead.contains(&next.id)) else { continue };
            if !waiting.insert(next.subject.clone()) {
                continue;
            }
            if self.channel.tell(&message.record, &message.open).await.is_ok() {
                tracing::debug!(sink = &*self.name, event = next.id.0, kind = next.kind, "delivered before its turn");
                self.progress.succeed(SystemTime::now());
                course.breaker.succeed();
                course.told_loss = false;
                course.ahead.insert(next.id);
                return true;
            }
            tried += 1;
            if tried == OTHERS_MAX || *self.stop.borrow() {
                break;
            }
        }
        false
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

/// What a sink is told.
struct Message {
    record: Arc<Record>,
    /// The events that began what it is about.
    open: Vec<Arc<Record>>,
}

impl Message {
    /// Of an event, where it is wanted.
    fn of(record: &Arc<Record>, selection: &Selection) -> Option<Self> {
        if !selection.wants(record) {
            return None;
        }
        let mut record = Arc::clone(record);
        if selection.is_end(&record) && record.state != Stage::Resolved {
            record = Arc::new(Record { state: Stage::Resolved, ..(*record).clone() });
        }
        let open = selection.open_of(&record.subject);
        Some(Self { record, open })
    }

    /// Whether it ends something that the sink was told of.
    fn is_end(&self) -> bool {
        self.record.state == Stage::Resolved && !self.open.is_empty()
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
