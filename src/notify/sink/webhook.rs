//! Webhooks: CloudEvents 1.0 in structured mode, with a signature.
//!
//! `X-Pharos-Signature: t=UNIX,v1=HEX` is the HMAC-SHA256 of `UNIX.BODY` under the secret; a receiver
//! refuses what is old, so that nobody can send it again.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde_json::{Value, json};

use super::http::{self, Http};
use super::{Failure, Unready, Wallet, time_of};
use crate::control::Record;
use crate::model::secret::SecretSource;
use crate::model::sink::{Ca, Text};

const SIGNATURE: &str = "x-pharos-signature";
/// CloudEvents 1.0, JSON Event Format 3.
const STRUCTURED: &str = "application/cloudevents+json";

/// A receiver.
pub(super) struct Webhook {
    http: Http,
    url: Url,
    key: Option<hmac::Key>,
    headers: HeaderMap,
}

impl Webhook {
    pub(super) fn new(
        url: &Text,
        secret: Option<&SecretSource>,
        headers: &[(String, Text)],
        ca: Option<&Ca>,
        wallet: &Wallet,
    ) -> Result<Self, Unready> {
        let key = match secret {
            Some(source) => Some(hmac::Key::new(hmac::HMAC_SHA256, wallet.secret(source)?.reveal().as_bytes())),
            None => None,
        };
        let mut map = HeaderMap::new();
        for (name, text) in headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(wallet.text(text)?);
            let unfit = || Unready::Unfit("headers", "a value that a header can hold");
            let (name, mut value) = name.ok().zip(value.ok()).ok_or_else(unfit)?;
            value.set_sensitive(true);
            map.insert(name, value);
        }
        Ok(Self { http: Http::new(ca, wallet)?, url: http::url("url", wallet.text(url)?)?, key, headers: map })
    }

    pub(super) async fn tell(&self, record: &Record) -> Result<(), Failure> {
        let body = serde_json::to_vec(&cloud_event(record)).map_err(|error| Failure::Unsayable(error.to_string()))?;
        let mut request = self.http.post(&self.url).headers(self.headers.clone());
        request = request.header(CONTENT_TYPE, STRUCTURED);
        if let Some(key) = &self.key {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            request = request.header(SIGNATURE, sign(key, now, &body));
        }
        self.http.send(request.body(body)).await
    }
}

fn sign(key: &hmac::Key, now: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{now}.").as_bytes());
    context.update(body);
    format!("t={now},v1={}", data_encoding::HEXLOWER.encode(context.sign().as_ref()))
}

/// CloudEvents 1.0, 2 and 3; `source` is a URI reference, so that what has a meaning there is escaped.
fn cloud_event(record: &Record) -> Value {
    let mut source = "/pharos/".to_owned();
    for byte in record.node.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => source.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => source.push(char::from(byte)),
            _ => source.push_str(&format!("%{byte:02X}")),
        }
    }
    json!({
        "specversion": "1.0",
        "id": record.id.to_string(),
        "source": source,
        "type": format!("dev.pharos.{}", record.kind),
        "subject": record.subject,
        "time": time_of(record),
        "datacontenttype": "application/json",
        "data": record,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Stage;
    use crate::model::event::Severity;
    use crate::notify::selection::tests::record;

    #[test]
    fn it_is_a_cloud_event() {
        let event = cloud_event(&Record {
            node: "ns 1/a".to_owned(),
            ..record(1_795_239_499_123_456, "endpoint-down", Severity::Warning, Stage::Firing)
        });
        let want = [
            ("specversion", "1.0"),
            ("id", "1795239499123456"),
            ("source", "/pharos/ns%201%2Fa"),
            ("type", "dev.pharos.endpoint-down"),
            ("subject", "endpoint/app.example.com/app/us-east/192.0.2.10"),
            ("time", "2026-11-21T05:38:19.123Z"),
            ("datacontenttype", "application/json"),
        ];
        for (key, value) in want {
            assert_eq!(event[key], value, "{key}");
        }
        assert_eq!((&event["data"]["pool"], &event["data"]["severity"]), (&json!("app"), &json!("warning")));
        assert_eq!(event.as_object().map(serde_json::Map::len), Some(8));
    }

    /// What `printf '1700000000.{}' | openssl dgst -sha256 -hmac key` says.
    #[test]
    fn a_signature_is_that_of_other_tools() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        assert_eq!(
            sign(&key, 1_700_000_000, b"{}"),
            "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
        );
    }
}
