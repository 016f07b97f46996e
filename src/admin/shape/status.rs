//! The node at one moment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::drill::DrillRunningJson;
use super::orders::OverrideJson;
use super::{millis, time};
use crate::control::{
    AddressStatus, AnswerStatus, CheckStatus, EndpointStatus, EventId, HoldStatus, PoolStatus, Recent, SnapshotStatus,
    Status, ZoneStatus,
};
use crate::model::observation::Observation;
use crate::model::pool::Filter;
use crate::policy::Family;

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct StatusJson {
    version: &'static str,
    node: String,
    /// Where the node stands.
    region: Option<String>,
    at: String,
    ready: bool,
    /// Targets that a reload under way waits for.
    reload_waits: Option<usize>,
    started: String,
    uptime_ms: f64,
    /// Queries received so far.
    queries: u64,
    snapshot: SnapshotJson,
    isolated: IsolatedJson,
    drill: Option<DrillRunningJson>,
    /// The id of the newest event; null where nothing has happened.
    last_event: Option<u64>,
    zones: Vec<ZoneJson>,
    overrides: Vec<OverrideJson>,
}

/// The snapshot in force.
#[derive(Debug, Serialize, ToSchema)]
struct SnapshotJson {
    /// Rises by one with each that is published.
    generation: u64,
    published: String,
}

/// Whether the node is cut off: every check of a family fails, and no witness answers.
#[derive(Debug, Serialize, ToSchema)]
struct IsolatedJson {
    ipv4: bool,
    ipv6: bool,
}

/// A zone.
#[derive(Debug, Serialize, ToSchema)]
struct ZoneJson {
    name: String,
    records: usize,
    pools: Vec<PoolJson>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct PoolJson {
    name: String,
    names: Vec<String>,
    policy: Vec<&'static str>,
    answers: AnswersJson,
    endpoints: Vec<EndpointJson>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
struct AnswersJson {
    a: AnswerJson,
    aaaa: AnswerJson,
}

#[derive(Debug, Serialize, ToSchema)]
struct AnswerJson {
    /// `healthy`, `last-good`, `all`, `static`, `nodata`, or `absent` without addresses of the family.
    mode: &'static str,
    #[schema(value_type = Vec<String>)]
    addresses: Vec<IpAddr>,
    ttl: Option<u32>,
    suspect: bool,
    /// When it changed last in this run; null where it has not.
    since: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct EndpointJson {
    name: String,
    region: Option<String>,
    priority: u32,
    weight: u32,
    #[serde(rename = "override")]
    order: Option<OverrideJson>,
    addresses: Vec<AddressJson>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AddressJson {
    #[schema(value_type = String)]
    address: IpAddr,
    in_use: bool,
    check: Option<CheckJson>,
    hold: Option<HoldJson>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CheckJson {
    name: String,
    #[schema(value_type = String)]
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
    /// What the last probes of this run took, the oldest first; up to 60.
    recent: Vec<RecentJson>,
}

/// One probe, in short.
#[derive(Debug, Serialize, ToSchema)]
struct RecentJson {
    ms: f64,
    ok: bool,
}

/// What one probe saw.
#[derive(Debug, Serialize, ToSchema)]
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

#[derive(Debug, Serialize, ToSchema)]
struct HoldJson {
    /// `pending` until it is up again, then `held`, or `manual` until it is told.
    state: &'static str,
    left_ms: Option<f64>,
}

/// What stands around the world.
pub(in crate::admin) struct Around {
    pub(in crate::admin) uptime: Duration,
    pub(in crate::admin) queries: u64,
    pub(in crate::admin) last_event: Option<EventId>,
}

impl StatusJson {
    pub(in crate::admin) fn of(status: &Status, around: Around) -> Self {
        let Status { node, region, at, started, snapshot, ready, isolated, reload_waits, zones, overrides, drill } =
            status;
        let Around { uptime, queries, last_event } = around;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            node: node.to_string(),
            region: region.as_ref().map(ToString::to_string),
            at: time(*at),
            ready: *ready,
            reload_waits: *reload_waits,
            started: time(*started),
            uptime_ms: millis(uptime),
            queries,
            snapshot: SnapshotJson::of(*snapshot),
            isolated: IsolatedJson::of(isolated),
            drill: drill.as_ref().map(DrillRunningJson::of),
            last_event: last_event.map(|id| id.0),
            zones: zones.iter().map(ZoneJson::of).collect(),
            overrides: overrides.iter().map(|(scope, order)| OverrideJson::of(scope, order)).collect(),
        }
    }
}

impl SnapshotJson {
    fn of(snapshot: SnapshotStatus) -> Self {
        let SnapshotStatus { generation, published } = snapshot;
        Self { generation, published: time(published) }
    }
}

impl IsolatedJson {
    fn of(isolated: &[Family]) -> Self {
        Self { ipv4: isolated.contains(&Family::V4), ipv6: isolated.contains(&Family::V6) }
    }
}

impl ZoneJson {
    fn of(zone: &ZoneStatus) -> Self {
        let ZoneStatus { name, records, pools } = zone;
        Self { name: name.to_string(), records: *records, pools: pools.iter().map(PoolJson::of).collect() }
    }
}

impl PoolJson {
    pub(in crate::admin) fn of(pool: &PoolStatus) -> Self {
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
        let AnswerStatus { answer, ttl, suspect, changed } = status;
        let mode = answer.mode.word();
        Self { mode, addresses: answer.addresses.clone(), ttl: *ttl, suspect: *suspect, since: changed.map(time) }
    }
}

impl EndpointJson {
    pub(in crate::admin) fn of(endpoint: &EndpointStatus) -> Self {
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
        let CheckStatus { name, target, cadence, verdict, since, streak, stale, last, last_failure, recent, watch: _ } =
            check;
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
            recent: recent.iter().map(RecentJson::of).collect(),
        }
    }
}

impl RecentJson {
    fn of(recent: &Recent) -> Self {
        Self { ms: millis(recent.took()), ok: recent.passed }
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

/// As the key `policy` calls them.
pub(in crate::admin) fn filter_word(filter: Filter) -> &'static str {
    match filter {
        Filter::Priority => "priority",
        Filter::Weight => "weight",
        Filter::Sticky => "sticky",
        Filter::Shuffle => "shuffle",
    }
}
