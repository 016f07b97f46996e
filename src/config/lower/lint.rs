//! What is allowed and yet seldom meant.

use std::collections::BTreeMap;
use std::ops::Range;

use super::check::Check;
use super::endpoint::{Group, priority};
use super::{Context, Statics, pool};
use crate::config::spec::{EndpointSpec, PoolHabits, PoolSpec, Target};
use crate::config::toml::Key;
use crate::model::pool::Filter;

/// Warns where resolvers would keep a negative answer longer than a steered one: a client that asks
/// for AAAA of a pool that has none for the moment waits that long.
pub(super) fn soa_minimum(context: &Context<'_>, pools: &[PoolSpec]) {
    let Statics::Zone(facts, master) = context.statics else { return };
    let Some(pool) = pools.iter().min_by_key(|pool| pool::ttl(pool, context.defaults)) else { return };
    let smallest = pool::ttl(pool, context.defaults);
    let Some((ttl, minimum)) = facts.soa.filter(|(ttl, minimum)| ttl.min(minimum) > &smallest) else { return };
    let master = master.display();
    let what = if minimum <= ttl {
        format!("the SOA minimum in {master} is {minimum}, above")
    } else {
        format!("the SOA in {master} has a TTL of {ttl} and a minimum of {minimum}, both above")
    };
    let message = format!("{what} the ttl of {smallest} of pool \"{}\"", pool.name.value);
    let at = pool.habits.ttl.at().unwrap_or_else(|| pool.at.clone());
    let fault = context.file.warning("zone-soa-minimum", at, message);
    context.file.push(fault.help("resolvers keep \"no such record\" for the lesser of the SOA's TTL and its minimum"));
}

/// Warns of endpoints that never fail, and of keys without effect.
pub(super) fn endpoints(
    context: &Context<'_>,
    name: &str,
    header: &Range<usize>,
    shared: &Key<String>,
    habits: &PoolHabits,
    endpoints: &[EndpointSpec],
) {
    let file = context.file;
    let checked = |spec: &EndpointSpec| !shared.is_absent() || !spec.check.is_absent();
    let unchecked: Vec<_> = endpoints.iter().filter(|spec| !checked(spec)).collect();
    if unchecked.len() == endpoints.len() && endpoints.len() > 1 {
        let message = format!("pool \"{name}\" has no check, so its endpoints never fail over");
        file.push(file.warning("pool-unchecked", header.clone(), message).help("write check = \"...\" in the pool"));
    } else if endpoints.len() > 1 {
        let lowest = endpoints.iter().map(priority).min();
        for spec in unchecked {
            let own = spec.name.value().map_or("", String::as_str);
            let secondary = if Some(priority(spec)) > lowest { "secondary " } else { "" };
            let message = format!("{secondary}endpoint \"{own}\" has no check, so it counts as healthy for ever");
            let fault = file.warning("endpoint-unchecked", spec.at.clone(), message);
            file.push(fault.help("write check = \"...\" in the endpoint, or in the pool for all"));
        }
    }
    for spec in endpoints.iter().filter(|spec| !checked(spec)) {
        if let Some(at) = spec.check_address.at() {
            let fault = file.warning("endpoint-key-unused", at, "\"check_address\" has no effect without a check");
            file.push(fault);
        }
    }
    if habits.policy.is_wrong() {
        return;
    }
    let policy = habits.policy.unwrap_or(Vec::new());
    let weighs = policy.iter().any(|filter| matches!(filter, Filter::Weight | Filter::Sticky));
    let prefers = policy.contains(&Filter::Priority) || habits.min_healthy.value().is_some();
    for spec in endpoints {
        if let Some(at) = spec.weight.at().filter(|_| !weighs) {
            let fault = file.warning("endpoint-key-unused", at, "\"weight\" has no effect with this policy");
            file.push(fault.help(format!("add \"weight\" or \"sticky\" to the policy of pool \"{name}\"")));
        }
        if let Some(at) = spec.priority.at().filter(|_| !prefers) {
            let fault = file.warning("endpoint-key-unused", at, "\"priority\" has no effect with this policy");
            file.push(fault.help(format!("add \"priority\" to the policy of pool \"{name}\"")));
        }
    }
}

/// Warns where endpoints of different regions are judged by one and the same target: then both are
/// up or both are down, and there is nothing to fail over to.
pub(super) fn shared_targets(context: &Context<'_>, checks: &[Check], group: &Group<'_>, endpoints: &[EndpointSpec]) {
    let file = context.file;
    let mut seen: BTreeMap<(Target, Option<&str>), &EndpointSpec> = BTreeMap::new();
    let mut by_check: BTreeMap<&str, Vec<&EndpointSpec>> = BTreeMap::new();
    for spec in endpoints {
        let Some(check) = spec.check.value().map(String::as_str).or(group.check) else { continue };
        by_check.entry(check).or_default().push(spec);
        let Some(target) = spec.check_address.given() else { continue };
        let Some(other) = seen.insert((target.value, Some(check)), spec) else { continue };
        if other.region.value() != spec.region.value() {
            let own = |spec: &EndpointSpec| spec.name.value().cloned().unwrap_or_default();
            let message = format!(
                "endpoints \"{}\" and \"{}\" of different regions are checked at one address",
                own(other),
                own(spec)
            );
            let fault = file.warning("check-one-address", target.at.clone(), message);
            file.push(fault.label(format!("also that of \"{}\"", own(other))).help("they would fail together"));
        }
    }
    for (name, users) in by_check {
        let Some(check) = checks.iter().find(|check| check.name.value == name) else { continue };
        let Some(ip) = check.host_address() else { continue };
        if users.iter().any(|spec| spec.region.value() != users[0].region.value()) {
            let message =
                format!("check \"{name}\" asks endpoints of different regions for the host {ip}, one address");
            let fault = file.warning("check-one-address", check.at.clone(), message);
            file.push(fault.help("write the name that clients use, as host = \"www.example.com\""));
        }
    }
}
