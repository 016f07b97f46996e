//! Notifications: what waits, what went out, what did not.

use std::time::SystemTime;

use super::text::Text;
use super::unix;

/// Who is notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// `notify.NAME`.
    pub name: String,
    /// `type`.
    pub kind: String,
    /// Whether it can be used.
    pub usable: bool,
    /// Whether it is given a rest, because one attempt after the other failed.
    pub open: bool,
    /// Events that wait for it.
    pub pending: u64,
    /// Events that it took.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events given up: refused, too old, or no longer in the history.
    pub lost: u64,
    /// When it took one last.
    pub last_delivered: Option<SystemTime>,
}

pub(super) fn write(text: &mut Text, sinks: &[Sink]) {
    fn labels(sink: &Sink) -> [(&'static str, &str); 2] {
        [("sink", &sink.name), ("type", &sink.kind)]
    }
    let mut pending = text.gauge("pharos_notify_pending", "Events that wait for a sink.");
    sinks.iter().for_each(|sink| pending.sample(&labels(sink), sink.pending));
    let mut delivered = text.counter("pharos_notify_delivered_total", "Events that a sink took.");
    sinks.iter().for_each(|sink| delivered.sample(&labels(sink), sink.delivered));
    let mut failed = text.counter("pharos_notify_failed_total", "Attempts to deliver an event that failed.");
    sinks.iter().for_each(|sink| failed.sample(&labels(sink), sink.failed));
    let mut lost = text.counter("pharos_notify_lost_total", "Events that were given up for a sink.");
    sinks.iter().for_each(|sink| lost.sample(&labels(sink), sink.lost));
    let help = "Whether a sink is given a rest because attempts failed one after the other.";
    let mut open = text.gauge("pharos_notify_open", help);
    sinks.iter().for_each(|sink| open.sample(&labels(sink), u8::from(sink.open)));
    let help = "Whether a sink can be used: its secrets could be read.";
    let mut usable = text.gauge("pharos_notify_usable", help);
    sinks.iter().for_each(|sink| usable.sample(&labels(sink), u8::from(sink.usable)));
    let help = "When a sink took an event last.";
    let mut last = text.gauge("pharos_notify_last_delivered_timestamp_seconds", help);
    for sink in sinks {
        if let Some(time) = sink.last_delivered {
            last.sample(&labels(sink), unix(time));
        }
    }
}
