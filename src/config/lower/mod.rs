//! From what the files say to the model: defaults applied, references resolved, keys compared with
//! each other and with the master file.

mod apex;
mod check;
mod drill;
mod endpoint;
mod facts;
mod lint;
mod names;
mod node;
mod plan;
mod pool;
mod sink;

use std::ops::Range;
use std::path::Path;

use self::check::Check;
pub(super) use self::facts::{Facts, steers_as};
pub(super) use self::names::steers;
pub(super) use self::node::{lower_node, lower_zones_folder};
use super::diag::listed;
use super::spec::{Defaults, ZoneSpec};
use super::toml::File;
use crate::dns::Name;
use crate::model::pool::Pool;
use crate::model::zone::Zone;

/// The master file of a zone, as far as it is known.
#[derive(Clone, Copy)]
pub(super) enum Statics<'a> {
    /// There is none: the zone is what its TOML file says.
    None,
    /// It is broken, and reported.
    Broken,
    /// What is asked of its records, and how the file is called.
    Zone(&'a Facts, &'a Path),
}

/// What the steering of one zone is lowered with.
pub(super) struct Context<'a> {
    pub(super) file: &'a File,
    pub(super) zone: &'a Name,
    pub(super) defaults: &'a Defaults,
    pub(super) statics: Statics<'a>,
}

/// Lowers a zone's steering. Where there is no master file, the records are made from `[zone]`; None
/// where they are wrong or missing. Everything found goes to the context's file.
pub(super) fn lower_zone(context: &Context<'_>, spec: ZoneSpec) -> (Option<Zone>, Vec<Pool>) {
    let ZoneSpec { apex, checks, pools } = spec;
    let mut lowered: Vec<Check> = Vec::with_capacity(checks.len());
    for (name, at, spec) in checks {
        lowered.push(Check::lower(context, name, at, spec));
    }
    let smallest_ttl = pools.iter().map(|pool| pool::ttl(pool, context.defaults)).min();
    lint::soa_minimum(context, &pools);
    names::check_names(context, &pools);
    let zone = apex::lower(context, apex, smallest_ttl, &pools);
    let pools = pools.into_iter().filter_map(|spec| pool::lower(context, &mut lowered, spec)).collect();
    for check in lowered.iter().filter(|check| !check.used) {
        let message = format!("no pool uses check \"{}\"", check.name.value);
        let fault = context.file.warning("check-unused", check.at.clone(), message);
        context.file.push(fault.help("it is not probed"));
    }
    (zone, pools)
}

/// Compares the keys of `[defaults]` with each other, at their own place.
pub(super) fn check_defaults(file: &File, defaults: &Defaults) {
    let Defaults { check, pool } = defaults;
    plan::check_defaults(file, check);
    if let Some(ttl) = pool.ttl.given() {
        pool::check_ttls(file, "[defaults.pool]", &ttl.at, pool);
    }
}

/// Finds a check by name and marks it as used; an unknown one is reported at `at`.
fn find_check<'c>(
    context: &Context<'_>,
    checks: &'c mut [Check],
    name: &str,
    at: Range<usize>,
    user: &str,
) -> Option<&'c Check> {
    if let Some(index) = checks.iter().position(|check| check.name.value == name) {
        let check = &mut checks[index];
        check.used = true;
        return Some(check);
    }
    let message = format!("{user} uses check \"{name}\", which is not defined");
    let mut fault = context.file.error("pool-unknown-check", at, message);
    let near = super::diag::nearest(name, checks.iter().map(|check| check.name.value.as_str()));
    if let Some(near) = near.map(str::to_owned) {
        // What was meant is not to be called unused.
        checks.iter_mut().filter(|check| check.name.value == near).for_each(|check| check.used = true);
        fault = fault.label(format!("did you mean \"{near}\"?"));
    }
    let names = || checks.iter().map(|check| check.name.value.as_str());
    let help = if checks.is_empty() {
        format!("no check is defined; one begins with [check.{name}]")
    } else {
        format!("defined checks: {}", listed(names()))
    };
    context.file.push(fault.help(help));
    None
}
