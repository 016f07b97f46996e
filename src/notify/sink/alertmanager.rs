//! Prometheus Alertmanager: `POST /api/v2/alerts` (prometheus.io, "Alerts API").
//!
//! An alert is known by its labels, so the end of one has the labels of its beginning. It is sent again
//! every minute while it lasts, as Prometheus does. Each node has its own, told apart by the label `node`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Url;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::http::{self, Http};
use super::{Failure, Unready, Wallet, time_of};
use crate::control::{Record, Stage};
use crate::model::secret::Secret;
use crate::model::sink::{Ca, Login};

/// Alerts in one request: some hundred KiB.
const ALERTS_MAX: usize = 500;
/// A test alert ends by itself after that.
const TEST_TIME: Duration = Duration::from_secs(60);

/// An Alertmanager.
pub(super) struct Alertmanager {
    http: Http,
    url: Url,
    access: Access,
    labels: Vec<(String, String)>,
}

enum Access {
    Open,
    Password(String, Secret),
    Token(Secret),
}

impl Alertmanager {
    pub(super) fn new(
        url: &str,
        login: &Login,
        labels: &[(String, String)],
        ca: Option<&Ca>,
        wallet: &Wallet,
    ) -> Result<Self, Unready> {
        let access = match login {
            Login::None => Access::Open,
            Login::Password(name, source) => Access::Password(name.clone(), wallet.secret(source)?.clone()),
            Login::Token(source) => Access::Token(wallet.secret(source)?.clone()),
        };
        let url = http::url("url", &format!("{url}/api/v2/alerts"))?;
        Ok(Self { http: Http::new(ca, wallet)?, url, access, labels: labels.to_vec() })
    }

    /// `open` is what began the state that the event is about.
    pub(super) async fn tell(&self, record: &Record, open: &[Arc<Record>]) -> Result<(), Failure> {
        let alerts: Vec<Value> = match record.state {
            Stage::Firing => vec![self.alert(record, None)],
            Stage::Resolved => open.iter().map(|began| self.alert(began, Some(record.time))).collect(),
            Stage::Note => Vec::new(),
        };
        self.send(&alerts).await
    }

    /// Tells again of what lasts; each request within a limited time.
    pub(super) async fn remind(&self, open: &[Arc<Record>], within: Duration) -> Result<(), Failure> {
        for open in open.chunks(ALERTS_MAX) {
            let alerts: Vec<Value> = open.iter().map(|began| self.alert(began, None)).collect();
            timeout(within, self.send(&alerts)).await.unwrap_or(Err(Failure::TimedOut(within)))?;
        }
        Ok(())
    }

    pub(super) async fn test(&self, record: &Record) -> Result<(), Failure> {
        self.send(&[self.alert(record, Some(record.time + TEST_TIME))]).await
    }

    async fn send(&self, alerts: &[Value]) -> Result<(), Failure> {
        if alerts.is_empty() {
            return Ok(());
        }
        let request = self.http.post(&self.url).json(&alerts);
        self.http
            .send(match &self.access {
                Access::Open => request,
                Access::Password(name, password) => request.basic_auth(name, Some(password.reveal())),
                Access::Token(token) => request.bearer_auth(token.reveal()),
            })
            .await
    }

    /// The alert that an event began, and when it ended or will.
    fn alert(&self, began: &Record, ends: Option<SystemTime>) -> Value {
        let address = began.address.map(|address| address.to_string());
        let own = [
            ("alertname", Some(name_of(&began.kind))),
            ("severity", Some(began.severity.word().to_owned())),
            ("node", Some(began.node.clone())),
            ("zone", began.zone.clone()),
            ("pool", began.pool.clone()),
            ("endpoint", began.endpoint.clone()),
            ("region", began.region.clone()),
            ("address", address),
            ("check", began.check.clone()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
        let more = self.labels.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
        let mut alert = Map::new();
        alert.insert("labels".to_owned(), Value::Object(own.chain(more).collect()));
        alert.insert(
            "annotations".to_owned(),
            json!({ "summary": began.text, "event": began.id.to_string(), "subject": began.subject }),
        );
        alert.insert("startsAt".to_owned(), Value::String(time_of(began)));
        if let Some(ends) = ends {
            alert.insert("endsAt".to_owned(), Value::String(humantime::format_rfc3339_millis(ends).to_string()));
        }
        Value::Object(alert)
    }
}

/// As alerts are usually called: `endpoint-down` is `PharosEndpointDown`.
fn name_of(kind: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    std::iter::once("Pharos".to_owned()).chain(kind.split('-').map(capital)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Severity;
    use crate::notify::selection::tests::record;

    #[test]
    fn the_end_has_the_labels_of_the_beginning() {
        let labels = [("team".to_owned(), "web".to_owned())];
        let alertmanager =
            Alertmanager::new("http://127.0.0.1:9093", &Login::None, &labels, None, &Wallet::default()).expect("made");
        assert_eq!(alertmanager.url.as_str(), "http://127.0.0.1:9093/api/v2/alerts");
        let down = record(7, "endpoint-down-long", Severity::Critical, Stage::Firing);
        let begun = alertmanager.alert(&down, None);
        let want = json!({
            "alertname": "PharosEndpointDownLong", "severity": "critical", "node": "ns1", "team": "web",
            "zone": "app.example.com", "pool": "app", "endpoint": "us-east", "region": "us",
            "address": "192.0.2.10", "check": "web",
        });
        assert_eq!(begun["labels"], want);
        assert_eq!((&begun["startsAt"], begun.get("endsAt")), (&json!("2026-11-21T05:38:19.123Z"), None));
        assert_eq!(begun["annotations"]["summary"], down.text);
        let ended = alertmanager.alert(&down, Some(down.time + Duration::from_secs(1)));
        assert_eq!((&ended["labels"], &ended["endsAt"]), (&want, &json!("2026-11-21T05:38:20.123Z")));
        assert_eq!(ended["startsAt"], begun["startsAt"]);
    }
}
