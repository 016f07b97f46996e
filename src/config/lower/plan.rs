//! The keys of a check, compared with each other.

use std::ops::Range;
use std::time::Duration;

use crate::config::duration::show;
use crate::config::spec::{CheckSpec, Kind};
use crate::config::toml::{File, Key};
use crate::model::check::{Cadence, HttpAsk, Tls};

/// Long enough to be gentle, short enough that three failures fit into half a minute.
const INTERVAL: Duration = Duration::from_secs(10);
/// A service that takes longer fails its users too.
const TIMEOUT: Duration = Duration::from_secs(3);
/// One lost packet makes no verdict.
const FALL: u32 = 3;
/// One lucky reply makes none either.
const RISE: u32 = 2;
/// Between probes while a failure streak runs.
const RECHECK: Duration = Duration::from_secs(1);

/// Everything about a check that does not depend on who is asked.
pub(super) struct Plan {
    pub(super) cadence: Cadence,
    pub(super) timeout: Duration,
    pub(super) port: u16,
    /// None for tcp. Its host is empty where the pool says it.
    pub(super) http: Option<HttpAsk>,
}

impl Plan {
    /// Compares the keys; None where some are wrong or contradict each other.
    pub(super) fn lower(file: &File, name: &str, header: &Range<usize>, spec: CheckSpec) -> Option<Self> {
        let pace = lower_pace(file, &format!("check \"{name}\""), header, &spec);
        if spec.kind.is_absent() {
            let fault = file.error("missing-key", header.clone(), format!("check \"{name}\" has no \"type\""));
            file.push(fault.label("needs \"type\"").help("types: http, https, tcp"));
        }
        let kind = *spec.kind.value()?;
        refuse_foreign(file, kind, &spec);
        let port = lower_port(file, name, header, kind, &spec.port);
        if kind != Kind::Tcp {
            refuse_bodies_of_head(file, header, &spec);
        }
        let (cadence, timeout) = pace?;
        let http = (kind != Kind::Tcp).then(|| lower_http(kind, spec));
        Some(Self { cadence, timeout, port: port?, http })
    }
}

/// Refuses keys that are for another kind of check: they would be read and do nothing.
fn refuse_foreign(file: &File, kind: Kind, spec: &CheckSpec) {
    let of_http = [
        ("method", spec.method.at()),
        ("path", spec.path.at()),
        ("host", spec.host.at()),
        ("headers", spec.headers.at()),
        ("expect_status", spec.expect_status.at()),
        ("expect_body", spec.expect_body.at()),
        ("expect_json", spec.expect_json.at()),
    ];
    let of_https = [("verify", spec.verify.at()), ("ca_file", spec.ca_file.at())];
    let refuse = |key: &str, at: Range<usize>, help: &str| {
        let message = format!("\"{key}\" has no effect with type = \"{}\"", kind.word());
        file.push(file.error("check-key-unused", at, message).help(help));
    };
    if kind == Kind::Tcp {
        for (key, at) in of_http.into_iter().filter_map(|(key, at)| Some((key, at?))) {
            refuse(key, at, "it is for type = \"http\" or \"https\"");
        }
    }
    if kind != Kind::Https {
        for (key, at) in of_https.into_iter().filter_map(|(key, at)| Some((key, at?))) {
            refuse(key, at, "it is for type = \"https\"");
        }
    } else if let (Some(false), Some(at)) = (spec.verify.value(), spec.ca_file.at()) {
        let fault = file.error("check-key-unused", at, "\"ca_file\" has no effect with verify = false");
        file.push(fault.help("leave one of them out"));
    }
}

/// Refuses to look for something in the body of a reply that has none.
fn refuse_bodies_of_head(file: &File, header: &Range<usize>, spec: &CheckSpec) {
    if spec.method.value().is_none_or(|method| method != "HEAD") {
        return;
    }
    let body = spec.expect_body.value().map(|_| ("expect_body", spec.expect_body.at()));
    let json = spec.expect_json.value().map(|_| ("expect_json", spec.expect_json.at()));
    for (key, own) in [body, json].into_iter().flatten() {
        let message = format!("\"{key}\" cannot hold: a reply to HEAD has no body");
        let at = own.clone().or_else(|| spec.method.at()).unwrap_or_else(|| header.clone());
        let fault = file.error("check-no-body", at, message).help("write method = \"GET\", or leave it out");
        file.push(match own {
            Some(_) => fault,
            None => fault.help(format!("{key} comes from [defaults.check] of pharos.toml")),
        });
    }
}

fn lower_port(file: &File, name: &str, header: &Range<usize>, kind: Kind, port: &Key<u16>) -> Option<u16> {
    match (port, kind) {
        (Key::Wrong, _) => None,
        (Key::Absent, Kind::Http) => Some(80),
        (Key::Absent, Kind::Https) => Some(443),
        (Key::Absent, Kind::Tcp) => {
            let fault = file.error("missing-key", header.clone(), format!("check \"{name}\" has no \"port\""));
            file.push(fault.label("needs \"port\"").help("a tcp check has no usual port"));
            None
        }
        (Key::Inherited(_) | Key::Given(_), _) => port.value().copied(),
    }
}

fn lower_http(kind: Kind, spec: CheckSpec) -> HttpAsk {
    let CheckSpec {
        kind: _,
        port: _,
        interval: _,
        timeout: _,
        fall: _,
        rise: _,
        recheck: _,
        method,
        path,
        host,
        headers,
        expect_status,
        expect_body,
        expect_json,
        verify,
        ca_file,
    } = spec;
    HttpAsk {
        tls: (kind == Kind::Https).then(|| Tls { verify: verify.unwrap_or(true), ca: ca_file.value().cloned() }),
        method: method.unwrap_or("GET".to_owned()),
        path: path.unwrap_or("/".to_owned()),
        host: host.unwrap_or(String::new()),
        headers: headers.unwrap_or(Vec::new()),
        expect_status: expect_status.unwrap_or(vec![(200, 299)]),
        expect_body: expect_body.value().cloned(),
        expect_json: expect_json.unwrap_or(Vec::new()),
    }
}

/// Compares the keys of `[defaults.check]` that are there with each other.
pub(super) fn check_defaults(file: &File, spec: &CheckSpec) {
    if let Some(interval) = spec.interval.given() {
        lower_pace(file, "[defaults.check]", &interval.at, spec);
    }
}

/// Interval, time-out and counts; None where they contradict each other.
fn lower_pace(file: &File, what: &str, header: &Range<usize>, spec: &CheckSpec) -> Option<(Cadence, Duration)> {
    let interval = spec.interval.unwrap_or(INTERVAL);
    let mut sound = true;
    for (key, word) in [(&spec.timeout, "timeout"), (&spec.recheck, "recheck")] {
        let Some(value) = key.value().filter(|value| **value > interval && !spec.interval.is_wrong()) else { continue };
        sound = false;
        if matches!((key, &spec.interval), (Key::Inherited(_), Key::Inherited(_))) {
            // Told at its place in pharos.toml.
            continue;
        }
        let (value, limit) = (show(*value), show(interval));
        let message = format!("{word} of {what} is {value}, over its interval of {limit}");
        let at = key.at().or_else(|| spec.interval.at()).unwrap_or_else(|| header.clone());
        let mut fault = file.error(if word == "timeout" { "check-timeout" } else { "check-recheck" }, at, message);
        fault = fault.label(match key {
            Key::Inherited(_) => format!("the {word} comes from [defaults.check] of pharos.toml"),
            _ => format!("at most {limit}"),
        });
        file.push(match &spec.interval {
            Key::Absent => fault.help(format!("the interval is {limit} where nothing else is said")),
            Key::Inherited(_) => fault.help("the interval comes from [defaults.check] of pharos.toml"),
            _ => fault,
        });
    }
    let keys_wrong = [&spec.interval, &spec.timeout, &spec.recheck].iter().any(|key| key.is_wrong());
    if !sound || keys_wrong || spec.fall.is_wrong() || spec.rise.is_wrong() {
        return None;
    }
    let cadence = Cadence {
        interval,
        fall: spec.fall.unwrap_or(FALL),
        rise: spec.rise.unwrap_or(RISE),
        recheck: spec.recheck.unwrap_or(RECHECK.min(interval)),
    };
    Some((cadence, spec.timeout.unwrap_or(TIMEOUT.min(interval))))
}
