//! What happened, kept in memory: the newest records, what of them still fires, and the stream of new ones.
//!
//! A record comes in once it is on disk, so that nobody is shown what a crash could take back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use super::record::{EventId, Record, Severity, Stage, Topic};

/// Records kept. A thousand endpoints that go down at once make some three thousand; at about a kilobyte
/// each this is 20 MB at the most.
pub const HISTORY_MAX: usize = 20_000;
/// Records that a reader of the stream may be behind; it can ask for what it missed.
const LIVE_MAX: usize = 4096;

/// Which records are wanted; the default wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of these topics; empty: any.
    pub topics: Vec<Topic>,
    /// At least so severe.
    pub severity: Option<Severity>,
    /// About this pool: `app.example.com/app`.
    pub pool: Option<String>,
    /// About an endpoint of this name.
    pub endpoint: Option<String>,
}

impl Filter {
    /// Whether it wants the record.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        let Self { topics, severity, pool, endpoint } = self;
        (topics.is_empty() || topics.contains(&record.topic))
            && severity.is_none_or(|least| record.severity >= least)
            && pool.as_ref().is_none_or(|pool| record.pool_id().as_ref() == Some(pool))
            && endpoint.as_ref().is_none_or(|endpoint| record.endpoint.as_ref() == Some(endpoint))
    }
}

/// The newest records.
#[derive(Debug)]
pub struct History {
    kept: Mutex<Kept>,
    live: broadcast::Sender<Arc<Record>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By rising id.
    records: VecDeque<Arc<Record>>,
    /// How many have gone since the start.
    dropped: u64,
    /// What fires, by subject: the record that said so last.
    firing: BTreeMap<String, Arc<Record>>,
}

impl History {
    /// Of these records, oldest first.
    #[must_use]
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let history = Self { kept: Mutex::default(), live: broadcast::channel(LIVE_MAX).0 };
        for record in records {
            history.kept().push(Arc::new(record));
        }
        history
    }

    /// Takes records in and tells those who follow.
    pub(super) fn push(&self, records: impl IntoIterator<Item = Arc<Record>>) {
        for record in records {
            // Under the lock, so that who subscribes and then reads misses nothing and gets nothing twice
            // that an id would not tell.
            let mut kept = self.kept();
            kept.push(Arc::clone(&record));
            // An error says that nobody follows.
            let _ = self.live.send(record);
        }
    }

    /// The newest `limit` records that the filter wants, oldest first.
    #[must_use]
    pub fn newest(&self, limit: usize, filter: &Filter) -> Vec<Arc<Record>> {
        let kept = self.kept();
        let wanted = kept.records.iter().rev().filter(|record| filter.wants(record)).take(limit);
        let mut found: Vec<_> = wanted.cloned().collect();
        found.reverse();
        found
    }

    /// The first `limit` records after `id` that the filter wants, oldest first.
    #[must_use]
    pub fn after(&self, id: EventId, limit: usize, filter: &Filter) -> Vec<Arc<Record>> {
        let kept = self.kept();
        let from = kept.records.partition_point(|record| record.id <= id);
        kept.records.range(from..).filter(|record| filter.wants(record)).take(limit).cloned().collect()
    }

    /// The first `limit` records after `id`, oldest first, and the [position](Self::position) before the
    /// first of them.
    #[must_use]
    pub fn next_after(&self, id: EventId, limit: usize) -> (u64, Vec<Arc<Record>>) {
        let kept = self.kept();
        let from = kept.records.partition_point(|record| record.id <= id);
        (kept.dropped + from as u64, kept.records.range(from..).take(limit).cloned().collect())
    }

    /// How many records there were up to this one, of those that were there at the start and have come since.
    /// None where it is older than all that are kept, so that what followed it may be gone.
    #[must_use]
    pub fn position(&self, id: EventId) -> Option<u64> {
        let kept = self.kept();
        let is_older = id != EventId::default() && kept.records.front().is_some_and(|oldest| id < oldest.id);
        let up_to = kept.records.partition_point(|record| record.id <= id);
        (!is_older).then_some(kept.dropped + up_to as u64)
    }

    /// What fires now: for each subject the record that said so last, by subject.
    #[must_use]
    pub fn firing(&self) -> Vec<Arc<Record>> {
        self.kept().firing.values().cloned().collect()
    }

    /// The oldest that is kept.
    #[must_use]
    pub fn oldest(&self) -> Option<EventId> {
        self.kept().records.front().map(|record| record.id)
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<EventId> {
        self.kept().records.back().map(|record| record.id)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept().records.len()
    }

    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What happens from now on. Who reads too slowly misses the oldest, and is told; [`History::after`]
    /// has them.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Record>> {
        self.live.subscribe()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, record: Arc<Record>) {
        note_firing(&mut self.firing, &record);
        if self.records.len() >= HISTORY_MAX {
            self.records.pop_front();
            self.dropped += 1;
        }
        self.records.push_back(record);
    }
}

/// Notes what a record says of its subject.
pub(super) fn note_firing(firing: &mut BTreeMap<String, Arc<Record>>, record: &Arc<Record>) {
    match record.state {
        Stage::Firing => {
            firing.insert(record.subject.clone(), Arc::clone(record));
        }
        Stage::Resolved => {
            firing.remove(&record.subject);
        }
        Stage::Note => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn record(id: u64, subject: &str, state: Stage, severity: Severity) -> Record {
        Record {
            id: EventId(id),
            time: SystemTime::UNIX_EPOCH,
            node: "ns1".to_owned(),
            kind: "pool-down".to_owned(),
            topic: Topic::Pool,
            severity,
            state,
            subject: subject.to_owned(),
            zone: Some("example.com".to_owned()),
            pool: Some("app".to_owned()),
            endpoint: None,
            region: None,
            address: None,
            check: None,
            text: String::new(),
            data: serde_json::Value::Null,
        }
    }

    fn ids(records: &[Arc<Record>]) -> Vec<u64> {
        records.iter().map(|record| record.id.0).collect()
    }

    #[test]
    fn records_are_found_by_place_and_filter() {
        let note = |id| record(id, "s", Stage::Note, if id % 2 == 0 { Severity::Critical } else { Severity::Info });
        let history = History::of((1..=10).map(note));
        let all = Filter::default();
        assert_eq!(ids(&history.newest(3, &all)), [8, 9, 10]);
        assert_eq!(ids(&history.after(EventId(4), 2, &all)), [5, 6]);
        assert_eq!(ids(&history.after(EventId(10), 2, &all)), [0; 0]);
        let critical = Filter { severity: Some(Severity::Warning), ..Filter::default() };
        assert_eq!(ids(&history.after(EventId(4), 2, &critical)), [6, 8]);
        for (pool, count) in [("example.com/app", 10), ("example.com/other", 0)] {
            let filter = Filter { pool: Some(pool.to_owned()), ..Filter::default() };
            assert_eq!(history.newest(100, &filter).len(), count, "{pool}");
        }
        assert_eq!((history.oldest(), history.last()), (Some(EventId(1)), Some(EventId(10))));
    }

    #[test]
    fn the_oldest_go_and_what_fires_stays() {
        let history = History::of([record(1, "a", Stage::Firing, Severity::Critical)]);
        for id in 2..=HISTORY_MAX as u64 + 5 {
            history.push([Arc::new(record(id, "b", Stage::Note, Severity::Info))]);
        }
        assert_eq!((history.len(), history.oldest()), (HISTORY_MAX, Some(EventId(6))));
        assert_eq!(ids(&history.firing()), [1]);
        let (at, next) = history.next_after(EventId(2), 2);
        assert_eq!((at, ids(&next)), (5, vec![6, 7]));
        let (at, next) = history.next_after(EventId(7), 1);
        assert_eq!((at, ids(&next)), (7, vec![8]));
        assert_eq!((history.position(EventId(2)), history.position(EventId(7))), (None, Some(7)));
        history.push([Arc::new(record(1 << 40, "a", Stage::Resolved, Severity::Info))]);
        assert!(history.firing().is_empty());
    }

    #[test]
    fn ids_rise_whatever_the_clock_does() {
        let first = EventId::default().next(SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(50));
        assert_eq!((first, first.next(SystemTime::UNIX_EPOCH)), (EventId(50), EventId(51)));
    }
}
