//! The names that pools steer, compared with each other and with the master file.

use std::collections::HashMap;
use std::path::Path;

use super::{Context, Facts, Statics};
use crate::config::diag::Diagnostic;
use crate::config::spec::PoolSpec;
use crate::dns::Name;
use crate::model::pool::AllDown;

/// A name and those above it, up to and without the zone's own.
pub(super) fn path_up(name: &Name, zone: &Name) -> Vec<Name> {
    let mut path = Vec::new();
    let mut next = Some(name.clone());
    while let Some(name) = next.filter(|name| name != zone && name.is_within(zone)) {
        next = name.parent();
        path.push(name);
    }
    path
}

/// Reports names out of the zone, names of two pools, and names that the master file gives another
/// meaning: aliases, and what lies at or below a delegation or below a DNAME.
pub(super) fn check_names(context: &Context<'_>, pools: &[PoolSpec]) {
    let file = context.file;
    let mut owners: HashMap<&Name, &str> = HashMap::new();
    for pool in pools {
        let static_fallback = context.static_fallback(pool);
        for name in pool.names.value().into_iter().flatten() {
            let (at, owner) = (name.at.clone(), &name.value);
            if !owner.is_within(context.zone) {
                let fault = file.error("pool-name-outside", at, format!("{owner} is not in the zone {}", context.zone));
                file.push(fault.help("names are relative to the zone: \"@\", \"www\", \"*\""));
                continue;
            }
            if let Some(other) = owners.insert(owner, &pool.name.value) {
                let fault = file.error("pool-name-duplicate", at, format!("{owner} is steered twice"));
                file.push(fault.label(format!("also in pool \"{other}\"")));
                continue;
            }
            if let Some(meant) = doubled(owner, context.zone) {
                let fault = file.warning("pool-name-relative", at.clone(), format!("the name is read as {owner}"));
                let fault = fault.label(format!("did you mean \"{meant}\"?"));
                file.push(fault.help("only a last dot makes a name absolute"));
            }
            let Statics::Zone(facts, master) = context.statics else { continue };
            if let Some(fault) = obstacle(context, owner, master, facts) {
                file.push(fault.at(&file.source, at));
            } else if static_fallback && !facts.types(owner).address {
                let message = format!("all_down = \"static\", but {} has no A or AAAA at {owner}", master.display());
                let fault = file.warning("pool-static-empty", at, message);
                file.push(fault.help("with all endpoints down the answer is NODATA then"));
            }
        }
    }
}

/// The name that was probably meant by one that ends in the zone's name twice.
fn doubled(owner: &Name, zone: &Name) -> Option<Name> {
    let own = owner.as_wire().len().checked_sub(zone.as_wire().len())?;
    let meant = Name::from_wire(&[&owner.as_wire()[..own], b"\0"].concat()).ok()?;
    (zone.label_count() > 0 && meant.is_within(zone)).then_some(meant)
}

/// What in the master file stands in the way of a steered name.
fn obstacle(context: &Context<'_>, owner: &Name, master: &Path, facts: &Facts) -> Option<Diagnostic> {
    let shown = master.display();
    let path = path_up(owner, context.zone);
    // From the top: what is above hides what is below.
    for above in path.iter().rev().chain([context.zone].into_iter().filter(|zone| *zone == owner)) {
        let types = facts.types(above);
        let is_apex = above == context.zone;
        if types.ns && !is_apex {
            let message = if above == owner {
                format!("{owner} is delegated in {shown}")
            } else {
                format!("{owner} lies below {above}, which {shown} delegates")
            };
            return Some(Diagnostic::error("pool-name-delegated", message).label("answered with a referral"));
        }
        if types.dname && above != owner {
            let message = format!("{owner} lies below {above}, which has a DNAME in {shown}");
            return Some(Diagnostic::error("pool-name-below-dname", message).label("answered with the DNAME"));
        }
        if types.cname && above == owner {
            let message = format!("{owner} has a CNAME in {shown}");
            let fault = Diagnostic::error("pool-name-cname", message).label("cannot have addresses too");
            return Some(fault.help("take the CNAME out of the zone file, or the name out of the pool"));
        }
    }
    let apex = facts.types(context.zone);
    (apex.dname && owner != context.zone).then(|| {
        let message = format!("{owner} lies below {}, which has a DNAME in {shown}", context.zone);
        Diagnostic::error("pool-name-below-dname", message).label("answered with the DNAME")
    })
}

impl Context<'_> {
    fn static_fallback(&self, pool: &PoolSpec) -> bool {
        pool.habits.all_down.value().or(self.defaults.pool.all_down.value()) == Some(&AllDown::Static)
    }
}

/// Whether a pool of these names answers `name`: itself, or by a wildcard above it.
pub(in crate::config) fn steers<'a>(mut names: impl Iterator<Item = &'a Name>, name: &Name) -> bool {
    names.any(|own| own == name || own.is_wildcard() && own.parent().is_some_and(|parent| name.is_within(&parent)))
}
