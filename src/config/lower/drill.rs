//! Planned drills: defaults, and regions that exist.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::config::diag::{listed, nearest};
use crate::config::spec::DrillSpec;
use crate::config::toml::File;
use crate::model::Region;
use crate::model::drill::DrillPlan;
use crate::model::node::ZoneSetup;

/// Long enough for checks with defaults to see it, and for people to look.
const LASTS: Duration = Duration::from_secs(120);

/// Lowers them, as far as the required keys are right. `zones` is none where some are broken: those may have
/// the regions.
pub(super) fn lower_drills(file: &File, specs: Vec<DrillSpec>, zones: Option<&[Arc<ZoneSetup>]>) -> Vec<DrillPlan> {
    if let Some(zones) = zones {
        check_regions(file, &specs, zones);
    }
    specs.into_iter().filter_map(lower_drill).collect()
}

/// None where a required key is wrong, which is reported.
fn lower_drill(spec: DrillSpec) -> Option<DrillPlan> {
    let DrillSpec { name, region, cron, lasts, rto, resolvers, reason } = spec;
    let usual = || format!("planned drill {}", name.value);
    Some(DrillPlan {
        region: Region::new(region.value()?),
        cron: cron.value()?.clone(),
        lasts: lasts.unwrap_or(LASTS),
        rto: rto.value().copied(),
        resolvers: resolvers.value().cloned().unwrap_or_default(),
        reason: reason.value().cloned().unwrap_or_else(usual).into(),
        name: name.value.into(),
    })
}

/// Reports drills of regions that no endpoint of any zone has.
fn check_regions(file: &File, drills: &[DrillSpec], zones: &[Arc<ZoneSetup>]) {
    if drills.is_empty() {
        return;
    }
    let endpoints = zones.iter().flat_map(|zone| &zone.pools).flat_map(|pool| &pool.endpoints);
    let known: BTreeSet<_> = endpoints.filter_map(|endpoint| endpoint.region.as_ref()).map(Region::as_str).collect();
    for drill in drills {
        let Some(region) = drill.region.given().filter(|region| !known.contains(region.value.as_str())) else {
            continue;
        };
        let message =
            format!("drill \"{}\" fails region \"{}\", which no endpoint has", drill.name.value, region.value);
        let mut fault = file.error("drill-unknown-region", region.at.clone(), message);
        if let Some(near) = nearest(&region.value, known.iter().copied()) {
            fault = fault.label(format!("did you mean \"{near}\"?"));
        }
        let help = if known.is_empty() {
            "an endpoint says where it stands with region = \"...\"".to_owned()
        } else {
            format!("regions: {}", listed(known.iter().copied()))
        };
        file.push(fault.help(help));
    }
}
