//! What a steering has to know of the master file beside it, so that an edit of the one needs the
//! records of the other only where other names are steered.

use std::collections::HashMap;

use super::names::path_up;
use crate::config::spec::PoolSpec;
use crate::dns::{Name, Rtype};
use crate::model::pool::Pool;
use crate::model::zone::Zone;

/// What stands at one name of the master file.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Types {
    pub(super) cname: bool,
    pub(super) dname: bool,
    pub(super) ns: bool,
    pub(super) address: bool,
}

/// What is asked of a master file for the names that some pools steer.
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct Facts {
    /// TTL and minimum of the SOA.
    pub(super) soa: Option<(u32, u32)>,
    /// What stands at the steered names and above them, by folded name.
    types: HashMap<Box<[u8]>, Types>,
}

impl Facts {
    /// Looks all up, in one walk over the zone.
    pub(in crate::config) fn of(zone: &Zone, pools: &[PoolSpec]) -> Self {
        let soa = zone.rrset(zone.origin(), Rtype::SOA).and_then(|soa| {
            let minimum = soa.rdatas().next()?.last_chunk().map(|minimum| u32::from_be_bytes(*minimum))?;
            Some((soa.ttl, minimum))
        });
        let mut facts = Self { soa, types: HashMap::new() };
        let names = names_of(pools).flat_map(|name| path_up(name, zone.origin()));
        for name in names.chain([zone.origin().clone()]) {
            facts.types.insert(name.folded().as_wire().into(), Types::default());
        }
        if pools.is_empty() {
            return facts;
        }
        for node in zone.nodes() {
            if let Some(types) = facts.types.get_mut(node.owner) {
                for set in node.rrsets() {
                    match set.rtype {
                        Rtype::CNAME => types.cname = true,
                        Rtype::DNAME => types.dname = true,
                        Rtype::NS => types.ns = true,
                        Rtype::A | Rtype::AAAA => types.address = true,
                        _ => {}
                    }
                }
            }
        }
        facts
    }

    /// What stands at a name that is steered or lies above one that is.
    pub(super) fn types(&self, name: &Name) -> Types {
        self.types.get(name.folded().as_wire()).copied().unwrap_or_default()
    }
}

/// Every steered name, in the order of the file.
fn names_of(pools: &[PoolSpec]) -> impl Iterator<Item = &Name> {
    pools.iter().flat_map(steered_by)
}

/// The names that a pool steers.
fn steered_by(pool: &PoolSpec) -> impl Iterator<Item = &Name> {
    pool.names.value().into_iter().flatten().map(|name| &name.value)
}

/// Whether pools steer the same names as those that were lowered before, each in its place.
pub(in crate::config) fn steers_as(pools: &[PoolSpec], before: &[Pool]) -> bool {
    let same = |(pool, before): (&PoolSpec, &Pool)| steered_by(pool).eq(&before.names);
    pools.len() == before.len() && pools.iter().zip(before).all(same)
}
