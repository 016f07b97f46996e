//! A check with everything that does not depend on the endpoint that is asked.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::Context;
use crate::config::duration::show;
use crate::config::spec::{CheckSpec, Kind};
use crate::config::toml::{File, Given, Key};
use crate::model::CheckName;
use crate::model::check::{Ask, Cadence, HttpAsk, JsonValue, Probe, Tls, Watch};

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

/// A check of this zone.
pub(super) struct Check {
    pub(super) name: Given<String>,
    /// The header.
    pub(super) at: Range<usize>,
    /// Some pool names it.
    pub(super) used: bool,
    /// None where something is wrong, and reported.
    plan: Option<Plan>,
}

struct Plan {
    cadence: Cadence,
    timeout: Duration,
    port: u16,
    /// None for tcp. Its host is empty where the pool says it.
    http: Option<HttpAsk>,
}

/// The endpoint and the pool that a check is made for.
pub(super) struct Asked<'a> {
    pub(super) endpoint: &'a str,
    pub(super) region: Option<&'a str>,
    pub(super) ip: IpAddr,
    pub(super) port: Option<u16>,
    /// Where the check says no host.
    pub(super) host: &'a str,
}

impl Check {
    /// Applies the defaults and compares the keys with each other.
    pub(super) fn lower(context: &Context<'_>, name: Given<String>, at: Range<usize>, spec: CheckSpec) -> Self {
        let spec = spec.or(&context.defaults.check);
        let pace = lower_pace(context.file, &format!("check \"{}\"", name.value), &at, &spec);
        let plan = lower_plan(context, &name.value, &at, spec, pace);
        Self { name, at, used: false, plan }
    }

    /// Whether it says its host itself.
    pub(super) fn needs_host(&self) -> bool {
        self.plan.as_ref().and_then(|plan| plan.http.as_ref()).is_some_and(|http| http.host.is_empty())
    }

    /// The address that it puts into Host, where it is one.
    pub(super) fn host_address(&self) -> Option<IpAddr> {
        self.plan.as_ref()?.http.as_ref()?.host.parse().ok()
    }

    /// Whether a value it expects names the region.
    pub(super) fn needs_region(&self) -> bool {
        let http = self.plan.as_ref().and_then(|plan| plan.http.as_ref());
        http.is_some_and(|http| {
            http.expect_json.iter().any(|(_, value)| matches!(value, JsonValue::String(s) if s.contains("{region}")))
        })
    }

    /// The check of one target; None where it is wrong itself.
    pub(super) fn watch(&self, asked: &Asked<'_>) -> Option<Arc<Watch>> {
        let Plan { cadence, timeout, port, http } = self.plan.as_ref()?;
        let ask = match http {
            None => Ask::Tcp,
            Some(http) => {
                let mut http = http.clone();
                if http.host.is_empty() {
                    asked.host.clone_into(&mut http.host);
                }
                for (_, value) in &mut http.expect_json {
                    if let JsonValue::String(text) = value {
                        *text = fill(text, asked);
                    }
                }
                Ask::Http(Box::new(http))
            }
        };
        let target = SocketAddr::new(asked.ip, asked.port.unwrap_or(*port));
        let probe = Probe { target, timeout: *timeout, ask };
        Some(Arc::new(Watch { check: CheckName::new(&self.name.value), probe, cadence: *cadence }))
    }
}

/// Puts region and endpoint where the placeholders are, in one pass: what is put in is not read again.
fn fill(text: &str, asked: &Asked<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (word, value) = match asked.region {
            Some(region) if rest.starts_with("{region}") => ("{region}", region),
            _ if rest.starts_with("{endpoint}") => ("{endpoint}", asked.endpoint),
            _ => ("{", "{"),
        };
        filled.push_str(value);
        rest = &rest[word.len()..];
    }
    filled.push_str(rest);
    filled
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
        if matches!((key, &spec.interval), (Key::Inherited(_), Key::Inherited(_))) {
            // Told at its place in pharos.toml.
            return None;
        }
        sound = false;
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

fn lower_plan(
    context: &Context<'_>,
    name: &str,
    header: &Range<usize>,
    spec: CheckSpec,
    pace: Option<(Cadence, Duration)>,
) -> Option<Plan> {
    let file = context.file;
    let CheckSpec { kind, port, method, path, host, headers, expect_status, expect_body, expect_json, .. } = spec;
    let (verify, ca_file) = (spec.verify, spec.ca_file);
    if kind.is_absent() {
        let fault = file.error("missing-key", header.clone(), format!("check \"{name}\" has no \"type\""));
        file.push(fault.label("needs \"type\"").help("types: http, https, tcp"));
    }
    let kind = *kind.value()?;
    let refuse = |keys: &[(&str, Option<Range<usize>>)]| {
        for (key, at) in keys {
            if let Some(at) = at.clone() {
                let message = format!("\"{key}\" has no effect with type = \"{}\"", kind.word());
                let fault = file.error("check-key-unused", at, message);
                file.push(match (kind, *key) {
                    (Kind::Http, _) => fault.help("it is for type = \"https\""),
                    _ => fault.help("it is for type = \"http\" or \"https\""),
                });
            }
        }
    };
    if kind == Kind::Tcp {
        refuse(&[
            ("method", method.at()),
            ("path", path.at()),
            ("host", host.at()),
            ("headers", headers.at()),
            ("expect_status", expect_status.at()),
            ("expect_body", expect_body.at()),
            ("expect_json", expect_json.at()),
        ]);
    }
    if kind != Kind::Https {
        refuse(&[("verify", verify.at()), ("ca_file", ca_file.at())]);
    } else if let (Some(false), Some(at)) = (verify.value(), ca_file.at()) {
        let fault = file.error("check-key-unused", at, "\"ca_file\" has no effect with verify = false");
        file.push(fault.help("leave one of them out"));
    }
    let port = match (port.value(), kind) {
        (Some(port), _) => *port,
        (None, Kind::Http) => 80,
        (None, Kind::Https) => 443,
        (None, Kind::Tcp) => {
            if port.is_absent() {
                let fault = file.error("missing-key", header.clone(), format!("check \"{name}\" has no \"port\""));
                file.push(fault.label("needs \"port\"").help("a tcp check has no usual port"));
            }
            return None;
        }
    };
    let (cadence, timeout) = pace?;
    if kind == Kind::Tcp {
        return Some(Plan { cadence, timeout, port, http: None });
    }
    let method = method.unwrap_or("GET".to_owned());
    if method == "HEAD" {
        for (key, at) in [("expect_body", expect_body.at()), ("expect_json", expect_json.at())] {
            if let Some(at) = at {
                let fault =
                    file.error("check-no-body", at, format!("\"{key}\" cannot hold: a reply to HEAD has no body"));
                file.push(fault.help("write method = \"GET\", or leave it out"));
            }
        }
    }
    let http = HttpAsk {
        tls: (kind == Kind::Https).then(|| Tls { verify: verify.unwrap_or(true), ca: ca_file.value().cloned() }),
        method,
        path: path.unwrap_or("/".to_owned()),
        host: host.unwrap_or(String::new()),
        headers: headers.unwrap_or(Vec::new()),
        expect_status: expect_status.unwrap_or(vec![(200, 299)]),
        expect_body: expect_body.value().cloned(),
        expect_json: expect_json.unwrap_or(Vec::new()),
    };
    Some(Plan { cadence, timeout, port, http: Some(http) })
}
