//! What a probe is known by in the state file: the same text for the same probe in every run.

use std::fmt::Write;

use crate::model::check::{Ask, BodyMatch, HttpAsk, Probe, Tls};

/// `https 192.0.2.10:443 app.example.com/healthz #0123456789abcdef`: what people recognise, and a
/// hash of everything, because headers may hold secrets and certificates are long.
pub(super) fn key(probe: &Probe) -> String {
    let Probe { target, timeout, ask } = probe;
    let mut hash = Fnv::new();
    hash.number(timeout.as_nanos());
    let mut text = match ask {
        Ask::Tcp => format!("tcp {target}"),
        Ask::Http(http) => {
            let HttpAsk { tls, method, path, host, headers, expect_status, expect_body, expect_json } = &**http;
            hash.text(method);
            hash.number(headers.len() as u128);
            for (name, value) in headers {
                hash.text(name);
                hash.text(value);
            }
            hash.number(expect_status.len() as u128);
            for (low, high) in expect_status {
                hash.number((*low).into());
                hash.number((*high).into());
            }
            match expect_body {
                None => hash.text("any"),
                Some(BodyMatch::Substring(text)) => {
                    hash.text("substring");
                    hash.text(text);
                }
                Some(BodyMatch::Regex(pattern)) => {
                    hash.text("regex");
                    hash.text(pattern);
                }
            }
            for (pointer, value) in expect_json {
                hash.text(pointer);
                hash.text(&value.to_string());
            }
            if let Some(Tls { verify, ca }) = tls {
                hash.text(if *verify { "verified" } else { "unverified" });
                if let Some((_, pem)) = ca {
                    hash.bytes(pem);
                }
            }
            let scheme = if tls.is_some() { "https" } else { "http" };
            format!("{scheme} {target} {host}{path}")
        }
    };
    // Writing to a string cannot fail.
    let _ = write!(text, " #{:016x}", hash.0);
    text
}

/// FNV-1a, 64 bits: stable across versions, unlike the hashes of the standard library. Each piece is
/// preceded by its length, so that borders count.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn raw(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u128) {
        self.raw(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u128);
        self.raw(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::check::JsonValue;

    fn probe(change: impl FnOnce(&mut HttpAsk)) -> Probe {
        let mut ask = HttpAsk {
            tls: Some(Tls { verify: true, ca: None }),
            method: "GET".into(),
            path: "/healthz".into(),
            host: "app.example.com".into(),
            headers: vec![],
            expect_status: vec![(200, 299)],
            expect_body: None,
            expect_json: vec![],
        };
        change(&mut ask);
        let target = "192.0.2.10:443".parse().expect("an address");
        Probe { target, timeout: Duration::from_secs(3), ask: Ask::Http(Box::new(ask)) }
    }

    #[test]
    fn every_parameter_counts_and_secrets_do_not_show() {
        type Change = fn(&mut HttpAsk);
        let changes: [Change; 13] = [
            |_| (),
            |a| a.tls = None,
            |a| a.tls = Some(Tls { verify: false, ca: None }),
            |a| a.tls = Some(Tls { verify: true, ca: Some(("a".into(), b"pem".to_vec())) }),
            |a| a.method = "HEAD".into(),
            |a| a.path = "/other".into(),
            |a| a.host = "other".into(),
            |a| a.headers = vec![("authorization".into(), "secret".into())],
            |a| a.headers = vec![("authorizations".into(), "ecret".into())],
            |a| a.expect_status = vec![(200, 399)],
            |a| a.expect_body = Some(BodyMatch::Substring("x".into())),
            |a| a.expect_body = Some(BodyMatch::Regex("x".into())),
            |a| a.expect_json = vec![("/x".into(), JsonValue::Bool(true))],
        ];
        let keys: Vec<_> = changes.into_iter().map(|change| key(&probe(change))).collect();
        let mut unique = keys.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), keys.len(), "{keys:#?}");
        assert!(keys.iter().all(|key| !key.contains("secret")));
        assert!(keys[0].starts_with("https 192.0.2.10:443 app.example.com/healthz #"), "{}", keys[0]);
    }

    #[test]
    fn it_is_the_same_in_every_version() {
        let tcp = Probe {
            target: "[2001:db8::1]:25".parse().expect("an address"),
            timeout: Duration::from_secs(1),
            ask: Ask::Tcp,
        };
        assert_eq!(key(&tcp), "tcp [2001:db8::1]:25 #e70ae8b183701d9c");
    }
}
