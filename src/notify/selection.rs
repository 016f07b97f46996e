//! Which events a sink is told of, and which of those have not ended yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::{Record, Stage};
use crate::model::sink::Filter;

/// What a sink can hold that has not ended. A node with more failures than that has one failure.
const OPEN_MAX: usize = 10_000;

/// Kinds of events that end a state.
const ENDS: [&str; 7] =
    ["endpoint-up", "endpoint-gone", "pool-up", "pool-gone", "check-fresh", "isolation-ended", "reload-applied"];

/// What began, was told, and has not ended: by subject and kind, the events that said so.
pub(super) type Open = BTreeMap<(String, String), Arc<Record>>;

/// Chooses for one sink.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    name: Arc<str>,
    filter: Filter,
    /// Only what begins or ends a state.
    alerts_only: bool,
    open: Open,
}

impl Selection {
    /// Goes on from what has not ended yet.
    pub(super) fn new(name: Arc<str>, filter: Filter, alerts_only: bool, open: Open) -> Self {
        Self { name, filter, alerts_only, open }
    }

    /// Whether the sink is told of this event, where it has dealt with all before.
    pub(super) fn wants(&self, record: &Record) -> bool {
        // Whatever the filter says by now: who heard of the beginning hears of the end.
        if self.is_end(record) {
            return true;
        }
        let Filter { topics, severity, pools } = &self.filter;
        record.severity >= *severity
            && topics.contains(&record.topic)
            && (pools.is_empty() || is_of(record, pools))
            && !(self.alerts_only && record.state == Stage::Note)
            // That a sink failed is told by all others.
            && !(record.kind == HOOK_FAILED && record.data["sink"] == *self.name)
    }

    /// Whether it ends something that the sink was told of. A node whose history has forgotten the beginning
    /// makes a note of the end.
    pub(super) fn is_end(&self, record: &Record) -> bool {
        let ends = match record.state {
            Stage::Resolved => true,
            Stage::Note => ENDS.contains(&&*record.kind),
            Stage::Firing => false,
        };
        ends && self.is_open(&record.subject)
    }

    /// Notes an event that the sink has dealt with.
    pub(super) fn advance(&mut self, record: &Arc<Record>) {
        match record.state {
            Stage::Firing if self.wants(record) => {
                if self.open.len() < OPEN_MAX {
                    self.open.insert((record.subject.clone(), record.kind.clone()), Arc::clone(record));
                }
            }
            Stage::Resolved | Stage::Note if self.is_end(record) => {
                self.open.retain(|(subject, _), _| *subject != record.subject);
            }
            Stage::Firing | Stage::Resolved | Stage::Note => {}
        }
    }

    /// Chooses by another filter from now on.
    pub(super) fn choose(&mut self, filter: Filter, alerts_only: bool) {
        (self.filter, self.alerts_only) = (filter, alerts_only);
    }

    /// What has not ended.
    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    /// The events that said that this subject is in trouble.
    pub(super) fn open_of(&self, subject: &str) -> Vec<Arc<Record>> {
        let from = (subject.to_owned(), String::new());
        self.open.range(from..).take_while(|((open, _), _)| open == subject).map(|(_, record)| record.clone()).collect()
    }

    fn is_open(&self, subject: &str) -> bool {
        !self.open_of(subject).is_empty()
    }
}

/// The kind of event that a failing sink makes.
pub(super) const HOOK_FAILED: &str = "hook-failed";

/// Whether it is about one of these pools or zones; so is what is about no pool at all.
fn is_of(record: &Record, pools: &[Arc<str>]) -> bool {
    let Some(zone) = &record.zone else { return true };
    let id = record.pool_id();
    let is_it = |pattern: &Arc<str>| {
        pattern.eq_ignore_ascii_case(zone) || id.as_ref().is_some_and(|id| pattern.eq_ignore_ascii_case(id))
    };
    pools.iter().any(is_it)
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::control::EventId;
    use crate::model::event::{Severity, Topic};

    /// An event about the endpoint `us-east` of `app.example.com/app`.
    pub(in crate::notify) fn record(id: u64, kind: &str, severity: Severity, state: Stage) -> Record {
        Record {
            id: EventId(id),
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_239_499_123),
            node: "ns1".to_owned(),
            kind: kind.to_owned(),
            topic: Topic::Endpoint,
            severity,
            state,
            subject: "endpoint/app.example.com/app/us-east/192.0.2.10".to_owned(),
            zone: Some("app.example.com".to_owned()),
            pool: Some("app".to_owned()),
            endpoint: Some("us-east".to_owned()),
            region: Some("us".to_owned()),
            address: Some([192, 0, 2, 10].into()),
            check: Some("web".to_owned()),
            text: "endpoint us-east (192.0.2.10) of app.example.com/app is down: <b> & 503".to_owned(),
            data: serde_json::json!({}),
        }
    }

    pub(in crate::notify) fn filter(severity: Severity, pools: &[&str]) -> Filter {
        Filter { topics: Topic::ALL.to_vec(), severity, pools: pools.iter().map(|pool| Arc::from(*pool)).collect() }
    }

    fn selection(filter: Filter) -> Selection {
        Selection::new("ops".into(), filter, false, Open::new())
    }

    fn down() -> Record {
        record(1, "endpoint-down", Severity::Warning, Stage::Firing)
    }

    fn up() -> Record {
        record(2, "endpoint-up", Severity::Info, Stage::Resolved)
    }

    #[test]
    fn pools_and_zones_are_named_and_what_is_of_none_passes() {
        for (pools, wanted) in [
            (&[][..], true),
            (&["app.example.com"], true),
            (&["app.example.com/app"], true),
            (&["APP.example.com/app"], true),
            (&["app.example.com/other", "example.com"], false),
        ] {
            let selection = selection(filter(Severity::Info, pools));
            assert_eq!(selection.wants(&down()), wanted, "{pools:?}");
            assert!(selection.wants(&Record { zone: None, pool: None, ..down() }));
        }
    }

    #[test]
    fn topics_and_severities_are_chosen() {
        let only = Filter { topics: vec![Topic::Pool], ..filter(Severity::Info, &[]) };
        assert!(!selection(only.clone()).wants(&down()));
        assert!(selection(only).wants(&Record { topic: Topic::Pool, ..down() }));
        assert!(selection(filter(Severity::Warning, &[])).wants(&down()));
        assert!(!selection(filter(Severity::Critical, &[])).wants(&down()));
    }

    #[test]
    fn the_end_of_what_was_told_is_told_and_no_other() {
        let mut selection = selection(filter(Severity::Critical, &[]));
        selection.advance(&Arc::new(down()));
        assert!(!selection.wants(&up()), "the failure was not told either");
        selection.advance(&Arc::new(record(3, "endpoint-down-long", Severity::Critical, Stage::Firing)));
        assert!(selection.wants(&up()));
        selection.advance(&Arc::new(up()));
        assert!(!selection.wants(&up()) && selection.open().is_empty());
    }

    #[test]
    fn the_end_is_told_whatever_the_filter_says_by_then() {
        let narrow = [
            Filter { topics: vec![Topic::Drill], ..filter(Severity::Info, &[]) },
            filter(Severity::Info, &["other.example.com"]),
            filter(Severity::Critical, &[]),
        ];
        for filter_then in narrow {
            let mut selection = selection(filter(Severity::Info, &[]));
            selection.advance(&Arc::new(down()));
            selection.choose(filter_then, true);
            assert!(!selection.wants(&down()), "what begins now is not told");
            assert!(selection.wants(&up()));
            selection.advance(&Arc::new(up()));
            assert!(!selection.wants(&up()) && selection.open().is_empty());
        }
    }

    #[test]
    fn an_end_that_came_as_a_note_is_one_where_the_beginning_was_told() {
        for kind in ENDS {
            let note = Record { kind: kind.to_owned(), state: Stage::Note, ..up() };
            let mut alerts = Selection::new("ops".into(), filter(Severity::Warning, &[]), true, Open::new());
            assert!(!alerts.wants(&note), "{kind}");
            alerts.advance(&Arc::new(down()));
            assert!(alerts.wants(&note) && alerts.is_end(&note), "{kind}");
            assert!(!alerts.wants(&Record { kind: "hold-ended".to_owned(), ..note.clone() }));
            alerts.advance(&Arc::new(note));
            assert!(alerts.open().is_empty(), "{kind}");
        }
    }

    #[test]
    fn notes_are_no_alerts_and_a_sink_does_not_hear_of_itself() {
        let note = Record { kind: HOOK_FAILED.to_owned(), state: Stage::Note, ..down() };
        let of = |name: &str| Record { data: serde_json::json!({ "sink": name }), ..note.clone() };
        let all = selection(filter(Severity::Info, &[]));
        assert!(all.wants(&of("other")) && !all.wants(&of("ops")));
        let alerts = Selection::new("ops".into(), filter(Severity::Info, &[]), true, Open::new());
        assert!(!alerts.wants(&of("other")) && alerts.wants(&down()) && alerts.wants(&up()));
    }

    #[test]
    fn all_that_fires_of_a_subject_is_found() {
        let mut selection = selection(filter(Severity::Info, &[]));
        let other = Record { subject: "endpoint/app.example.com/app/us-east/192.0.2.100".to_owned(), ..down() };
        selection.advance(&Arc::new(other));
        selection.advance(&Arc::new(down()));
        selection.advance(&Arc::new(record(3, "endpoint-down-long", Severity::Critical, Stage::Firing)));
        assert_eq!(selection.open_of(&down().subject).len(), 2);
        assert_eq!(selection.open().len(), 3);
    }
}
