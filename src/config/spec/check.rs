//! `[check.NAME]` and `[defaults.check]`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::http;
use crate::config::toml::{Choice, Key, Table};
use crate::model::check::{BodyMatch, JsonValue};

/// From 200 ms: a shorter one would measure the prober; to 1 h: a longer one is no health check.
pub(crate) const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(3600);
/// To the longest interval.
pub(crate) const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);
/// From 100 ms: rechecks come in a row to a service that has trouble already.
pub(crate) const RECHECK: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
/// Of `fall` and `rise`.
pub(crate) const STREAK: RangeInclusive<u32> = 1..=100;

/// Kinds of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Https,
    Tcp,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
        }
    }
}

const KINDS: Choice<Kind> = Choice {
    words: &[("http", Kind::Http), ("https", Kind::Https), ("tcp", Kind::Tcp)],
    later: &["tls", "icmp", "dns", "grpc", "exec", "push", "any-of", "at-least"],
};

/// The keys of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CheckSpec {
    pub(crate) kind: Key<Kind>,
    pub(crate) port: Key<u16>,
    pub(crate) interval: Key<Duration>,
    pub(crate) timeout: Key<Duration>,
    pub(crate) fall: Key<u32>,
    pub(crate) rise: Key<u32>,
    pub(crate) recheck: Key<Duration>,
    pub(crate) method: Key<String>,
    pub(crate) path: Key<String>,
    pub(crate) host: Key<String>,
    pub(crate) headers: Key<Vec<(String, String)>>,
    pub(crate) expect_status: Key<Vec<(u16, u16)>>,
    pub(crate) expect_body: Key<BodyMatch>,
    pub(crate) expect_json: Key<Vec<(String, JsonValue)>>,
    pub(crate) verify: Key<bool>,
    pub(crate) ca_file: Key<(PathBuf, Vec<u8>)>,
}

impl CheckSpec {
    /// These keys, and the defaults' where one is absent.
    pub(crate) fn or(self, defaults: &Self) -> Self {
        let Self {
            kind,
            port,
            interval,
            timeout,
            fall,
            rise,
            recheck,
            method,
            path,
            host,
            headers,
            expect_status,
            expect_body,
            expect_json,
            verify,
            ca_file,
        } = self;
        Self {
            kind: kind.or(&defaults.kind),
            port: port.or(&defaults.port),
            interval: interval.or(&defaults.interval),
            timeout: timeout.or(&defaults.timeout),
            fall: fall.or(&defaults.fall),
            rise: rise.or(&defaults.rise),
            recheck: recheck.or(&defaults.recheck),
            method: method.or(&defaults.method),
            path: path.or(&defaults.path),
            host: host.or(&defaults.host),
            headers: headers.or(&defaults.headers),
            expect_status: expect_status.or(&defaults.expect_status),
            expect_body: expect_body.or(&defaults.expect_body),
            expect_json: expect_json.or(&defaults.expect_json),
            verify: verify.or(&defaults.verify),
            ca_file: ca_file.or(&defaults.ca_file),
        }
    }
}

/// Reads the keys of a check.
pub(crate) fn read_check(mut table: Table<'_>) -> CheckSpec {
    let mut later = false;
    let kind = table.take("type", |cell| {
        later = cell.value.as_str().is_some_and(|word| KINDS.later.contains(&word));
        cell.choice(&KINDS)
    });
    let spec = CheckSpec {
        kind,
        port: table.take("port", |cell| cell.integer(&(1..=u16::MAX))),
        interval: table.take("interval", |cell| cell.duration(&INTERVAL)),
        timeout: table.take("timeout", |cell| cell.duration(&TIMEOUT)),
        fall: table.take("fall", |cell| cell.integer(&STREAK)),
        rise: table.take("rise", |cell| cell.integer(&STREAK)),
        recheck: table.take("recheck", |cell| cell.duration(&RECHECK)),
        method: table.take("method", http::method),
        path: table.take("path", http::path),
        host: table.take("host", http::host),
        headers: table.take("headers", http::headers),
        expect_status: table.take("expect_status", http::expect_status),
        expect_body: table.take("expect_body", http::expect_body),
        expect_json: table.take("expect_json", http::expect_json),
        verify: table.take("verify", |cell| cell.boolean()),
        ca_file: table.take("ca_file", http::ca_file),
    };
    // A kind that comes later has keys that come with it.
    if later {
        return spec;
    }
    table.not_yet(&["slow", "disabled", "inverted"]);
    for (key, help) in [
        ("url", "the address that is asked is the endpoint's; write host, port and path"),
        ("address", "the address that is asked is the endpoint's; see check_address of an endpoint"),
        ("retries", "see fall, the failures in a row that make an endpoint down"),
    ] {
        table.hint(key, help);
    }
    table.finish();
    spec
}
