//! What a reload must not take away by accident.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::world::{PoolState, World};
use crate::dns::Name;
use crate::model::node::Setup;
use crate::model::pool::PoolId;
use crate::policy::{Compiled, Family, Mode};

/// How much whoever wants a reload stands behind what it takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consent {
    /// Files changed: it may be a volume that is gone. It may not remove a zone that works.
    Watched,
    /// Somebody asked for it: it may remove zones, but not the last one.
    Asked,
    /// Somebody insists: it may remove everything.
    Forced,
}

/// Why a reload was not put in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// These pools have a healthy endpoint now, and would have none.
    #[error("it would leave {}", join(.0, "; "))]
    LastHealthy(Vec<Loss>),
    /// Files changed, and these zones, whose pools work, are gone.
    #[error(
        "the files of {} are gone, whose pools work; if that is meant, ask for the reload \
         (SIGHUP, or systemctl reload pharos)",
        join(&.0.iter().map(Name::bare).collect::<Vec<_>>(), ", ")
    )]
    ZonesGone(Vec<Name>),
    /// No zone would be left.
    #[error("no zone would be left; if that is meant, insist on it or restart the node")]
    NoZoneLeft,
    /// The records of these zones are not those in force, and were let go since they were read.
    #[error("the records of {} must be read once more", join(&.0.iter().map(Name::bare).collect::<Vec<_>>(), ", "))]
    RecordsGone(Vec<Name>),
    /// A newer one came while its targets were being probed.
    #[error("a newer one came before it was in force")]
    Superseded,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

/// A pool that would lose its last healthy endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Which.
    pub pool: PoolId,
    /// Of which addresses; none where no healthy endpoint would be left at all.
    pub family: Option<Family>,
}

impl fmt::Display for Loss {
    /// `app.example.com/app without a healthy endpoint for AAAA`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} without a healthy endpoint", self.pool)?;
        if let Some(family) = self.family {
            write!(f, " for {}", family.rtype())?;
        }
        Ok(())
    }
}

fn join<T: fmt::Display>(all: &[T], between: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

impl Consent {
    /// What it comes to in place of an older reload that was not in force yet. What that one might
    /// remove, this one may, as long as it removes nothing else.
    pub(super) fn in_place_of(self, older: Self, setup: &Setup, instead_of: &Setup) -> Self {
        let kept: HashSet<_> = setup.zones.iter().map(|zone| zone.name()).collect();
        let removes_more = instead_of.zones.iter().any(|zone| !kept.contains(zone.name()));
        if removes_more { self } else { self.max(older.min(Self::Asked)) }
    }
}

/// Whether the zones of `setup` may take the place of those in the world.
pub(super) fn guard_zones(world: &World, setup: &Setup, consent: Consent) -> Result<(), Refused> {
    if consent == Consent::Forced {
        return Ok(());
    }
    if setup.zones.is_empty() && !world.zones.is_empty() {
        return Err(Refused::NoZoneLeft);
    }
    if consent == Consent::Asked {
        return Ok(());
    }
    let kept: HashSet<_> = setup.zones.iter().map(|zone| zone.name()).collect();
    let works = |pools: &[PoolState]| pools.iter().any(|pool| pool.compiled.is_healthy());
    let gone = world.zones.iter().filter(|zone| !kept.contains(zone.setup.name()) && works(&zone.pools));
    let gone: Vec<_> = gone.map(|zone| zone.setup.name().clone()).collect();
    if gone.is_empty() { Ok(()) } else { Err(Refused::ZonesGone(gone)) }
}

/// Whether these pools may take the place of those in the world. One that is not among them was
/// edited out of a file that remains, and is meant to go.
pub(super) fn guard_pools(world: &World, news: &HashMap<&PoolId, &PoolState>, consent: Consent) -> Result<(), Refused> {
    if consent == Consent::Forced {
        return Ok(());
    }
    let losses = world.pools().filter_map(|(_, _, old)| Some((&old.id, &old.compiled, news.get(&old.id)?)));
    let losses: Vec<_> = losses.flat_map(|(id, old, new)| losses_of(id, old, &new.compiled)).collect();
    if losses.is_empty() { Ok(()) } else { Err(Refused::LastHealthy(losses)) }
}

/// A family whose addresses were all removed is not lost, as long as the other one works.
pub(super) fn losses_of(pool: &PoolId, old: &Compiled, new: &Compiled) -> Vec<Loss> {
    let loss = |family| Loss { pool: pool.clone(), family };
    if old.is_healthy() && !new.is_healthy() {
        return vec![loss(None)];
    }
    let lost = Family::ALL.into_iter().filter(|family| {
        let is_lost = !matches!(new.plan(*family).mode, Mode::Healthy | Mode::Absent);
        old.plan(*family).mode == Mode::Healthy && is_lost
    });
    lost.map(|family| loss(Some(family))).collect()
}
