//! Server-sent events (WHATWG HTML, 9.2.6), as far as a node sends them.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::Driver;

/// A node says something every 15 s, if only a comment: after three of them missed, nobody is there.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Of one event. Those of a node have some hundred bytes, a refused reload some thousand.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An event: its id, where it has one, and its data.
    Event {
        /// To go on behind it.
        id: Option<u64>,
        /// One line of JSON.
        data: String,
    },
    /// A sign of life, or a word about the stream itself.
    Comment(String),
}

/// A stream of events.
pub(crate) struct Stream {
    body: Incoming,
    lines: Lines,
    /// When the silence has lasted too long.
    end: Instant,
    _driver: Driver,
}

impl Stream {
    pub(super) fn new(body: Incoming, driver: Driver) -> Self {
        Self { body, lines: Lines::default(), end: Instant::now() + SILENCE_MAX, _driver: driver }
    }

    /// The next thing that is heard; none when the connection is over or silent. May be dropped while it
    /// waits, and nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.lines.next() {
                return Some(heard);
            }
            let frame = timeout_at(self.end, self.body.frame()).await.ok()??.ok()?;
            self.end = Instant::now() + SILENCE_MAX;
            if let Ok(bytes) = frame.into_data() {
                self.lines.push(&bytes)?;
            }
        }
    }
}

/// Bytes on their way to events.
#[derive(Debug, Default)]
struct Lines {
    buffer: Vec<u8>,
    id: Option<u64>,
    data: String,
}

impl Lines {
    /// None over the bound.
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        self.buffer.extend_from_slice(bytes);
        (self.buffer.len() + self.data.len() <= EVENT_BYTES_MAX).then_some(())
    }

    /// The next event or comment that is complete.
    fn next(&mut self) -> Option<Heard> {
        while let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let (id, data) = (self.id.take(), std::mem::take(&mut self.data));
                if !data.is_empty() {
                    return Some(Heard::Event { id, data });
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => return Some(Heard::Comment(value.to_owned())),
                "id" => self.id = value.parse().ok(),
                "data" => {
                    if !self.data.is_empty() {
                        self.data.push('\n');
                    }
                    self.data.push_str(value);
                }
                // `event` stands in the data too; `retry` is not used.
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_wherever_the_bytes_are_cut() {
        let text = ":hello\nid: 7\nevent: x\ndata: {\"a\":1}\n\ndata:b\r\ndata: c\r\n\r\nid: 8\n\ndata: lost";
        let wanted = [
            Heard::Comment("hello".into()),
            Heard::Event { id: Some(7), data: "{\"a\":1}".into() },
            Heard::Event { id: None, data: "b\nc".into() },
        ];
        for size in [1, 2, 3, 7, text.len()] {
            let mut lines = Lines::default();
            let mut heard = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                assert!(lines.push(piece).is_some());
                while let Some(one) = lines.next() {
                    heard.push(one);
                }
            }
            assert_eq!(heard, wanted, "in pieces of {size}");
        }
        assert!(Lines::default().push(&vec![b'x'; EVENT_BYTES_MAX + 1]).is_none());
    }
}
