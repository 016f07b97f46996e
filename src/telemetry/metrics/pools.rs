//! Pools and endpoints: what is judged and what follows from it.

use super::text::{Family, Text};
use super::{POOLS_MAX, unix};
use crate::control::{
    AddressStatus, Answer, AnswerStatus, CheckStatus, EndpointStatus, Figures, HoldStatus, PoolStatus, Status,
};
use crate::health::Verdict;
use crate::policy::{self, Member, Mode};
use crate::snapshot::{PoolMember, Roll, Row};

pub(super) fn write(text: &mut Text, status: &Status, figures: &Figures, roll: &Roll) {
    write_pools(text, status, figures);
    write_endpoints(text, status, roll);
}

fn write_pools(text: &mut Text, status: &Status, figures: &Figures) {
    let help = "Whether a pool has a healthy endpoint of a family.";
    each(text.gauge("pharos_pool_healthy", help), status, |answer| usize::from(answer.mode == Mode::Healthy));
    let help = "Addresses that an answer of a pool may hold.";
    each(text.gauge("pharos_pool_addresses", help), status, |answer| answer.addresses.len());
    let help = "State of affairs in which a pool answers: 1 for the one it is in.";
    let mut mode = text.gauge("pharos_pool_mode", help);
    for (pool, family, AnswerStatus { answer, .. }) in answers(status) {
        let labels = pool_labels(pool, family);
        let [zone, name, kind] = as_str(&labels);
        mode.sample(&[zone, name, kind, ("mode", answer.mode.word())], 1);
    }
    let mut changes = text.counter("pharos_pool_answer_changes_total", "Changes of what a pool answers.");
    for (pool, family, _) in answers(status) {
        let count = figures.answers.get(&(pool.id.clone(), family)).unwrap_or(&0);
        changes.sample(&as_str(&pool_labels(pool, family)), count);
    }
    let help = "When what a pool answers changed last since the start of the node.";
    let mut changed = text.gauge("pharos_pool_answer_changed_timestamp_seconds", help);
    for (pool, family, status) in answers(status) {
        if let Some(last) = status.changed {
            changed.sample(&as_str(&pool_labels(pool, family)), unix(last));
        }
    }
}

/// What the pools that are shown answer, for each family that they have addresses of.
fn answers(status: &Status) -> impl Iterator<Item = (&PoolStatus, policy::Family, &AnswerStatus)> {
    let pools = status.pools().take(POOLS_MAX);
    let both = pools.flat_map(|pool| [(pool, policy::Family::V4, &pool.a), (pool, policy::Family::V6, &pool.aaaa)]);
    both.filter(|(_, _, status)| status.answer.mode != Mode::Absent)
}

fn each(mut out: Family<'_>, status: &Status, of: impl Fn(&Answer) -> usize) {
    for (pool, family, AnswerStatus { answer, .. }) in answers(status) {
        out.sample(&as_str(&pool_labels(pool, family)), of(answer));
    }
}

fn pool_labels(pool: &PoolStatus, family: policy::Family) -> [(&'static str, String); 3] {
    [("zone", pool.id.zone.bare()), ("pool", pool.id.pool.to_string()), ("type", family.rtype().to_string())]
}

pub(super) fn as_str<'a, const N: usize>(labels: &'a [(&'static str, String); N]) -> [(&'static str, &'a str); N] {
    labels.each_ref().map(|(name, value)| (*name, value.as_str()))
}

/// An address with its endpoint and pool.
pub(super) type Seat<'a> = (&'a PoolStatus, &'a EndpointStatus, &'a AddressStatus);

/// Every address of every pool.
pub(super) fn seats(status: &Status) -> impl Iterator<Item = Seat<'_>> {
    status.pools().flat_map(|pool| {
        pool.endpoints.iter().flat_map(move |endpoint| endpoint.addresses.iter().map(move |a| (pool, endpoint, a)))
    })
}

/// Whether an address has series of its own.
pub(super) fn is_own(&(pool, endpoint, address): &Seat<'_>, roll: &Roll) -> bool {
    let member = Member { endpoint: endpoint.name.clone(), ip: address.ip };
    roll.members.row(&PoolMember { pool: pool.id.clone(), member }) != Row::OTHER
}

pub(super) fn labels(&(pool, endpoint, address): &Seat<'_>) -> [(&'static str, String); 5] {
    [
        ("zone", pool.id.zone.bare()),
        ("pool", pool.id.pool.to_string()),
        ("endpoint", endpoint.name.to_string()),
        ("address", address.ip.to_string()),
        ("region", endpoint.region.as_ref().map(ToString::to_string).unwrap_or_default()),
    ]
}

fn write_endpoints(text: &mut Text, status: &Status, roll: &Roll) {
    let own: Vec<_> = seats(status).filter(|seat| is_own(seat, roll)).map(|seat| (seat, labels(&seat))).collect();
    let mut all = |name, help, of: fn(Seat<'_>) -> Option<f64>| {
        let mut family = text.gauge(name, help);
        for (seat, labels) in &own {
            if let Some(value) = of(*seat) {
                family.sample(&as_str(labels), value);
            }
        }
    };
    all(
        "pharos_endpoint_up",
        "Whether the check of an address says up; 1 where nothing is checked.",
        |(_, _, address)| flag(address.check.as_ref().is_none_or(|check| check.verdict == Verdict::Up)),
    );
    all("pharos_endpoint_in_use", "Whether an answer may hold an address now.", |(_, _, address)| flag(address.in_use));
    let help = "Whether an address that came back is held from the answers.";
    all("pharos_endpoint_held", help, |(_, _, address)| {
        flag(matches!(address.hold, Some(HoldStatus::Left(_) | HoldStatus::Manual)))
    });
    let help = "Whether a verdict is stale: no observation for three intervals.";
    all("pharos_endpoint_check_stale", help, |(_, _, address)| flag(address.check.as_ref()?.stale));
    let help = "Since when an address has its verdict.";
    all("pharos_endpoint_verdict_since_timestamp_seconds", help, |(_, _, address)| {
        Some(unix(address.check.as_ref()?.since?))
    });
    let help = "How long the last check of an address took.";
    all("pharos_endpoint_check_duration_seconds", help, |(_, _, address)| {
        let CheckStatus { last, .. } = address.check.as_ref()?;
        Some(last.as_ref()?.phases.total.as_secs_f64())
    });
    let mut family = text.gauge("pharos_endpoint_override", "1 for an address that an override rules.");
    for ((_, endpoint, _), labels) in &own {
        if let Some((_, order)) = &endpoint.order {
            let [zone, pool, name, address, region] = as_str(labels);
            family.sample(&[zone, pool, name, address, region, ("force", &order.force.to_string())], 1);
        }
    }
}

fn flag(is: bool) -> Option<f64> {
    Some(f64::from(u8::from(is)))
}
