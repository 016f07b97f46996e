//! From what happens to what is told: a name for each event, the log, who listens, and the record.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast;

use super::event::{Event, Kind};
use super::figures::Figures;
use super::history::{History, note_firing};
use super::journal::Journal;
use super::record::{EventId, Record, Severity, Stage, Topic};
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
            Kind::Endpoint { flip, .. } if flip.to == Verdict::Up => fires.is_some() || flip.from != Verdict::Unknown,
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

    /// Ends the alerts of what is no longer configured: nothing else ever would.
    pub(super) fn resolve_gone(&mut self, world: &World, now: Moment, figures: &mut Figures) {
        let is_gone = |record: &&Arc<Record>| match record.topic {
            Topic::Endpoint | Topic::Pool => !world.has(record),
            _ => false,
        };
        let gone: Vec<_> = self.firing.values().filter(is_gone).cloned().collect();
        for before in gone {
            let kind = if before.topic == Topic::Pool { "pool-gone" } else { "endpoint-gone" };
            let what = match (before.pool_id(), &before.endpoint) {
                (Some(pool), Some(endpoint)) => format!("endpoint {endpoint} of {pool}"),
                (pool, _) => format!("pool {}", pool.unwrap_or_default()),
            };
            let (id, text) = (self.last.next(now.wall), format!("{what} is no longer configured"));
            tracing::info!("{text}");
            self.last = id;
            let record = Record {
                id,
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
