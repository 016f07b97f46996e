//! Pools: habits with their defaults, endpoints with their checks.

use std::collections::BTreeMap;
use std::ops::Range;

use super::check::Check;
use super::{Context, endpoint, find_check, lint};
use crate::config::spec::{Defaults, PoolHabits, PoolSpec};
use crate::config::toml::{File, Key};
use crate::dns::Name;
use crate::model::pool::{AllDown, DualStack, Endpoint, Failback, FailbackMode, Filter, Pool};
use crate::model::{PoolName, Region};

/// Resolvers ask again twice a minute: quick to fail over, light on the nodes.
const TTL: u32 = 30;
/// What the addresses of one answer may take in a message of 65,535 bytes; the rest is for a header, the
/// longest question, aliases that lead to the name, and an OPT record.
const ANSWER_SIZE_BYTES_MAX: usize = 60_000;
/// Of an A record whose owner is compressed.
const A_SIZE_BYTES: usize = 16;
/// Of an AAAA record whose owner is compressed.
const AAAA_SIZE_BYTES: usize = 28;

/// The TTL of a pool's answers.
pub(super) fn ttl(spec: &PoolSpec, defaults: &Defaults) -> u32 {
    spec.habits.ttl.value().or(defaults.pool.ttl.value()).copied().unwrap_or(TTL)
}

/// Compares `ttl` with `ttl_suspect`, and says so of `what`.
pub(super) fn check_ttls(file: &File, what: &str, header: &Range<usize>, habits: &PoolHabits) {
    let own = habits.ttl.unwrap_or(TTL);
    let Some(suspect) = habits.ttl_suspect.value().filter(|value| **value > own && !habits.ttl.is_wrong()) else {
        return;
    };
    if matches!((&habits.ttl, &habits.ttl_suspect), (Key::Inherited(_), Key::Inherited(_))) {
        // Told at its place in pharos.toml.
        return;
    }
    let message = format!("ttl_suspect of {what} is {suspect}, over its ttl of {own}");
    let at = habits.ttl_suspect.at().or_else(|| habits.ttl.at()).unwrap_or_else(|| header.clone());
    let fault = file.error("pool-ttl-suspect", at, message);
    file.push(fault.help("it makes answers shorter while something may be about to change"));
}

/// Lowers one pool; None where it answers no name.
pub(super) fn lower(context: &Context<'_>, checks: &mut [Check], spec: PoolSpec) -> Option<Pool> {
    let file = context.file;
    let PoolSpec { name, at, names, check, habits, endpoints, has_endpoints } = spec;
    if !has_endpoints {
        let fault = file.error("pool-no-endpoint", at.clone(), format!("pool \"{}\" has no endpoint", name.value));
        file.push(fault.help(format!("one begins with [[pool.{}.endpoint]]", name.value)));
    }
    let habits = habits.or(&context.defaults.pool);
    check_ttls(file, &format!("pool \"{}\"", name.value), &at, &habits);
    let shared = check.given().and_then(|given| {
        let user = format!("pool \"{}\"", name.value);
        find_check(context, checks, &given.value, given.at.clone(), &user).map(|check| check.name.value.clone())
    });
    let owners: Vec<Name> = names.value().into_iter().flatten().map(|given| given.value.clone()).collect();
    let host = default_host(&owners, context.zone);
    let group = endpoint::Group { pool: &name.value, check: shared.as_deref(), host: &host };
    lint::endpoints(context, &name.value, &at, &check, &habits, &endpoints);
    endpoint::check_duplicates(context, &endpoints);
    lint::shared_targets(context, checks, &group, &endpoints);
    let endpoints: Vec<_> =
        endpoints.into_iter().filter_map(|spec| endpoint::lower(context, checks, &group, spec)).collect();
    let PoolHabits { policy, ttl, ttl_suspect, answers, all_down, failback, min_healthy, dual_stack } = habits;
    if let Some(wanted) = min_healthy.value() {
        let mut groups: BTreeMap<Result<&Region, u32>, usize> = BTreeMap::new();
        for endpoint in &endpoints {
            *groups.entry(endpoint.region.as_ref().ok_or(endpoint.priority)).or_default() += 1;
        }
        let most = groups.values().max().copied().unwrap_or(usize::MAX);
        if *wanted > most {
            let message = format!(
                "min_healthy of pool \"{}\" is {wanted}, but no region or priority has more than {most} endpoint{}",
                name.value,
                if most == 1 { "" } else { "s" }
            );
            let fault = file.warning("pool-min-healthy", min_healthy.at().unwrap_or_else(|| at.clone()), message);
            file.push(fault.help("it has no effect then: a healthy endpoint is answered all the same"));
        }
    }
    if names.given().is_some_and(|names| names.value.is_empty()) {
        let at = names.at().unwrap_or(at);
        let fault = file.warning("pool-unused", at, format!("no name uses pool \"{}\"", name.value));
        file.push(fault.help("it is not probed and answers nothing"));
        return None;
    }
    let policy: Vec<Filter> = policy.unwrap_or(Vec::new());
    let answers_at = answers.at().unwrap_or(at);
    let answers = answers.unwrap_or(usize::from(!policy.is_empty()));
    check_size(file, &name.value, answers_at, answers, &endpoints);
    Some(Pool {
        name: PoolName::new(&name.value),
        names: owners,
        ttl: ttl.unwrap_or(TTL),
        ttl_suspect: ttl_suspect.value().copied(),
        answers,
        policy,
        all_down: all_down.unwrap_or(AllDown::LastGood),
        failback: failback.unwrap_or(Failback { mode: FailbackMode::Auto, hold: std::time::Duration::ZERO }),
        min_healthy: min_healthy.unwrap_or(1),
        dual_stack: dual_stack.unwrap_or(DualStack::Apart),
        endpoints,
    })
}

/// Refuses a pool of which the largest answer would not fit into a message.
fn check_size(file: &File, pool: &str, at: Range<usize>, answers: usize, endpoints: &[Endpoint]) {
    let addresses = || endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
    let ipv4 = addresses().filter(|address| address.ip.is_ipv4()).count();
    let ipv6 = addresses().count() - ipv4;
    for (family, count, size) in [("IPv4", ipv4, A_SIZE_BYTES), ("IPv6", ipv6, AAAA_SIZE_BYTES)] {
        let count = if answers == 0 { count } else { count.min(answers) };
        if count * size > ANSWER_SIZE_BYTES_MAX {
            let message = format!(
                "pool \"{pool}\" answers with {count} {family} addresses, which take {} bytes of at most {ANSWER_SIZE_BYTES_MAX}",
                count * size
            );
            let fault = file.error("pool-answer-too-large", at.clone(), message);
            file.push(fault.help("write answers = N for N addresses per answer"));
        }
    }
}

/// What checks put into Host where they do not say it: the first name that is not a wildcard.
fn default_host(names: &[Name], zone: &Name) -> String {
    let name = names.iter().find(|name| !name.is_wildcard()).unwrap_or(zone);
    let text = name.to_string();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
