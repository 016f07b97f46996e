//! Streams of events (server-sent events, HTML 9.2): what is kept is replayed, then what happens is sent
//! as it happens, without gap or duplicate.
//!
//! Each event is written out once and its bytes are shared by all streams. A stream waits for its
//! reader; one that is too far behind ends, and its reader asks again from where it was.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::fault::Fault;
use crate::control::{EventId, Filter, History, Record};

/// Streams at a time. Each costs a connection, a task and its place among those who are told.
pub(super) const STREAMS_MAX: usize = 1024;
/// A comment after so much silence: proxies and readers see that the stream lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Replayed events that are written at a time, so that a long replay waits for its reader.
const PAGE: usize = 100;
/// Events whose bytes are kept for the streams that have not sent them yet; a stream that is further
/// behind writes them out for itself.
const PRINTED_MAX: usize = 256;
/// The first bytes: a reader that loses the stream comes back after so many milliseconds.
const GREETING: &str = "retry: 2000\n\n";
const BEAT: &[u8] = b":\n\n";

/// The streams of a node.
#[derive(Debug)]
pub(super) struct Streams {
    seats: Arc<Semaphore>,
    printed: Mutex<VecDeque<(EventId, Bytes)>>,
    stop: watch::Receiver<bool>,
}

/// One stream.
struct Follow {
    streams: Arc<Streams>,
    history: Arc<History>,
    live: broadcast::Receiver<Arc<Record>>,
    filter: Filter,
    /// The last event that was sent.
    last: EventId,
    state: State,
    stop: watch::Receiver<bool>,
    _seat: OwnedSemaphorePermit,
}

/// How far a stream is.
enum State {
    /// Nothing was sent; whether what is kept is to be replayed.
    New { replay: bool },
    /// What is kept is being sent.
    Replay,
    /// What happens is being sent.
    Live,
}

impl Streams {
    /// None yet; all end when `stop` says true.
    pub(super) fn new(stop: watch::Receiver<bool>) -> Self {
        Self { seats: Arc::new(Semaphore::new(STREAMS_MAX)), printed: Mutex::default(), stop }
    }

    /// A stream of the events that the filter wants: those after an id, or what happens from now on.
    pub(super) fn open(
        self: Arc<Self>,
        history: Arc<History>,
        filter: Filter,
        after: Option<EventId>,
    ) -> Result<Response, Fault> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| Fault::StreamsMax)?;
        // Before anything is read, so that nothing is missed in between.
        let live = history.subscribe();
        let follow = Follow {
            stop: self.stop.clone(),
            streams: self,
            history,
            live,
            filter,
            last: after.unwrap_or_default(),
            state: State::New { replay: after.is_some() },
            _seat: seat,
        };
        let body = Body::from_stream(unfold(follow, async |mut follow| {
            let bytes = follow.next().await?;
            Some((Ok::<_, Infallible>(bytes), follow))
        }));
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        // The connection was let out of its bounds for this, and serves nothing else afterwards.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        // Proxies that collect answers would hold events back (nginx).
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    }

    /// An event as the bytes of a stream, which are made once.
    fn print(&self, record: &Record) -> Bytes {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = printed.iter().rev().find(|(id, _)| *id == record.id) {
            return bytes.clone();
        }
        let bytes = frame(record);
        if printed.back().is_none_or(|(id, _)| *id < record.id) {
            if printed.len() >= PRINTED_MAX {
                printed.pop_front();
            }
            printed.push_back((record.id, bytes.clone()));
        }
        bytes
    }
}

/// JSON has no raw line ends, so that one line of data is enough.
fn frame(record: &Record) -> Bytes {
    let mut text = String::with_capacity(1024);
    // Writing to a string does not fail, and a record has no keys that are no strings.
    let _ = write!(text, "id: {}\nevent: {}\ndata: ", record.id, record.kind);
    text.push_str(&serde_json::to_string(record).unwrap_or_default());
    text.push_str("\n\n");
    text.into()
}

/// The first bytes of a replay. Where what followed an event may be gone, a comment says so:
/// `: events before 1795239499123456 are gone`.
fn greeting_after(history: &History, id: EventId) -> Bytes {
    match (history.position(id), history.oldest()) {
        (None, Some(oldest)) => format!("{GREETING}: events before {oldest} are gone\n\n").into(),
        (Some(_), _) | (None, None) => GREETING.into(),
    }
}

impl Follow {
    /// What is to be sent next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        match self.state {
            State::New { replay } => {
                self.state = if replay { State::Replay } else { State::Live };
                return Some(if replay { greeting_after(&self.history, self.last) } else { GREETING.into() });
            }
            State::Replay => {
                let page = self.history.after(self.last, PAGE, &self.filter);
                if let Some(last) = page.last() {
                    self.last = last.id;
                    let all: Vec<_> = page.iter().map(|record| self.streams.print(record)).collect();
                    return Some(all.concat().into());
                }
                self.state = State::Live;
            }
            State::Live => {}
        }
        let beat = Instant::now() + HEARTBEAT;
        loop {
            tokio::select! {
                biased;
                // An error says that the node is gone: told enough.
                _ = self.stop.wait_for(|stop| *stop) => return None,
                event = self.live.recv() => match event {
                    Ok(record) if record.id > self.last && self.filter.wants(&record) => {
                        self.last = record.id;
                        return Some(self.streams.print(&record));
                    }
                    // Replayed already, or not wanted.
                    Ok(_) => {}
                    Err(RecvError::Lagged(missed)) => {
                        tracing::debug!(missed, "a stream of events is too slow and is cut");
                        return None;
                    }
                    Err(RecvError::Closed) => return None,
                },
                () = sleep_until(beat) => return Some(Bytes::from_static(BEAT)),
            }
        }
    }
}
