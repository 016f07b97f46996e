//! From what happens to what is told: a name for each event, the log, who listens, and the record.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast;

use super::event::{Event, Kind};
use super::figures::Figures;
use super::history::{History, note_firing};
use super::journal::Journal;
use super::reconcile::Over;
use super::record::{EventId, Record, Severity, Stage};
use super::world::World;
use crate::health::Verdict;
use crate::model::time::Moment;

/// Tells what happens.
pub(super) struct Recorder {
    node: Arc<str>,
    last: EventId,
    /// What fires, of all records that were made; the history follows once they are on disk.
    firing: BTreeMap<String, Arc<Record>>,
    live: broadcast::Sender<Arc<Event>>,
    journal: Journal,
}

impl Recorder {
    /// Goes on from what the journal holds.
    pub(super) fn new(node: Arc<str>, journal: Journal, live: broadcast::Sender<Arc<Event>>) -> Self {
        let history = journal.history();
        let firing = history.firing().into_iter().map(|record| (record.subject.clone(), record)).collect();
        Self { node, last: history.last().unwrap_or_default(), firing, live, journal }
    }

    pub(super) fn history(&self) -> &Arc<History> {
        self.journal.history()
    }

    /// Tells of one thing.
    pub(super) fn tell(&mut self, kind: Kind, now: Moment, figures: &mut Figures) {
        let event = Event { id: self.last.next(now.wall), at: now.wall, kind };
        let mut record = Record::of(&event, &self.node);
        let fires = self.firing.get(&record.subject);
        let kept = match &event.kind {
            // At a start all pools begin to work, which is news only to who heard of a failure.
            Kind::Pool { .. } if record.state == Stage::Resolved && fires.is_none() => return,
            // Told before the restart.
            Kind::Lasting { .. } if fires.is_some_and(|before| before.kind == record.kind) => return,
            Kind::Pool { .. } if fires.is_some_and(|before| before.text == record.text) => return,
            Kind::Endpoint { flip, .. } if flip.to == Verdict::Up => fires.is_some() || flip.from != Verdict::Unknown,
            // Files that were touched and say the same are no news, unless they were refused before.
            Kind::Applied(applied) => fires.is_some() || applied.by.is_some() || applied.is_news(),
            _ => true,
        };
        if record.state == Stage::Resolved && fires.is_none() {
            record.state = Stage::Note;
        }
        event.log();
        self.last = event.id;
        // An error says that nobody listens.
        let _ = self.live.send(Arc::new(event));
        if kept {
            self.keep(record, figures);
        }
    }

    /// Ends the alerts of what is over without an event that says so: it ended while the node was away, or is
    /// no longer configured.
    pub(super) fn reconcile(&mut self, world: &World, now: Moment, figures: &mut Figures) {
        let over = |record: &Arc<Record>| Some((Arc::clone(record), world.over(record)?));
        let over: Vec<_> = self.firing.values().filter_map(over).collect();
        for (before, Over { kind, text }) in over {
            tracing::info!("{text}");
            self.last = self.last.next(now.wall);
            let record = Record {
                id: self.last,
                time: now.wall,
                kind: kind.to_owned(),
                severity: Severity::Info,
                state: Stage::Resolved,
                text,
                data: serde_json::json!({}),
                ..(*before).clone()
            };
            self.keep(record, figures);
        }
    }

    fn keep(&mut self, record: Record, figures: &mut Figures) {
        figures.recorded(&record);
        let record = Arc::new(record);
        note_firing(&mut self.firing, &record);
        self.journal.push(record);
    }

    /// Waits until everything is on disk.
    pub(super) async fn finish(self) {
        self.journal.finish().await;
    }
}
