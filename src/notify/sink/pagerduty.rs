//! PagerDuty: Events API v2 (developer.pagerduty.com, "Send an alert event").
//!
//! Only what begins or ends a state is sent: `trigger` and `resolve`. Notes have no place there; change
//! events are for deployments, and go to another address.

use reqwest::Url;
use ring::digest;
use serde_json::{Value, json};

use super::http::{self, Http};
use super::{Failure, Unready, Wallet, clip, time_of};
use crate::control::{Record, Stage};
use crate::model::secret::{Secret, SecretSource};
use crate::model::sink::Ca;

/// Of `summary`.
const SUMMARY_LEN_MAX: usize = 1024;
/// Of `dedup_key`.
const KEY_LEN_MAX: usize = 255;

/// A service.
pub(super) struct PagerDuty {
    http: Http,
    url: Url,
    routing_key: Secret,
}

impl PagerDuty {
    pub(super) fn new(
        routing_key: &SecretSource,
        url: &str,
        ca: Option<&Ca>,
        wallet: &Wallet,
    ) -> Result<Self, Unready> {
        let routing_key = wallet.secret(routing_key)?.clone();
        Ok(Self { http: Http::new(ca, wallet)?, url: http::url("url", url)?, routing_key })
    }

    pub(super) async fn tell(&self, record: &Record) -> Result<(), Failure> {
        let Some(action) = action(record) else { return Ok(()) };
        let event = event(record, action, self.routing_key.reveal());
        self.http.send(self.http.post(&self.url).json(&event)).await
    }
}

fn action(record: &Record) -> Option<&'static str> {
    match record.state {
        Stage::Firing => Some("trigger"),
        Stage::Resolved => Some("resolve"),
        Stage::Note => None,
    }
}

/// What an incident is known by. Each node has its own: what one sees end may last for another.
fn dedup_key(record: &Record) -> String {
    let key = format!("{}/{}", record.node, record.subject);
    if key.len() <= KEY_LEN_MAX {
        return key;
    }
    data_encoding::HEXLOWER.encode(digest::digest(&digest::SHA256, key.as_bytes()).as_ref())
}

fn event(record: &Record, action: &str, routing_key: &str) -> Value {
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": dedup_key(record),
        "client": "pharos",
        "payload": {
            "summary": clip(&record.text, SUMMARY_LEN_MAX),
            "source": record.pool_id().unwrap_or_else(|| record.node.clone()),
            // The words of pharos are words of PagerDuty.
            "severity": record.severity.word(),
            "timestamp": time_of(record),
            "component": record.endpoint,
            "group": record.region,
            "class": record.kind,
            "custom_details": record,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Severity;
    use crate::notify::selection::tests::record;

    #[test]
    fn an_incident_begins_and_ends_by_one_key() {
        let down = record(7, "endpoint-down", Severity::Warning, Stage::Firing);
        let up = record(8, "endpoint-up", Severity::Info, Stage::Resolved);
        let long = record(9, "endpoint-down-long", Severity::Critical, Stage::Firing);
        let key = "ns1/endpoint/app.example.com/app/us-east/192.0.2.10";
        for (record, want) in [(&down, "trigger"), (&up, "resolve"), (&long, "trigger")] {
            assert_eq!(action(record), Some(want));
            let event = event(record, want, "R0123456789ABCDEF0123456789ABCDE");
            assert_eq!((&event["dedup_key"], &event["event_action"]), (&json!(key), &json!(want)));
            assert_eq!(event["routing_key"], "R0123456789ABCDEF0123456789ABCDE");
        }
        assert_eq!(action(&record(7, "answer-changed", Severity::Info, Stage::Note)), None);
        let payload = event(&down, "trigger", "")["payload"].clone();
        assert_eq!((&payload["severity"], &payload["class"]), (&json!("warning"), &json!("endpoint-down")));
        assert_eq!((&payload["source"], &payload["component"]), (&json!("app.example.com/app"), &json!("us-east")));
        assert_eq!((&payload["timestamp"], &payload["group"]), (&json!("2026-11-21T05:38:19.123Z"), &json!("us")));
        assert_eq!(payload["custom_details"]["check"], "web");
    }

    #[test]
    fn keys_are_short_enough_and_of_the_node() {
        let down = record(7, "endpoint-down", Severity::Warning, Stage::Firing);
        let other = |subject: &str| Record { node: "ns2".to_owned(), subject: subject.to_owned(), ..down.clone() };
        assert_ne!(dedup_key(&down), dedup_key(&other(&down.subject)));
        assert_ne!(
            dedup_key(&other(&"a".repeat(300))),
            dedup_key(&Record { node: "ns3".into(), ..other(&"a".repeat(300)) })
        );
        let long = |letter: &str| Record { subject: letter.repeat(300), ..down.clone() };
        assert_eq!(dedup_key(&long("a")).len(), 64);
        assert_ne!(dedup_key(&long("a")), dedup_key(&long("b")));
        let text = Record { text: "x".repeat(2000), ..down };
        assert_eq!(event(&text, "trigger", "")["payload"]["summary"].as_str().map(str::len), Some(SUMMARY_LEN_MAX));
    }
}
