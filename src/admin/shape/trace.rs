//! Why an answer is what it is: the steps of the decision itself, in words.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use utoipa::ToSchema;

use crate::control::{AddressStatus, EndpointStatus, HoldStatus, PoolStatus};
use crate::health::Verdict;
use crate::policy::{Family, Reason, Seat, Stage, Steering, Step};

/// One step from all addresses to those that are answered.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct StepJson {
    stage: StageJson,
    /// The step in words.
    pub(in crate::admin) text: String,
    /// Who stayed, in the order of the pool.
    pub(in crate::admin) kept: Vec<KeptJson>,
    /// Who left.
    dropped: Vec<DroppedJson>,
}

/// Which rule it was.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum StageJson {
    Override,
    Health,
    Failback,
    MinHealthy,
    MinHealthyIgnored,
    LastGood,
    All,
    Priority,
    Weight,
    Sticky,
    Shuffle,
}

/// An address that stayed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct KeptJson {
    endpoint: String,
    #[schema(value_type = String)]
    address: IpAddr,
    /// In the last step: the chance of its endpoint to be drawn first; null where nothing is drawn.
    share: Option<f64>,
}

/// An address that left.
#[derive(Debug, Serialize, ToSchema)]
struct DroppedJson {
    endpoint: String,
    #[schema(value_type = String)]
    address: IpAddr,
    reason: ReasonJson,
    /// The reason in words.
    text: String,
}

/// Why an address left.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ReasonJson {
    ForcedDown,
    Drained,
    Down,
    Unknown,
    Held,
    HeldManually,
    TooFewHealthy,
    Priority,
    Reserve,
    NotLastGood,
}

/// The steps of one family of a pool.
pub(in crate::admin) fn steps(pool: &PoolStatus, family: Family) -> Vec<StepJson> {
    let mut steps: Vec<_> = pool.compiled.plan(family).steps.iter().map(|step| StepJson::of(pool, step)).collect();
    if let (Steering::Pick(selector), Some(last)) = (pool.compiled.steering(family), steps.last_mut()) {
        let choices = selector.spec().choices.iter();
        for (choice, share) in choices.zip(selector.shares().into_iter().flatten()) {
            for kept in last.kept.iter_mut().filter(|kept| choice.addresses.contains(&kept.address)) {
                kept.share = Some((share * 1e6).round() / 1e6);
            }
        }
    }
    steps
}

impl StepJson {
    fn of(pool: &PoolStatus, step: &Step) -> Self {
        let Step { stage, kept, dropped } = step;
        let kept_json = kept.iter().filter_map(|seat| {
            let (endpoint, address) = seated(pool, *seat)?;
            Some(KeptJson { endpoint: endpoint.name.to_string(), address: address.ip, share: None })
        });
        let dropped_json = dropped.iter().filter_map(|(seat, reason)| {
            let (endpoint, address) = seated(pool, *seat)?;
            let (name, text) = (endpoint.name.to_string(), why(pool, endpoint, address, *reason));
            Some(DroppedJson { endpoint: name, address: address.ip, reason: ReasonJson::of(*reason), text })
        });
        Self {
            stage: StageJson::of(*stage),
            text: sentence(pool, step),
            kept: kept_json.collect(),
            dropped: dropped_json.collect(),
        }
    }
}

fn seated(pool: &PoolStatus, seat: Seat) -> Option<(&EndpointStatus, &AddressStatus)> {
    let endpoint = pool.endpoints.get(seat.endpoint)?;
    Some((endpoint, endpoint.addresses.get(seat.address)?))
}

/// A step in words, beginning with the key that it comes from.
fn sentence(pool: &PoolStatus, step: &Step) -> String {
    let Step { stage, kept, dropped } = step;
    let (left, gone) = (kept.len(), dropped.len());
    let all = left + gone;
    match (stage, gone) {
        (Stage::Override, 0) => "override: nobody is down or drained by order".to_owned(),
        (Stage::Override, _) => format!("override: {gone} of {} down or drained by order", addresses(all)),
        (Stage::Health, _) if left == 0 => match all {
            0 => "health: nobody is left to be healthy".to_owned(),
            1 => "health: the only address is not healthy".to_owned(),
            _ => format!("health: none of {all} addresses is healthy"),
        },
        (Stage::Health, 0) => format!("health: all of {} healthy", addresses(all)),
        (Stage::Health, _) => format!("health: {left} of {} healthy", addresses(all)),
        (Stage::Failback, 0) => "failback: nobody is held".to_owned(),
        (Stage::Failback, _) => format!("failback: {gone} of {} healthy again, and held", addresses(all)),
        (Stage::MinHealthy, 0) => "min_healthy: every region has enough healthy endpoints".to_owned(),
        (Stage::MinHealthy, _) => format!("min_healthy: {gone} of {} in regions with too few", addresses(all)),
        (Stage::MinHealthyIgnored, _) => {
            "min_healthy: no region has enough healthy endpoints, so that the rule is set aside".to_owned()
        }
        (Stage::LastGood, _) => {
            "all_down = last-good: the last answer that was given while somebody was healthy".to_owned()
        }
        (Stage::All, _) => "all_down: nobody is healthy, so all are taken as if they were".to_owned(),
        (Stage::Priority, _) => {
            let lowest = kept.first().and_then(|seat| pool.endpoints.get(seat.endpoint));
            lowest.map_or_else(String::new, |e| format!("priority: the lowest number left is {}", e.priority))
        }
        (Stage::Weight, 0) => "weight: drawn at random by weight, anew for each query".to_owned(),
        (Stage::Weight, _) => format!("weight: drawn at random by weight; {gone} of {} in reserve", addresses(all)),
        (Stage::Sticky, _) => "sticky: the client's network (/24, /48) keeps its endpoint".to_owned(),
        (Stage::Shuffle, _) => "shuffle: drawn at random, anew for each query".to_owned(),
    }
}

/// `1 address is`, `3 addresses are`.
fn addresses(count: usize) -> String {
    if count == 1 { "1 address is".to_owned() } else { format!("{count} addresses are") }
}

/// Why an address left, in words.
fn why(pool: &PoolStatus, endpoint: &EndpointStatus, address: &AddressStatus, reason: Reason) -> String {
    match reason {
        Reason::ForcedDown => ordered("down", endpoint),
        Reason::Drained => ordered("drained", endpoint),
        Reason::Down => down(address),
        Reason::Unknown => "its check has not been made yet".to_owned(),
        Reason::Held => match address.hold {
            Some(HoldStatus::Left(left)) => format!("healthy again, and held for another {}", seconds(left)),
            _ => "healthy again, and held".to_owned(),
        },
        Reason::HeldManually => format!("healthy again, and held until `pharos failback {}`", pool.id),
        Reason::TooFewHealthy { healthy, needed } => match &endpoint.region {
            Some(region) => format!("region {region} has {healthy} healthy, and min_healthy is {needed}"),
            None => format!("priority {} has {healthy} healthy, and min_healthy is {needed}", endpoint.priority),
        },
        Reason::Priority { lowest } => format!("priority {}, and {lowest} is left", endpoint.priority),
        Reason::Reserve => "weight 0, a reserve, and others with a weight are left".to_owned(),
        Reason::NotLastGood => "not in the last good answer".to_owned(),
    }
}

fn ordered(how: &str, endpoint: &EndpointStatus) -> String {
    let Some((scope, order)) = &endpoint.order else { return format!("{how} by order") };
    let until = order.expires.map(|end| format!(" until {}", moment(end.wall))).unwrap_or_default();
    format!("{how} by order of {} ({scope}){until}: {}", order.author, order.reason)
}

fn down(address: &AddressStatus) -> String {
    let Some(check) = &address.check else { return "its other address is down, and dual_stack is together".to_owned() };
    if check.verdict != Verdict::Down {
        return "its other address is down, and dual_stack is together".to_owned();
    }
    let mut text = format!("check \"{}\" says down", check.name);
    if let Some(since) = check.since {
        text.push_str(&format!(" since {}", moment(since)));
    }
    if let Some(Err(failure)) = check.last_failure.as_ref().map(|seen| &seen.result) {
        text.push_str(&format!(": {failure}"));
    }
    text
}

fn moment(time: SystemTime) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(time)
}

fn seconds(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs().max(1)))
}

impl StageJson {
    fn of(stage: Stage) -> Self {
        match stage {
            Stage::Override => Self::Override,
            Stage::Health => Self::Health,
            Stage::Failback => Self::Failback,
            Stage::MinHealthy => Self::MinHealthy,
            Stage::MinHealthyIgnored => Self::MinHealthyIgnored,
            Stage::LastGood => Self::LastGood,
            Stage::All => Self::All,
            Stage::Priority => Self::Priority,
            Stage::Weight => Self::Weight,
            Stage::Sticky => Self::Sticky,
            Stage::Shuffle => Self::Shuffle,
        }
    }
}

impl ReasonJson {
    fn of(reason: Reason) -> Self {
        match reason {
            Reason::ForcedDown => Self::ForcedDown,
            Reason::Drained => Self::Drained,
            Reason::Down => Self::Down,
            Reason::Unknown => Self::Unknown,
            Reason::Held => Self::Held,
            Reason::HeldManually => Self::HeldManually,
            Reason::TooFewHealthy { .. } => Self::TooFewHealthy,
            Reason::Priority { .. } => Self::Priority,
            Reason::Reserve => Self::Reserve,
            Reason::NotLastGood => Self::NotLastGood,
        }
    }
}
