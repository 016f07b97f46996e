//! Drills.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{millis, time};
use crate::admin::ask::by;
use crate::admin::desk::{
    DrillAsk, DrillPool, DrillQueries, DrillRecovery, DrillReport, DrillResolver, DrillSeen, DrillState,
};
use crate::admin::fault::Fault;
use crate::control::{By, DrillOrder, DrillStatus};
use crate::model::Region;

/// Begins a drill.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct DrillBeginAsk {
    /// Which region shall fail.
    region: String,
    /// For how long.
    for_ms: u64,
    /// The target for the time to recover; null or absent: none.
    #[serde(default)]
    rto_ms: Option<u64>,
    /// Resolvers to watch, too: `192.0.2.1:53`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    resolvers: Vec<SocketAddr>,
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// Ends a drill.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct DrillEndAsk {
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// How a drill is read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DrillQuery {
    /// `markdown` for a report that people read.
    pub(in crate::admin) format: Option<DrillFormat>,
}

/// How a drill is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::admin) enum DrillFormat {
    /// For programs.
    Json,
    /// For people.
    Markdown,
}

/// A drill.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct DrillJson {
    #[serde(flatten)]
    head: DrillHeadJson,
    pools: Vec<DrillPoolJson>,
    resolvers: Vec<DrillResolverJson>,
    queries: DrillQueriesJson,
}

/// A drill without what each pool and resolver did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct DrillHeadJson {
    id: String,
    state: DrillStateJson,
    region: String,
    author: String,
    reason: String,
    /// The schedule that began it.
    scheduled: Option<String>,
    begun: String,
    for_ms: f64,
    ended: Option<String>,
    rto_ms: Option<f64>,
    /// Whether the target was met.
    met: Option<bool>,
    /// To the first verdict that turned.
    detect_ms: Option<f64>,
    /// To the first changed answer.
    answer_ms: Option<f64>,
    /// To the moment in which nobody has to hold an address of the region any more, in the pool that took longest.
    recovery: Option<DrillRecoveryJson>,
    restored_ms: Option<f64>,
    failback_ms: Option<f64>,
    /// Why it was aborted.
    note: Option<String>,
}

/// What the recovery time is made of: `met` compares the total with `rto_ms`.
#[derive(Debug, Serialize, ToSchema)]
struct DrillRecoveryJson {
    /// To the answer without the region.
    answer_ms: f64,
    /// How long a resolver may hold the one before.
    ttl_ms: f64,
    total_ms: f64,
}

/// How far a drill is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DrillStateJson {
    /// The region fails.
    Running,
    /// The answers of before are waited for.
    Restoring,
    /// Over.
    Done,
    /// Cut short.
    Aborted,
}

/// What a pool did.
#[derive(Debug, Serialize, ToSchema)]
struct DrillPoolJson {
    pool: String,
    name: String,
    r#type: String,
    detect_ms: Option<f64>,
    answer_ms: Option<f64>,
    failback_ms: Option<f64>,
    /// The largest TTL with which the region was answered; null where it was not.
    ttl_ms: Option<f64>,
    #[schema(value_type = Vec<String>)]
    before: Vec<IpAddr>,
    #[schema(value_type = Vec<String>)]
    during: Vec<IpAddr>,
    #[schema(value_type = Vec<String>)]
    after: Vec<IpAddr>,
    seen: Vec<DrillSeenJson>,
}

/// An answer that was seen.
#[derive(Debug, Serialize, ToSchema)]
struct DrillSeenJson {
    at_ms: f64,
    #[schema(value_type = Vec<String>)]
    addresses: Vec<IpAddr>,
    rcode: String,
}

/// What a resolver did.
#[derive(Debug, Serialize, ToSchema)]
struct DrillResolverJson {
    #[schema(value_type = String)]
    address: SocketAddr,
    seen_ms: Option<f64>,
    error: Option<String>,
}

/// Queries of the drill.
#[derive(Debug, Serialize, ToSchema)]
struct DrillQueriesJson {
    sent: u64,
    answered: u64,
    bad: u64,
}

/// The drill that is running.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct DrillRunningJson {
    id: String,
    region: String,
    until: String,
}

impl DrillBeginAsk {
    pub(in crate::admin) fn lower(self) -> Result<DrillAsk, Fault> {
        let Self { region, for_ms, rto_ms, resolvers, author, reason } = self;
        Ok(DrillAsk {
            region: Region::new(&region),
            lasts: Duration::from_millis(for_ms),
            rto: rto_ms.map(Duration::from_millis),
            resolvers,
            by: by(author.as_deref(), reason.as_deref())?,
        })
    }
}

impl DrillEndAsk {
    pub(in crate::admin) fn lower(self) -> Result<By, Fault> {
        let Self { author, reason } = self;
        by(author.as_deref(), reason.as_deref())
    }
}

impl DrillJson {
    pub(in crate::admin) fn of(report: &DrillReport) -> Self {
        Self {
            head: DrillHeadJson::of(report),
            pools: report.pools.iter().map(DrillPoolJson::of).collect(),
            resolvers: report.resolvers.iter().map(DrillResolverJson::of).collect(),
            queries: DrillQueriesJson::of(report.queries),
        }
    }
}

impl DrillHeadJson {
    pub(in crate::admin) fn of(report: &DrillReport) -> Self {
        let DrillReport {
            id,
            state,
            region,
            by: By { author, reason },
            scheduled,
            begun,
            lasts,
            ended,
            rto,
            met,
            detect,
            answer,
            recovery,
            restored,
            failback,
            pools: _,
            resolvers: _,
            queries: _,
            note,
        } = report;
        Self {
            id: id.clone(),
            state: match state {
                DrillState::Running => DrillStateJson::Running,
                DrillState::Restoring => DrillStateJson::Restoring,
                DrillState::Done => DrillStateJson::Done,
                DrillState::Aborted => DrillStateJson::Aborted,
            },
            region: region.to_string(),
            author: author.to_string(),
            reason: reason.to_string(),
            scheduled: scheduled.clone(),
            begun: time(*begun),
            for_ms: millis(*lasts),
            ended: ended.map(time),
            rto_ms: rto.map(millis),
            met: *met,
            detect_ms: detect.map(millis),
            answer_ms: answer.map(millis),
            recovery: recovery.map(DrillRecoveryJson::of),
            restored_ms: restored.map(millis),
            failback_ms: failback.map(millis),
            note: note.clone(),
        }
    }
}

impl DrillRecoveryJson {
    fn of(of: DrillRecovery) -> Self {
        let DrillRecovery { answer, ttl, total } = of;
        Self { answer_ms: millis(answer), ttl_ms: millis(ttl), total_ms: millis(total) }
    }
}

impl DrillPoolJson {
    fn of(of: &DrillPool) -> Self {
        let DrillPool { pool, name, rtype, detect, answer, failback, ttl, before, during, after, seen } = of;
        Self {
            pool: pool.to_string(),
            name: name.to_string(),
            r#type: rtype.to_string(),
            detect_ms: detect.map(millis),
            answer_ms: answer.map(millis),
            failback_ms: failback.map(millis),
            ttl_ms: ttl.map(millis),
            before: before.clone(),
            during: during.clone(),
            after: after.clone(),
            seen: seen.iter().map(DrillSeenJson::of).collect(),
        }
    }
}

impl DrillSeenJson {
    fn of(of: &DrillSeen) -> Self {
        let DrillSeen { at, addresses, rcode } = of;
        Self { at_ms: millis(*at), addresses: addresses.clone(), rcode: rcode.clone() }
    }
}

impl DrillResolverJson {
    fn of(of: &DrillResolver) -> Self {
        let DrillResolver { address, seen, error } = of;
        Self { address: *address, seen_ms: seen.map(millis), error: error.clone() }
    }
}

impl DrillQueriesJson {
    fn of(of: DrillQueries) -> Self {
        let DrillQueries { sent, answered, bad } = of;
        Self { sent, answered, bad }
    }
}

impl DrillRunningJson {
    pub(in crate::admin) fn of(drill: &DrillStatus) -> Self {
        let DrillStatus { order: DrillOrder { id, region, .. }, until } = drill;
        Self { id: id.to_string(), region: region.to_string(), until: time(*until) }
    }
}
