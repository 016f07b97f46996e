//! `GET /v1/status`: the node at one moment, as JSON.
//!
//! The words are those of the configuration. Times are RFC 3339 in UTC; durations are milliseconds and
//! end in `_ms`; what is unknown or does not apply is null.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::routes::{Fault, View};
use crate::control::{
    AddressStatus, AnswerStatus, CheckStatus, EndpointStatus, HoldStatus, PoolStatus, Status, ZoneStatus,
};
use crate::health::{Override, Scope};
use crate::model::observation::Observation;
use crate::model::pool::Filter;

pub(super) async fn status(State(view): State<View>) -> Result<Json<StatusJson>, Fault> {
    let stopping = |_| Fault::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the node is stopping");
    let status = view.control.status().await.map_err(stopping)?;
    Ok(Json(StatusJson::of(&status)))
}

#[derive(Debug, Serialize)]
pub(super) struct StatusJson {
    version: &'static str,
    node: String,
    at: String,
    ready: bool,
    /// Targets that a reload under way waits for.
    reload_waits: Option<usize>,
    zones: Vec<ZoneJson>,
    overrides: Vec<OverrideJson>,
}

#[derive(Debug, Serialize)]
struct ZoneJson {
    name: String,
    records: usize,
    pools: Vec<PoolJson>,
}

#[derive(Debug, Serialize)]
struct PoolJson {
    name: String,
    names: Vec<String>,
    policy: Vec<&'static str>,
    answers: AnswersJson,
    endpoints: Vec<EndpointJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct AnswersJson {
    a: AnswerJson,
    aaaa: AnswerJson,
}

#[derive(Debug, Serialize)]
struct AnswerJson {
    /// `healthy`, `last-good`, `all`, `static`, `nodata`, or `absent` without addresses of the family.
    mode: &'static str,
    addresses: Vec<IpAddr>,
    ttl: Option<u32>,
    suspect: bool,
}

#[derive(Debug, Serialize)]
struct EndpointJson {
    name: String,
    region: Option<String>,
    priority: u32,
    weight: u32,
    #[serde(rename = "override")]
    order: Option<OverrideJson>,
    addresses: Vec<AddressJson>,
}

#[derive(Debug, Serialize)]
struct AddressJson {
    address: IpAddr,
    in_use: bool,
    check: Option<CheckJson>,
    hold: Option<HoldJson>,
}

#[derive(Debug, Serialize)]
struct CheckJson {
    name: String,
    target: SocketAddr,
    interval_ms: f64,
    recheck_ms: f64,
    fall: u32,
    rise: u32,
    verdict: String,
    since: Option<String>,
    streak: u32,
    stale: bool,
    last: Option<ObservationJson>,
    last_failure: Option<ObservationJson>,
}

#[derive(Debug, Serialize)]
struct ObservationJson {
    at: String,
    /// Why it failed; null when it did not.
    error: Option<String>,
    status: Option<u16>,
    late_ms: f64,
    connect_ms: Option<f64>,
    tls_ms: Option<f64>,
    first_byte_ms: Option<f64>,
    total_ms: f64,
}

#[derive(Debug, Serialize)]
struct HoldJson {
    /// `pending` until it is up again, then `held`, or `manual` until it is told.
    state: &'static str,
    left_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct OverrideJson {
    scope: String,
    force: String,
    reason: String,
    author: String,
    set: String,
    expires: Option<String>,
}

impl StatusJson {
    fn of(status: &Status) -> Self {
        let Status { node, at, started: _, snapshot: _, ready, isolated: _, reload_waits, zones, overrides, drill: _ } =
            status;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            node: node.to_string(),
            at: time(*at),
            ready: *ready,
            reload_waits: *reload_waits,
            zones: zones.iter().map(ZoneJson::of).collect(),
            overrides: overrides.iter().map(|(scope, order)| OverrideJson::of(scope, order)).collect(),
        }
    }
}

impl ZoneJson {
    fn of(zone: &ZoneStatus) -> Self {
        let ZoneStatus { name, records, pools } = zone;
        Self { name: name.to_string(), records: *records, pools: pools.iter().map(PoolJson::of).collect() }
    }
}

impl PoolJson {
    fn of(pool: &PoolStatus) -> Self {
        let PoolStatus { id, names, policy, failback: _, a, aaaa, compiled: _, endpoints } = pool;
        Self {
            name: id.pool.to_string(),
            names: names.iter().map(ToString::to_string).collect(),
            policy: policy.iter().map(|filter| filter_word(*filter)).collect(),
            answers: AnswersJson { a: AnswerJson::of(a), aaaa: AnswerJson::of(aaaa) },
            endpoints: endpoints.iter().map(EndpointJson::of).collect(),
        }
    }
}

impl AnswerJson {
    fn of(status: &AnswerStatus) -> Self {
        let AnswerStatus { answer, ttl, suspect, changed: _ } = status;
        let mode = answer.mode.word();
        Self { mode, addresses: answer.addresses.clone(), ttl: *ttl, suspect: *suspect }
    }
}

impl EndpointJson {
    fn of(endpoint: &EndpointStatus) -> Self {
        let EndpointStatus { name, region, priority, weight, order, addresses } = endpoint;
        Self {
            name: name.to_string(),
            region: region.as_ref().map(ToString::to_string),
            priority: *priority,
            weight: *weight,
            order: order.as_ref().map(|(scope, order)| OverrideJson::of(scope, order)),
            addresses: addresses.iter().map(AddressJson::of).collect(),
        }
    }
}

impl AddressJson {
    fn of(address: &AddressStatus) -> Self {
        let AddressStatus { ip, in_use, check, hold } = address;
        let hold = hold.map(|hold| match hold {
            HoldStatus::Pending => HoldJson { state: "pending", left_ms: None },
            HoldStatus::Left(left) => HoldJson { state: "held", left_ms: Some(millis(left)) },
            HoldStatus::Manual => HoldJson { state: "manual", left_ms: None },
        });
        Self { address: *ip, in_use: *in_use, check: check.as_ref().map(CheckJson::of), hold }
    }
}

impl CheckJson {
    fn of(check: &CheckStatus) -> Self {
        let CheckStatus {
            name,
            target,
            cadence,
            verdict,
            since,
            streak,
            stale,
            last,
            last_failure,
            recent: _,
            watch: _,
        } = check;
        Self {
            name: name.to_string(),
            target: *target,
            interval_ms: millis(cadence.interval),
            recheck_ms: millis(cadence.recheck),
            fall: cadence.fall,
            rise: cadence.rise,
            verdict: verdict.to_string(),
            since: since.map(time),
            streak: *streak,
            stale: *stale,
            last: last.as_deref().map(ObservationJson::of),
            last_failure: last_failure.as_deref().map(ObservationJson::of),
        }
    }
}

impl ObservationJson {
    fn of(observation: &Observation) -> Self {
        let Observation { began, phases, status, result } = observation;
        Self {
            at: time(*began),
            error: result.as_ref().err().map(ToString::to_string),
            status: *status,
            late_ms: millis(phases.late),
            connect_ms: phases.connect.map(millis),
            tls_ms: phases.tls.map(millis),
            first_byte_ms: phases.first_byte.map(millis),
            total_ms: millis(phases.total),
        }
    }
}

impl OverrideJson {
    fn of(scope: &Scope, order: &Override) -> Self {
        let Override { force, reason, author, set, expires } = order;
        Self {
            scope: scope.to_string(),
            force: force.to_string(),
            reason: reason.to_string(),
            author: author.to_string(),
            set: time(*set),
            expires: expires.map(|end| time(end.wall)),
        }
    }
}

/// As the key `policy` calls them.
fn filter_word(filter: Filter) -> &'static str {
    match filter {
        Filter::Priority => "priority",
        Filter::Weight => "weight",
        Filter::Sticky => "sticky",
        Filter::Shuffle => "shuffle",
    }
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
