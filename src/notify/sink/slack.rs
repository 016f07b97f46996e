//! Slack: incoming webhooks (docs.slack.dev, "Sending messages using incoming webhooks"). What is sent is
//! also understood by Mattermost, which shows the text.

use reqwest::Url;
use serde_json::{Value, json};

use super::http::{self, Http};
use super::{Failure, Unready, Wallet, clip, facts_of, time_of};
use crate::control::{Record, Stage};
use crate::model::event::Severity;
use crate::model::secret::SecretSource;
use crate::model::sink::Ca;

/// A text of a section may have 3,000 characters; escaped ones count as they are sent.
const TEXT_LEN_MAX: usize = 2800;
/// A field may have 2,000.
const FIELD_LEN_MAX: usize = 300;

/// A channel.
pub(super) struct Slack {
    http: Http,
    url: Url,
}

impl Slack {
    pub(super) fn new(url: &SecretSource, ca: Option<&Ca>, wallet: &Wallet) -> Result<Self, Unready> {
        Ok(Self { http: Http::new(ca, wallet)?, url: http::url("url", wallet.secret(url)?.reveal())? })
    }

    pub(super) async fn tell(&self, record: &Record) -> Result<(), Failure> {
        self.http.send(self.http.post(&self.url).json(&message(record))).await
    }
}

/// The word before the text.
fn mark(record: &Record) -> &'static str {
    match (record.state, record.severity) {
        (Stage::Resolved, _) => "RESOLVED",
        (_, Severity::Critical) => "CRITICAL",
        (_, Severity::Warning) => "WARNING",
        (_, Severity::Info) => "INFO",
    }
}

/// `&`, `<` and `>` are written so; nothing else is special to Slack.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn message(record: &Record) -> Value {
    let text = clip(&escape(&clip(&record.text, TEXT_LEN_MAX)), TEXT_LEN_MAX);
    let markdown = |text: String| json!({ "type": "mrkdwn", "text": text });
    let mut blocks = vec![json!({ "type": "section", "text": markdown(format!("*{}* {text}", mark(record))) })];
    let field = |(name, value): (&str, String)| markdown(format!("*{name}*\n{}", escape(&clip(&value, FIELD_LEN_MAX))));
    let fields: Vec<Value> = facts_of(record).into_iter().map(field).collect();
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    let from = format!("{}  {}  {}", time_of(record), escape(&record.node), escape(&record.kind));
    blocks.push(json!({ "type": "context", "elements": [markdown(from)] }));
    // What notifications of the desktop show, and clients without blocks.
    json!({ "text": format!("[{}] {text}", mark(record)), "blocks": blocks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::selection::tests::record;

    #[test]
    fn a_message_says_what_happened_where_and_when() {
        let message = message(&record(7, "endpoint-down", Severity::Warning, Stage::Firing));
        let said = "endpoint us-east (192.0.2.10) of app.example.com/app is down: &lt;b&gt; &amp; 503";
        assert_eq!(message["text"], format!("[WARNING] {said}"));
        assert_eq!(message["blocks"][0]["text"]["text"], format!("*WARNING* {said}"));
        let fields: Vec<_> = message["blocks"][1]["fields"].as_array().expect("fields").iter().collect();
        let texts: Vec<_> = fields.iter().map(|field| field["text"].as_str().expect("text")).collect();
        let want = [
            "*Zone*\napp.example.com",
            "*Pool*\napp",
            "*Endpoint*\nus-east",
            "*Region*\nus",
            "*Address*\n192.0.2.10",
            "*Check*\nweb",
        ];
        assert_eq!(texts, want);
        let context = &message["blocks"][2]["elements"][0]["text"];
        assert_eq!(context, "2026-11-21T05:38:19.123Z  ns1  endpoint-down");
    }

    #[test]
    fn limits_of_slack_are_kept() {
        let long = Record { text: "<".repeat(5000), ..record(7, "x", Severity::Critical, Stage::Note) };
        let message = message(&long);
        assert!(message["blocks"][0]["text"]["text"].as_str().is_some_and(|text| text.chars().count() <= 3000));
        let bare = Record {
            zone: None,
            pool: None,
            endpoint: None,
            region: None,
            address: None,
            check: None,
            ..record(7, "node-ready", Severity::Info, Stage::Resolved)
        };
        let message = super::message(&bare);
        assert_eq!(message["blocks"].as_array().map(Vec::len), Some(2), "a section without fields is refused");
        assert!(message["text"].as_str().is_some_and(|text| text.starts_with("[RESOLVED] ")));
    }
}
