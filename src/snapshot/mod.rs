//! The immutable world that queries are answered from.
//!
//! A [`Snapshot`] is a set of zones; a [`Zone`] is its compiled records, shared for as long as its
//! files do not change, and what its pools answer now. A probe result that moves an answer makes a
//! new snapshot that shares everything else. [`Store`] holds the one that is in force.

mod build;
mod hosts;
mod image;
mod records;
mod roll;
mod store;

use std::sync::Arc;

pub use build::compile;
pub use image::{Found, More, Node, Ready, ZoneImage};
pub use roll::{Holder, MEMBERS_MAX, PoolMember, Roll, Row, Rows, ZONES_MAX};
pub use store::{Reader, Store};

use crate::dns::{Hash, LookupName, Name};
use crate::policy::selector::{Steered, Steering};

/// The world at one moment.
pub struct Snapshot {
    /// Rises by one with each snapshot that a node publishes.
    pub generation: u64,
    node: Arc<str>,
    zones: Box<[Zone]>,
    index: Index,
    roll: Arc<Roll>,
}

/// A zone at one moment.
#[derive(Clone)]
pub struct Zone {
    /// Its compiled records.
    pub image: Arc<ZoneImage>,
    /// What each of its pools answers now, in the order that [`compile`] was told.
    pub pools: Arc<[Pool]>,
    /// Where its queries are counted.
    pub row: Row,
}

/// A pool at one moment.
#[derive(Clone)]
pub struct Pool {
    /// What it answers.
    pub steered: Arc<Steered>,
    /// Where its answers to A are counted: for each record of the selector.
    pub a_rows: Arc<[Row]>,
    /// The same for AAAA.
    pub aaaa_rows: Arc<[Row]>,
}

impl Zone {
    /// A zone whose queries are counted with those that have no row of their own.
    #[must_use]
    pub fn new(image: Arc<ZoneImage>, pools: impl IntoIterator<Item = Arc<Steered>>) -> Self {
        let rows = |steering: &Steering| steering.addresses().map(|_| Row::OTHER).collect();
        let pools =
            pools.into_iter().map(|steered| Pool { a_rows: rows(&steered.a), aaaa_rows: rows(&steered.aaaa), steered });
        Self { image, pools: pools.collect(), row: Row::OTHER }
    }
}

impl Pool {
    /// What is answered to A or AAAA, and where each record of it is counted.
    #[must_use]
    #[inline(always)]
    pub fn family(&self, is_a: bool) -> (&Steering, &[Row]) {
        if is_a { (&self.steered.a, &self.a_rows) } else { (&self.steered.aaaa, &self.aaaa_rows) }
    }
}

/// Zones by the hash of their names; shared by all snapshots of the same zones.
#[derive(Clone)]
struct Index {
    /// How many labels zones have, from the most down.
    depths: Arc<[u8]>,
    /// Open addressing; its size is a power of two. Hash and one more than the zone's place.
    slots: Arc<[(u64, u32)]>,
}

impl Snapshot {
    /// A world of these zones, whose names differ. `node` is the name it gives of itself.
    #[must_use]
    pub fn new(generation: u64, node: Arc<str>, zones: Vec<Zone>) -> Self {
        let index = Index::of(&zones);
        Self { generation, node, zones: zones.into(), index, roll: Arc::default() }
    }

    /// The same with these rows, which its zones and pools are counted in.
    #[must_use]
    pub fn with_roll(self, roll: Arc<Roll>) -> Self {
        Self { roll, ..self }
    }

    /// A world of the same zones, of which some answer otherwise: their places, and what their pools
    /// answer then. Shares all else.
    #[must_use]
    pub fn with_answers(&self, generation: u64, changed: impl IntoIterator<Item = (usize, Arc<[Pool]>)>) -> Self {
        let mut zones = self.zones.clone();
        for (place, pools) in changed {
            if let Some(zone) = zones.get_mut(place) {
                zone.pools = pools;
            }
        }
        let (node, roll) = (Arc::clone(&self.node), Arc::clone(&self.roll));
        Self { generation, node, zones, index: self.index.clone(), roll }
    }

    /// The name that the node gives of itself.
    #[must_use]
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Who has which row in tables of counters; shared by all snapshots of the same zones.
    #[must_use]
    pub fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    /// All zones, in the order given.
    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The zone of a name.
    #[must_use]
    pub fn zone(&self, name: &Name) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.image.origin() == name)
    }

    /// The zone that a query's name lies in: the one with the most labels, at most `labels_max`.
    #[must_use]
    // Not inlined: what calls it has little room for its values.
    #[inline(never)]
    pub fn enclosing(&self, name: &LookupName, labels_max: usize) -> Option<&Zone> {
        let (depths, mut n) = (&*self.index.depths, 0);
        while n < depths.len() {
            let labels = usize::from(depths[n]);
            n += 1;
            if labels <= labels_max
                && let Some(zone) = self.zone_at(name, labels)
            {
                return Some(zone);
            }
        }
        None
    }

    /// The zone at the ancestor of `labels` labels.
    #[inline(always)]
    fn zone_at(&self, name: &LookupName, labels: usize) -> Option<&Zone> {
        let slots = &*self.index.slots;
        let hash = name.hash(labels).0;
        let mut slot = first(hash, slots.len());
        while let Some(&(found, place @ 1..)) = slots.get(slot) {
            if found == hash
                && let Some(zone) = self.zones.get(place as usize - 1)
                && name.has_ancestor(labels, zone.image.folded_origin())
            {
                return Some(zone);
            }
            slot = (slot + 1) & (slots.len() - 1);
        }
        None
    }
}

impl Index {
    fn of(zones: &[Zone]) -> Self {
        let mut depths: Vec<u8> =
            zones.iter().map(|zone| u8::try_from(zone.image.origin_labels()).unwrap_or(u8::MAX)).collect();
        depths.sort_unstable_by(|a, b| b.cmp(a));
        depths.dedup();
        let mut slots = vec![(0, 0); (zones.len() * 2 + 1).next_power_of_two()];
        for (place, zone) in (1u32..).zip(zones) {
            let hash = Hash::of(zone.image.folded_origin()).0;
            let mut slot = first(hash, slots.len());
            while slots[slot].1 != 0 {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = (hash, place);
        }
        Self { depths: depths.into(), slots: slots.into() }
    }
}

/// The slot where the search for a hash begins, in a table whose size is a power of two.
#[inline]
fn first(hash: u64, slots: usize) -> usize {
    #[allow(clippy::cast_possible_truncation)] // masked to the table's size
    let low = hash as usize;
    low & (slots - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Rtype;
    use crate::model::zone::{Place, ZoneBuilder};

    fn image(origin: &str) -> Arc<ZoneImage> {
        let origin = Name::parse(origin).expect("a name");
        let mut zone = ZoneBuilder::new(origin.clone());
        for (rtype, rdata) in [(Rtype::SOA, [0; 22].as_slice()), (Rtype::NS, &[0])] {
            zone.push(origin.as_wire(), rtype, 60, rdata, Place::default()).expect("small");
        }
        let (zone, _) = zone.finish().expect("a good zone");
        Arc::new(compile(&zone, &[]))
    }

    #[test]
    fn a_snapshot_of_other_answers_shares_all_else() {
        let names = ["a.test", "b.test", "c.b.test"];
        let zones = names.map(|name| Zone::new(image(name), []));
        let before = Snapshot::new(1, "ns1".into(), zones.to_vec());
        let answers: Arc<[Pool]> = Arc::new([]);
        let after = before.with_answers(2, [(1, Arc::clone(&answers))]);
        assert_eq!(after.generation, 2);
        assert!(Arc::ptr_eq(&before.index.slots, &after.index.slots));
        for (place, (old, new)) in before.zones().iter().zip(after.zones()).enumerate() {
            assert!(Arc::ptr_eq(&old.image, &new.image));
            assert_eq!(Arc::ptr_eq(&old.pools, &new.pools), place != 1);
        }
        assert!(Arc::ptr_eq(&after.zones()[1].pools, &answers));
    }
}
