//! The immutable world that queries are answered from.
//!
//! A [`Snapshot`] is a set of zones; a [`Zone`] is its compiled records, shared for as long as its
//! files do not change, and what its pools answer now. A probe result that moves an answer makes a
//! new snapshot that shares everything else. [`Store`] holds the one that is in force.

mod build;
mod hosts;
mod image;
mod records;
mod store;

use std::sync::Arc;

pub use build::compile;
pub use image::{Found, Node, Ready, ZoneImage};
pub use store::{Reader, Store};

use crate::dns::{Hash, LookupName, Name};
use crate::policy::selector::Steered;

/// The world at one moment.
pub struct Snapshot {
    /// Rises by one with each snapshot that a node publishes.
    pub generation: u64,
    node: Arc<str>,
    zones: Box<[Zone]>,
    index: Index,
}

/// A zone at one moment.
#[derive(Clone)]
pub struct Zone {
    /// Its compiled records.
    pub image: Arc<ZoneImage>,
    /// What each of its pools answers now, in the order that [`compile`] was told.
    pub pools: Arc<[Arc<Steered>]>,
}

/// Zones by the hash of their names.
struct Index {
    /// Bit n: some zone has n labels.
    depths: u128,
    /// Open addressing; its size is a power of two. Hash and one more than the zone's place.
    slots: Box<[(u64, u32)]>,
}

impl Snapshot {
    /// A world of these zones, whose names differ. `node` is the name it gives of itself.
    #[must_use]
    pub fn new(generation: u64, node: Arc<str>, zones: Vec<Zone>) -> Self {
        let mut index = Index { depths: 0, slots: vec![(0, 0); (zones.len() * 2 + 1).next_power_of_two()].into() };
        for (place, zone) in (1u32..).zip(&zones) {
            index.depths |= 1 << zone.image.origin_labels();
            let hash = Hash::of(zone.image.folded_origin()).0;
            let mut slot = index.first(hash);
            while index.slots[slot].1 != 0 {
                slot = (slot + 1) & (index.slots.len() - 1);
            }
            index.slots[slot] = (hash, place);
        }
        Self { generation, node, zones: zones.into(), index }
    }

    /// The name that the node gives of itself.
    #[must_use]
    pub fn node(&self) -> &Arc<str> {
        &self.node
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
    #[inline]
    pub fn enclosing(&self, name: &LookupName, hashes: &[Hash], labels_max: usize) -> Option<&Zone> {
        let mut depths = self.index.depths & (u128::MAX >> (127 - labels_max.min(name.labels())));
        while depths != 0 {
            let labels = 127 - usize::try_from(depths.leading_zeros()).unwrap_or(127);
            depths &= !(1 << labels);
            let hash = hashes[labels].0;
            let mut slot = self.index.first(hash);
            while let (found, place @ 1..) = self.index.slots[slot] {
                let zone = &self.zones[place as usize - 1];
                if found == hash && zone.image.folded_origin() == name.ancestor(labels) {
                    return Some(zone);
                }
                slot = (slot + 1) & (self.index.slots.len() - 1);
            }
        }
        None
    }
}

impl Index {
    #[inline]
    fn first(&self, hash: u64) -> usize {
        #[allow(clippy::cast_possible_truncation)] // masked to the table's size
        let low = hash as usize;
        low & (self.slots.len() - 1)
    }
}
