//! Collects records, and makes a [`Zone`] of them.

use super::Zone;
use super::fault::{FaultKind, Place, ZoneFault};
use crate::dns::{Hash, NAME_MAX, Name, Rtype, fold_into, is_within};
use crate::model::roomy;

const NONE: u32 = u32::MAX;
/// Each fault holds a name; nobody reads so many.
const FAULTS_MAX: usize = 10_000;

pub(super) struct RawRecord {
    /// Of the data, in `bytes`.
    at: u32,
    pub(super) ttl: u32,
    /// The next record of the same owner.
    next: u32,
    len: u16,
    pub(super) rtype: Rtype,
    pub(super) place: Place,
}

pub(super) struct RawNode {
    hash: u64,
    /// Of the folded owner, in `bytes`.
    at: u32,
    first: u32,
    last: u32,
    len: u8,
    /// What kinds of records it has: [`has`].
    pub(super) has: u8,
}

/// Bits of [`RawNode::has`] and [`ZoneBuilder::has`].
pub(super) mod has {
    /// A or AAAA.
    pub(in super::super) const ADDRESS: u8 = 1;
    /// CNAME.
    pub(in super::super) const ALIAS: u8 = 2;
    /// NS, elsewhere than at the apex.
    pub(in super::super) const CUT: u8 = 4;
    /// DNAME.
    pub(in super::super) const DNAME: u8 = 8;
    /// An NS record points to it.
    pub(in super::super) const SERVER: u8 = 16;
}

/// Collects records in any order and makes a [`Zone`] of them.
pub struct ZoneBuilder {
    origin: Name,
    pub(super) folded_origin: Name,
    bytes: Vec<u8>,
    pub(super) records: Vec<RawRecord>,
    pub(super) nodes: Vec<RawNode>,
    /// Filled by [`ZoneBuilder::merge`].
    table: Table,
    /// All bits that some node has.
    pub(super) has: u8,
    faults: Vec<ZoneFault>,
    errors: usize,
}

/// The zone is larger than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("zone larger than 4 GiB")]
pub struct TooLarge;

impl ZoneBuilder {
    /// An empty zone of this name.
    #[must_use]
    pub fn new(origin: Name) -> Self {
        Self {
            folded_origin: origin.folded(),
            origin,
            bytes: Vec::new(),
            records: Vec::new(),
            nodes: Vec::new(),
            table: Table::default(),
            has: 0,
            faults: Vec::new(),
            errors: 0,
        }
    }

    /// Makes room for about so many records.
    pub fn reserve(&mut self, records: usize) {
        self.records.reserve(roomy::<RawRecord>(records));
        self.nodes.reserve(roomy::<RawNode>(records));
        self.bytes.reserve(roomy::<u8>(records.saturating_mul(32)));
    }

    /// The zone's name.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Adds a record. Owner and data are in uncompressed wire form, the data valid for its type.
    /// An owner out of the zone becomes a fault.
    ///
    /// # Errors
    /// [`TooLarge`] over 4 GiB in all.
    pub fn push(&mut self, owner: &[u8], rtype: Rtype, ttl: u32, rdata: &[u8], place: Place) -> Result<(), TooLarge> {
        let mut buffer = [0; NAME_MAX];
        let folded = &mut buffer[..owner.len()];
        fold_into(owner, folded);
        let folded = &*folded;
        // Files have the records of a name together; what is apart is put together at the end.
        if self.nodes.last().is_none_or(|node| self.owner(node) != folded) {
            if !is_within(folded, self.folded_origin.as_wire()) {
                let owner = Name::from_wire(owner).unwrap_or_else(|_| Name::root());
                self.fault(ZoneFault::new(FaultKind::OutOfZone, owner, rtype).at(place));
                return Ok(());
            }
            let at = u32::try_from(self.bytes.len()).map_err(|_| TooLarge)?;
            let len = u8::try_from(folded.len()).map_err(|_| TooLarge)?;
            self.bytes.extend_from_slice(folded);
            let hash = Hash::of(folded).0;
            self.nodes.push(RawNode { hash, at, first: NONE, last: NONE, len, has: 0 });
        }
        let Some(node) = self.nodes.len().checked_sub(1) else { return Ok(()) };
        let at = u32::try_from(self.bytes.len()).map_err(|_| TooLarge)?;
        let index = u32::try_from(self.records.len()).map_err(|_| TooLarge)?;
        let len = u16::try_from(rdata.len()).map_err(|_| TooLarge)?;
        self.bytes.extend_from_slice(rdata);
        self.records.push(RawRecord { at, ttl, next: NONE, len, rtype, place });
        let bit = match rtype {
            Rtype::A | Rtype::AAAA => has::ADDRESS,
            Rtype::CNAME => has::ALIAS,
            Rtype::DNAME => has::DNAME,
            Rtype::NS if owner.len() > self.origin.as_wire().len() => has::CUT,
            _ => 0,
        };
        self.has |= bit;
        self.nodes[node].has |= bit;
        let last = std::mem::replace(&mut self.nodes[node].last, index);
        match self.records.get_mut(last as usize) {
            Some(before) => before.next = index,
            None => self.nodes[node].first = index,
        }
        Ok(())
    }

    /// The zone, with warnings; or everything that is wrong with it, warnings included.
    ///
    /// # Errors
    /// All faults, in the order of the records.
    pub fn finish(mut self) -> Result<(Zone, Vec<ZoneFault>), Vec<ZoneFault>> {
        self.merge();
        let mut out = Vec::with_capacity(roomy::<u8>(self.bytes.len() + self.nodes.len() * 16));
        let (mut nodes, mut kept) = (0, 0);
        let mut order: Vec<u32> = Vec::new();
        for index in 0..self.nodes.len() {
            order.clear();
            order.extend(self.records_of(&self.nodes[index]).map(|(number, _)| number));
            if order.is_empty() {
                continue;
            }
            nodes += 1;
            if order.len() > 1 {
                order.sort_by_key(|i| (self.records[*i as usize].rtype, *i));
            }
            self.check_node(index, &mut order);
            kept += self.write_node(index, &order, &mut out);
        }
        self.check_apex();
        self.lint();
        self.faults.sort_by_key(|fault| fault.place.map(|p| (p.file, p.at)));
        if self.errors > 0 {
            return Err(self.faults);
        }
        let zone = Zone { origin: self.origin, bytes: out.into(), nodes, records: kept };
        Ok((zone, self.faults))
    }

    /// The folded owner of a node.
    pub(super) fn owner(&self, node: &RawNode) -> &[u8] {
        &self.bytes[node.at as usize..][..usize::from(node.len)]
    }

    pub(super) fn rdata(&self, record: &RawRecord) -> &[u8] {
        &self.bytes[record.at as usize..][..usize::from(record.len)]
    }

    pub(super) fn is_apex(&self, node: &RawNode) -> bool {
        self.owner(node) == self.folded_origin.as_wire()
    }

    /// The records of a node with their numbers, in the order in which they came.
    pub(super) fn records_of(&self, node: &RawNode) -> impl Iterator<Item = (u32, &RawRecord)> {
        let mut next = node.first;
        std::iter::from_fn(move || {
            let record = self.records.get(next as usize)?;
            Some((std::mem::replace(&mut next, record.next), record))
        })
    }

    /// A fault about one record of a node.
    pub(super) fn fault_of(&self, index: usize, kind: FaultKind, record: &RawRecord) -> ZoneFault {
        let owner = Name::from_wire(self.owner(&self.nodes[index])).unwrap_or_else(|_| Name::root());
        ZoneFault::new(kind, owner, record.rtype).at(record.place)
    }

    pub(super) fn fault(&mut self, fault: ZoneFault) {
        // Warnings never take the place of the first error.
        let is_first_error = !fault.kind.is_warning() && self.errors == 0;
        self.errors += usize::from(!fault.kind.is_warning());
        if self.faults.len() < FAULTS_MAX || is_first_error {
            self.faults.push(fault);
        }
    }

    /// The node of a folded name; known when all are merged.
    pub(super) fn find(&self, folded: &[u8]) -> Option<usize> {
        let hash = Hash::of(folded).0;
        self.table.find(hash, |index| self.owner(&self.nodes[index]) == folded).ok()
    }

    /// Puts together the nodes of one name that came apart; those that are left over have no records.
    fn merge(&mut self) {
        self.table = Table::of(self.nodes.len());
        // Nodes whose slots are neighbours one after another, else each is a cache miss.
        #[allow(clippy::cast_possible_truncation)] // ten bits
        let part_of = |node: &RawNode| (node.hash >> (u64::BITS - PART_BITS)) as usize;
        let mut ends = vec![0usize; 1 << PART_BITS];
        self.nodes.iter().for_each(|node| ends[part_of(node)] += 1);
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut parted = Vec::with_capacity(roomy::<(u64, u32)>(self.nodes.len()));
        parted.resize(self.nodes.len(), (0u64, 0u32));
        for (index, node) in (0u32..).zip(&self.nodes) {
            let end = &mut ends[part_of(node)];
            parted[*end] = (node.hash, index);
            *end += 1;
        }
        for (hash, later) in parted {
            let is_same = |index: usize| self.owner(&self.nodes[index]) == self.owner(&self.nodes[later as usize]);
            match self.table.find(hash, is_same) {
                Err(slot) => self.table.slots[slot] = (tag_of(hash), later),
                Ok(earlier) => {
                    let node = &mut self.nodes[later as usize];
                    let (first, last, has) = (std::mem::replace(&mut node.first, NONE), node.last, node.has);
                    let node = &mut self.nodes[earlier];
                    node.has |= has;
                    let end = std::mem::replace(&mut node.last, last);
                    self.records[end as usize].next = first;
                }
            }
        }
    }
}

/// The first bits of a hash, by which nodes are parted: a part of the table fits the nearest cache.
const PART_BITS: u32 = 10;

/// Nodes by the hash of their names: open addressing, a name's place is in the hash's upper bits.
#[derive(Default)]
struct Table {
    /// The lower bits of the hash, and the node.
    slots: Vec<(u32, u32)>,
    shift: u32,
}

impl Table {
    /// For so many nodes.
    fn of(nodes: usize) -> Self {
        let size = (nodes + nodes / 2).max(64).next_power_of_two();
        let mut slots = Vec::with_capacity(roomy::<(u32, u32)>(size));
        slots.resize(size, (0, NONE));
        Self { slots, shift: u64::BITS - size.trailing_zeros() }
    }

    /// The node of this hash for which `is_it` holds, or the slot where it belongs.
    fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let (mask, tag) = (self.slots.len() - 1, tag_of(hash));
        #[allow(clippy::cast_possible_truncation)] // less than the table's size
        let mut slot = (hash >> self.shift) as usize;
        loop {
            match self.slots[slot] {
                (_, NONE) => return Err(slot),
                (other, index) if other == tag && is_it(index as usize) => return Ok(index as usize),
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // the lower half
fn tag_of(hash: u64) -> u32 {
    hash as u32
}
