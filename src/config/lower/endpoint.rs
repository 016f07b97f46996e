//! Endpoints: each address with what is watched for it.

use std::collections::HashMap;
use std::net::IpAddr;

use super::check::{Asked, Check};
use super::{Context, find_check};
use crate::config::spec::{EndpointSpec, is_host_name};
use crate::model::pool::{Address, Endpoint};
use crate::model::{EndpointName, Region};

/// Preferred as much as any other.
const PRIORITY: u32 = 1;
/// Room to write both half and double in whole numbers.
const WEIGHT: u32 = 100;

/// What the endpoints of a pool share.
pub(super) struct Group<'a> {
    pub(super) pool: &'a str,
    /// The pool's check, where it is defined.
    pub(super) check: Option<&'a str>,
    /// What checks put into Host where they do not say it.
    pub(super) host: &'a str,
}

/// The priority that it has.
pub(super) fn priority(spec: &EndpointSpec) -> u32 {
    spec.priority.unwrap_or(PRIORITY)
}

/// Reports names and addresses that stand in a pool twice.
pub(super) fn check_duplicates(context: &Context<'_>, endpoints: &[EndpointSpec]) {
    let (mut names, mut addresses) = (HashMap::new(), HashMap::<IpAddr, &str>::new());
    for spec in endpoints {
        let own = spec.name.value().map_or("", String::as_str);
        if let Some(name) = spec.name.given()
            && names.insert(&name.value, ()).is_some()
        {
            let message = format!("endpoint \"{}\" stands in its pool twice", name.value);
            context.file.push(context.file.error("endpoint-duplicate", name.at.clone(), message).label("again"));
        }
        for address in spec.address.value().into_iter().flatten() {
            if let Some(other) = addresses.insert(address.value, own) {
                let message = format!("address {} stands in its pool twice", address.value);
                let fault = context.file.error("endpoint-duplicate-address", address.at.clone(), message);
                context.file.push(fault.label(format!("also at endpoint \"{other}\"")));
            }
        }
    }
}

/// Lowers one endpoint; None where something it needs is wrong.
pub(super) fn lower(
    context: &Context<'_>,
    checks: &mut [Check],
    group: &Group<'_>,
    spec: EndpointSpec,
) -> Option<Endpoint> {
    let EndpointSpec { at, name, region, address, check_address, priority, weight, check } = spec;
    let user = || match name.value() {
        Some(name) => format!("endpoint \"{name}\""),
        None => format!("an endpoint of pool \"{}\"", group.pool),
    };
    let check = match check.given() {
        Some(given) => find_check(context, checks, &given.value, given.at.clone(), &user()),
        None => group.check.and_then(|name| checks.iter().find(|check| check.name.value == name)),
    };
    let region_wrong = region.is_wrong();
    let region = region.value().map(String::as_str);
    let mut sound = true;
    if let Some(check) = check {
        if check.needs_region() && region.is_none() && !region_wrong {
            let message = format!("check \"{}\" expects {{region}}, but {} has no region", check.name.value, user());
            context.file.push(context.file.error("endpoint-no-region", at.clone(), message).label("needs \"region\""));
            sound = false;
        }
        if check.needs_host() && !is_host_name(group.host) && sound {
            let message = format!("check \"{}\" has no host, and \"{}\" cannot be one", check.name.value, group.host);
            let fault = context.file.error("check-no-host", check.at.clone(), message);
            context.file.push(fault.label("needs \"host\""));
            sound = false;
        }
    }
    let name = name.value()?;
    let watch = |ip: IpAddr, port: Option<u16>| {
        check.filter(|_| sound)?.watch(&Asked { endpoint: name, region, ip, port, host: group.host })
    };
    let shared = check_address.value().map(|target| watch(target.ip, target.port));
    let addresses = address.value()?.iter().map(|given| {
        let watch = shared.clone().unwrap_or_else(|| watch(given.value, None));
        Address { ip: given.value, watch }
    });
    Some(Endpoint {
        name: EndpointName::new(name),
        region: region.map(Region::new),
        addresses: addresses.collect(),
        priority: priority.unwrap_or(PRIORITY),
        weight: weight.unwrap_or(WEIGHT),
    })
}
