//! Compiles a zone into its [`ZoneImage`].
//!
//! Nodes that name hosts in their data (NS, MX, SRV, SVCB) come last, because the addresses of those hosts are
//! put beside them. Absent on purpose: addresses from pools, which move while the image does not.

use std::collections::{HashMap, HashSet};

use super::image::{ZoneImage, flag, set_flag, slot_of, tag_of};
use super::records::{record_head, write_record};
use crate::dns::{HEADER_LEN, Hash, LabelIter, Name, Rtype, Writer};
use crate::model::roomy;
use crate::model::zone::{Node, Rrset, Zone};

/// Room for a question, and the largest message behind it.
const SCRATCH_LEN: usize = 0xffff;

/// Compiles `zone`. `steered` are the names whose addresses come from pools, and which.
#[must_use]
pub fn compile(zone: &Zone, steered: &[(Name, u16)]) -> ZoneImage {
    let mut build = Build::new(zone, steered);
    build.place_nodes();
    build.link_ancestors();
    build.place_late_nodes();
    build.mark_wildcard_parents();
    build.hide();
    build.finish()
}

pub(super) struct Build<'a> {
    zone: &'a Zone,
    pub(super) origin: Box<[u8]>,
    origin_labels: usize,
    /// By the name's hash; few, and a name is compared too.
    pub(super) steered: HashMap<u64, (Vec<u8>, u16)>,
    /// Hashes of delegations and DNAMEs: what lies below is not answered.
    pub(super) hiding: HashSet<u64>,
    /// Nodes with host names in their data, by folded owner.
    pub(super) late: HashMap<&'a [u8], Node<'a>>,
    pub(super) bytes: Vec<u8>,
    slots: Vec<u64>,
    used: usize,
    /// Nodes without records: empty non-terminals and names that are only steered.
    bare: Vec<Vec<u8>>,
    wildcard_parents: Vec<Vec<u8>>,
    labels_max: usize,
    scratch: Vec<u8>,
}

/// Bytes of additional records that are helpful but not required: about what a datagram holds.
const EXTRA_BYTES_MAX: usize = 1232;

/// From this size on, an image takes only what is required. Offsets in it have 32 bits.
const IMAGE_BYTES_AMPLE: usize = 2 << 30;

/// Up to so many names half of the slots stay free, which makes the search for a name that is not there
/// short; beyond, a quarter.
const SLOTS_AMPLE: usize = 1 << 16;

/// How an RRset will be asked for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Asked {
    /// By its owner: pointers stay.
    Exactly,
    /// By names that it stands for: the records' owners stay, other pointers move.
    AsWildcard,
    /// By names below: all pointers move.
    Below,
}

impl<'a> Build<'a> {
    fn new(zone: &'a Zone, steered: &[(Name, u16)]) -> Self {
        let origin: Box<[u8]> = zone.origin().folded().as_wire().into();
        let steered = steered
            .iter()
            .map(|(name, pool)| {
                let folded = name.folded().as_wire().to_vec();
                (Hash::of(&folded).0, (folded, *pool))
            })
            .collect();
        let expected = zone.node_count() + 8;
        let size = if expected < SLOTS_AMPLE { expected * 2 } else { expected + expected / 3 };
        let mut slots = Vec::with_capacity(roomy::<u64>(size));
        slots.resize(size, 0);
        Self {
            zone,
            origin_labels: LabelIter::over(&origin).count(),
            origin,
            steered,
            hiding: HashSet::new(),
            late: HashMap::new(),
            // Offset 0 means a free slot.
            bytes: Vec::with_capacity(roomy::<u8>(zone.node_count() * 40)),
            slots,
            used: 0,
            bare: Vec::new(),
            wildcard_parents: Vec::new(),
            labels_max: 0,
            scratch: vec![0; SCRATCH_LEN],
        }
    }

    fn place_nodes(&mut self) {
        self.bytes.push(0);
        for node in self.zone.nodes() {
            let mut hosts = false;
            for set in node.rrsets() {
                hosts |= set.rtype.target_at().is_some();
                let delegates = set.rtype == Rtype::NS && node.owner != &*self.origin;
                if delegates || set.rtype == Rtype::DNAME {
                    self.hiding.insert(Hash::of(node.owner).0);
                }
            }
            if hosts {
                self.late.insert(node.owner, node);
            } else {
                self.place(node.owner, Some(node));
            }
        }
        for (folded, _) in self.steered.clone().into_values() {
            if !self.exists(&folded) {
                self.place(&folded, None);
                self.bare.push(folded);
            }
        }
    }

    fn place_late_nodes(&mut self) {
        let zone = self.zone;
        for node in zone.nodes() {
            if self.late.contains_key(node.owner) {
                self.place(node.owner, Some(node));
            }
        }
    }

    /// Whether a folded name has a node, or will have.
    pub(super) fn exists(&self, folded: &[u8]) -> bool {
        self.late.contains_key(folded) || self.offset_of(folded).is_some()
    }

    /// Appends a node and its records.
    fn place(&mut self, folded: &[u8], node: Option<Node<'_>>) {
        let own_len = folded.len() - self.origin.len();
        let hash = Hash::of(folded);
        let at = self.bytes.len();
        let pool = self.steered.get(&hash.0).filter(|(name, _)| name == folded).map(|(_, pool)| *pool);
        let mut flags = 0;
        let mut sets = 0u16;
        // At most 254.
        let own_byte = u8::try_from(own_len).unwrap_or(u8::MAX);
        self.bytes.extend_from_slice(&[0, 0, 0, own_byte]);
        self.bytes.extend_from_slice(&folded[..own_len]);
        if let Some(pool) = pool {
            flags |= flag::STEERED;
            self.bytes.extend_from_slice(&pool.to_le_bytes());
        }
        for set in node.iter().flat_map(Node::rrsets) {
            let cut = set.rtype == Rtype::NS && own_len > 0;
            flags |= match set.rtype {
                Rtype::CNAME => flag::CNAME,
                Rtype::DNAME => flag::DNAME,
                Rtype::NS if cut => flag::CUT,
                _ => 0,
            };
            let asked = if folded.starts_with(b"\x01*") {
                Asked::AsWildcard
            } else if cut {
                Asked::Below
            } else {
                Asked::Exactly
            };
            self.place_set(folded, &set, set.ttl, asked);
            sets += 1;
        }
        self.bytes[at] = flags;
        self.bytes[at + 1..at + 3].copy_from_slice(&sets.to_le_bytes());
        self.labels_max = self.labels_max.max(LabelIter::over(folded).count());
        self.insert(hash, at);
    }

    fn insert(&mut self, hash: Hash, at: usize) {
        if (self.used + 1) * 5 > self.slots.len() * 4 {
            self.grow();
        }
        self.used += 1;
        put(&mut self.slots, hash, at);
    }

    fn grow(&mut self) {
        let mut larger = vec![0; self.slots.len() * 2];
        for entry in self.slots.iter().filter(|entry| **entry != 0) {
            let at = offset_in(*entry);
            let own = &self.bytes[at + 4..][..usize::from(self.bytes[at + 3])];
            put(&mut larger, Hash::of(&[own, &self.origin].concat()), at);
        }
        self.slots = larger;
    }

    /// Where the node of a folded name is.
    pub(super) fn offset_of(&self, folded: &[u8]) -> Option<usize> {
        let own = &folded[..folded.len() - self.origin.len()];
        let hash = Hash::of(folded);
        let mut slot = slot_of(hash, self.slots.len());
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                return None;
            }
            let at = offset_in(entry);
            if entry >> 32 == tag_of(hash) && self.bytes[at + 4..][..usize::from(self.bytes[at + 3])] == *own {
                return Some(at);
            }
            slot = (slot + 1) % self.slots.len();
        }
    }

    /// Appends an RRset: most are copied, those with names in them are compressed.
    fn place_set(&mut self, owner: &[u8], set: &Rrset<'_>, ttl: u32, asked: Asked) {
        let targets = if set.rtype.target_at().is_some() { self.targets(owner, set, asked) } else { Vec::new() };
        if set.rtype.compressed_names().is_none() && targets.is_empty() {
            let len: usize = set.rdatas().map(|rdata| rdata.len() + 12).sum();
            self.frame(set, len, 0);
            for rdata in set.rdatas() {
                record_head(&mut self.bytes, set.rtype, ttl, rdata.len());
                self.bytes.extend_from_slice(rdata);
            }
            return;
        }
        let question = [owner, &set.rtype.0.to_be_bytes(), &[0, 1]].concat();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut pointers = Vec::new();
        let base = HEADER_LEN + question.len();
        let (mut records_len, mut extra_len, mut extra_count, mut extra_required) = (0, 0, 0u16, 0u16);
        let mut extra_sets = Vec::new();
        if let Ok(mut writer) = Writer::new(&mut scratch, &question) {
            // The zone's rules bound an RRset well under what fits here.
            for rdata in set.rdatas() {
                if asked == Asked::Below {
                    pointers.push(writer.len() - base);
                }
                let written = write_record(&mut writer, None, set.rtype, ttl, rdata, base, &mut pointers);
                debug_assert!(written.is_ok());
            }
            records_len = writer.len() - base;
            for host in &targets {
                let (mark, known) = (writer.len(), pointers.len());
                let mut write = |rdata: &Vec<u8>| {
                    write_record(&mut writer, Some(&host.name), host.rtype, host.ttl, rdata, base, &mut pointers)
                };
                let whole = host.rdatas.iter().all(|rdata| write(rdata).is_ok());
                let len = writer.len() - mark;
                // What is only helpful takes no more than one datagram, and leaves room in the image.
                let modest =
                    writer.len() - base - records_len <= EXTRA_BYTES_MAX && self.bytes.len() < IMAGE_BYTES_AMPLE;
                if !whole || !(host.required || modest) {
                    writer.truncate(mark);
                    pointers.truncate(known);
                    break;
                }
                let count = u16::try_from(host.rdatas.len()).unwrap_or(u16::MAX);
                extra_count += count;
                extra_required += u16::from(host.required);
                extra_sets.push((usize::from(count), len));
            }
            extra_len = writer.len() - base - records_len;
        }
        if asked == Asked::Exactly {
            pointers.clear();
        }
        let flags = if extra_count > 0 { set_flag::EXTRA } else { 0 }
            | if pointers.is_empty() { 0 } else { set_flag::POINTERS };
        self.frame(set, records_len, flags);
        if extra_count > 0 {
            self.bytes.extend_from_slice(&extra_count.to_le_bytes());
            self.push_u16(extra_len);
            self.push_u16(extra_sets.len());
            self.bytes.extend_from_slice(&extra_required.to_le_bytes());
        }
        if !pointers.is_empty() {
            self.push_u16(pointers.len());
        }
        self.bytes.extend_from_slice(&scratch[base..base + records_len + extra_len]);
        for pointer in pointers {
            self.push_u16(pointer);
        }
        for (count, len) in extra_sets {
            self.push_u16(count);
            self.push_u16(len);
        }
        self.scratch = scratch;
    }

    fn frame(&mut self, set: &Rrset<'_>, len: usize, flags: u8) {
        self.bytes.extend_from_slice(&set.rtype.0.to_le_bytes());
        self.bytes.extend_from_slice(&set.count.to_le_bytes());
        self.push_u16(len);
        self.bytes.push(flags);
    }

    fn push_u16(&mut self, number: usize) {
        // Everything within a message is.
        self.bytes.extend_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes());
    }

    /// Makes the names between each name and the apex (RFC 4592, 2.2.2), and marks the parents of
    /// wildcards. Nodes with host names in their data count as made.
    fn link_ancestors(&mut self) {
        let steered: Vec<Vec<u8>> = self.bare.clone();
        let zone = self.zone;
        for folded in zone.nodes().map(|node| node.owner).chain(steered.iter().map(Vec::as_slice)) {
            let mut name = folded;
            while name.len() > self.origin.len() {
                let parent = &name[usize::from(name[0]) + 1..];
                if name.starts_with(b"\x01*") {
                    self.wildcard_parents.push(parent.to_vec());
                }
                if self.exists(parent) {
                    break;
                }
                self.place(parent, None);
                self.bare.push(parent.to_vec());
                name = parent;
            }
        }
    }

    fn mark_wildcard_parents(&mut self) {
        for parent in std::mem::take(&mut self.wildcard_parents) {
            if let Some(at) = self.offset_of(&parent) {
                self.bytes[at] |= flag::WILDCARD;
            }
        }
    }

    /// Marks what lies below a delegation or a DNAME.
    fn hide(&mut self) {
        if self.hiding.is_empty() {
            return;
        }
        let bare = std::mem::take(&mut self.bare);
        let zone = self.zone;
        for folded in zone.nodes().map(|node| node.owner).chain(bare.iter().map(Vec::as_slice)) {
            if self.lies_below_hiding(folded)
                && let Some(at) = self.offset_of(folded)
            {
                self.bytes[at] |= flag::OCCLUDED;
            }
        }
    }

    fn finish(mut self) -> ZoneImage {
        let negative = self.bytes.len();
        let soa = self.zone.rrset(self.zone.origin(), Rtype::SOA);
        if let Some(set) = soa {
            // RFC 2308, 3: the lesser of the SOA's own TTL and its last field.
            let minimum =
                set.rdatas().next().and_then(|rdata| rdata.last_chunk::<4>()).map_or(0, |m| u32::from_be_bytes(*m));
            let origin = self.origin.clone();
            self.place_set(&origin, &set, set.ttl.min(minimum), Asked::Below);
        }
        ZoneImage {
            origin: self.zone.origin().clone(),
            folded_origin: self.origin,
            origin_labels: self.origin_labels,
            bytes: self.bytes.into_boxed_slice(),
            slots: self.slots.into(),
            labels_max: self.labels_max,
            negative,
            nodes: self.used,
        }
    }
}

fn put(slots: &mut [u64], hash: Hash, at: usize) {
    let mut slot = slot_of(hash, slots.len());
    while slots[slot] != 0 {
        slot = if slot + 1 == slots.len() { 0 } else { slot + 1 };
    }
    // The zone's text is bounded to 4 GiB; what is made of it is no larger.
    slots[slot] = tag_of(hash) << 32 | u64::from(u32::try_from(at).unwrap_or(u32::MAX));
}

fn offset_in(entry: u64) -> usize {
    #[allow(clippy::cast_possible_truncation)] // the lower half
    let at = entry as u32;
    at as usize
}
