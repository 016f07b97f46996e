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
    /// How many labels zones have, from the most down.
    depths: Box<[u8]>,
    /// Open addressing; its size is a power of two. Hash and one more than the zone's place.
    slots: Box<[(u64, u32)]>,
}

impl Snapshot {
    /// A world of these zones, whose names differ. `node` is the name it gives of itself.
    #[must_use]
    pub fn new(generation: u64, node: Arc<str>, zones: Vec<Zone>) -> Self {
        let mut depths: Vec<u8> =
            zones.iter().map(|zone| u8::try_from(zone.image.origin_labels()).unwrap_or(u8::MAX)).collect();
        depths.sort_unstable_by(|a, b| b.cmp(a));
        depths.dedup();
        let slots = vec![(0, 0); (zones.len() * 2 + 1).next_power_of_two()];
        let mut index = Index { depths: depths.into(), slots: slots.into() };
        for (place, zone) in (1u32..).zip(&zones) {
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
    // Not inlined: what calls it has little room for its values.
    #[inline(never)]
    pub fn enclosing(&self, name: &LookupName, labels_max: usize) -> Option<&Zone> {
        let Index { depths, slots } = &self.index;
        for &labels in depths {
            let labels = usize::from(labels);
            if labels > labels_max {
                continue;
            }
            let hash = name.hash(labels).0;
            let mut slot = self.index.first(hash);
            while let Some(&(found, place @ 1..)) = slots.get(slot) {
                if found == hash
                    && let Some(zone) = self.zones.get(place as usize - 1)
                    && zone.image.is_at(name, labels)
                {
                    return Some(zone);
                }
                slot = (slot + 1) & (slots.len() - 1);
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
