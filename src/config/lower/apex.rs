//! SOA and NS of a zone that has no master file.

use super::{Context, Statics, steers};
use crate::config::diag::Diagnostic;
use crate::config::spec::{ApexSpec, PoolSpec};
use crate::dns::Rtype;
use crate::model::zone::{Place, Zone, ZoneBuilder};

/// Of NS and SOA: they change with a move of name servers, which takes days anyhow.
const TTL: u32 = 3600;
/// Nothing transfers such a zone, so its serial has nothing to tell.
const SERIAL: u32 = 1;
const REFRESH: u32 = 3600;
const RETRY: u32 = 900;
const EXPIRE: u32 = 604_800;
/// How long resolvers keep a negative answer; never longer than a positive one.
const MINIMUM: u32 = 60;

/// Makes the zone where there is no master file.
pub(super) fn lower(
    context: &Context<'_>,
    apex: Option<ApexSpec>,
    smallest_ttl: Option<u32>,
    pools: &[PoolSpec],
) -> Option<Zone> {
    let file = context.file;
    let apex = match (context.statics, apex) {
        (Statics::Zone(..) | Statics::Broken, None) => return None,
        (Statics::Zone(..) | Statics::Broken, Some(apex)) => {
            let master = file.source.shown.with_extension("zone");
            let message = format!("[zone] stands beside {}, which has SOA and NS already", master.display());
            file.push(file.error("zone-twice", apex.at, message).help("leave [zone] out, or take the zone file away"));
            return None;
        }
        (Statics::None, None) => {
            let master = file.source.shown.with_extension("zone");
            let fault = Diagnostic::error("zone-missing", "the file has no [zone], and there is no zone file")
                .in_file(&file.source.shown);
            file.push(
                fault
                    .help("write [zone] with ns = [\"ns1.example.com\"] and contact = \"hostmaster@example.com\"")
                    .help(format!("or write the zone file {}", master.display())),
            );
            return None;
        }
        (Statics::None, Some(apex)) => apex,
    };
    let ApexSpec { at: _, ns, contact, ttl } = apex;
    if let Some(ns) = ns.value() {
        let steered = || pools.iter().filter_map(|pool| pool.names.value()).flatten().map(|name| &name.value);
        for name in ns {
            if name.value.is_within(context.zone) && !steers(steered(), &name.value) {
                let message = format!("name server {} lies in the zone and has no address there", name.value);
                let fault = file.warning("zone-ns-address", name.at.clone(), message);
                file.push(fault.help("give it one in a zone file or in a pool, or resolvers cannot find it"));
            }
        }
        for (i, name) in ns.iter().enumerate() {
            if ns[..i].iter().any(|before| before.value == name.value) {
                let message = format!("name server {} is given twice", name.value);
                file.push(file.error("zone-ns-duplicate", name.at.clone(), message).label("again"));
            }
        }
    }
    let (ns, contact, ttl) = (ns.value()?, contact.value()?, ttl.unwrap_or(TTL));
    let mut soa = ns.first()?.value.as_wire().to_vec();
    soa.extend_from_slice(contact.as_wire());
    for number in [SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM.min(smallest_ttl.unwrap_or(MINIMUM))] {
        soa.extend_from_slice(&number.to_be_bytes());
    }
    let mut builder = ZoneBuilder::new(context.zone.clone());
    let owner = context.zone.as_wire();
    builder.push(owner, Rtype::SOA, ttl, &soa, Place::default()).ok()?;
    for name in ns {
        builder.push(owner, Rtype::NS, ttl, name.value.as_wire(), Place::default()).ok()?;
    }
    // Only a name server given twice can be a fault here, and that is reported.
    builder.finish().ok().map(|(zone, _)| zone)
}
