//! A zone's static records, grouped into nodes and RRsets, checked against the rules that hold for
//! a zone as a whole.
//!
//! Millions of records stand here, so they are kept as one run of bytes: no object per name.

use std::fmt;

use crate::dns::{Hash, Name, Rtype, fold_into};

/// The longest TTL (RFC 2181, 8).
pub const TTL_MAX: u32 = 0x7fff_ffff;

/// Where in the source a record stands: for diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Which of the files that make the zone.
    pub file: u16,
    /// How many bytes to underline.
    pub len: u16,
    /// The first byte, counted from the file's start.
    pub at: u32,
}

/// What is wrong with a zone as a whole, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFault {
    /// Which rule.
    pub kind: FaultKind,
    /// The name it is about.
    pub owner: Name,
    /// The type it is about.
    pub rtype: Rtype,
    /// The record that breaks the rule; none where something is missing.
    pub place: Option<Place>,
    /// The record that it collides with.
    pub other: Option<Place>,
}

/// The rules of a zone as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The owner does not lie in the zone.
    OutOfZone,
    /// A second SOA.
    SecondSoa,
    /// A SOA elsewhere than at the apex.
    SoaBelowApex,
    /// No SOA at the apex (RFC 1035, 5.2).
    NoSoa,
    /// No NS at the apex.
    NoNs,
    /// A CNAME and other data at one name (RFC 1034, 3.6.2), or two CNAMEs.
    CnameAndOther,
    /// Two DNAMEs at one name (RFC 6672, 2.4).
    SecondDname,
    /// An RRset that does not fit into a message of 64 KiB.
    RrsetTooLarge,
    /// Warning: TTLs differ within an RRset (RFC 2181, 5.2); the lowest holds.
    MixedTtl,
    /// Warning: the same record twice (RFC 2181, 5); kept once.
    Duplicate,
}

impl FaultKind {
    /// Whether the zone is served all the same.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(self, Self::MixedTtl | Self::Duplicate)
    }
}

/// The static records of one zone. Has a SOA and NS records at the apex.
pub struct Zone {
    origin: Name,
    /// Nodes one after another: owner length, owner (folded), RRset count as u16; per RRset type,
    /// TTL (u32), record count (u16); per record length (u16) and bytes. All little-endian.
    bytes: Box<[u8]>,
    nodes: usize,
    records: usize,
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({}, {} records)", self.origin, self.records)
    }
}

impl Zone {
    /// The zone's name.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// How many names own records.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// How many records there are.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records
    }

    /// Every name that owns records, in the order of first appearance.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes { rest: &self.bytes }
    }

    /// The RRset of a name and type; looks at every node before it, so not for queries.
    #[must_use]
    pub fn rrset(&self, owner: &Name, rtype: Rtype) -> Option<Rrset<'_>> {
        let folded = owner.folded();
        self.nodes().find(|node| node.owner == folded.as_wire())?.rrsets().find(|set| set.rtype == rtype)
    }
}

/// A name and its RRsets.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// The owner, folded, in wire form.
    pub owner: &'a [u8],
    count: u16,
    body: &'a [u8],
}

impl<'a> Node<'a> {
    /// Its RRsets, by rising type number.
    #[must_use]
    pub fn rrsets(&self) -> Rrsets<'a> {
        Rrsets { left: self.count, rest: self.body }
    }
}

/// The records of one name and type.
#[derive(Clone, Copy)]
pub struct Rrset<'a> {
    /// Their type.
    pub rtype: Rtype,
    /// Their TTL in seconds.
    pub ttl: u32,
    /// How many there are.
    pub count: u16,
    body: &'a [u8],
}

impl<'a> Rrset<'a> {
    /// Their data in uncompressed wire form, in the order of the file.
    pub fn rdatas(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.body;
        (0..self.count).map(move |_| {
            let (len, tail) = take_u16(rest);
            let (rdata, tail) = tail.split_at(usize::from(len));
            rest = tail;
            rdata
        })
    }
}

/// Iterator over nodes.
#[derive(Clone)]
pub struct Nodes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let (&len, tail) = self.rest.split_first()?;
        let (owner, tail) = tail.split_at(usize::from(len));
        let (count, body) = take_u16(tail);
        let mut sets = Rrsets { left: count, rest: body };
        sets.by_ref().for_each(drop);
        self.rest = sets.rest;
        Some(Node { owner, count, body: &body[..body.len() - sets.rest.len()] })
    }
}

/// Iterator over the RRsets of a node.
#[derive(Clone)]
pub struct Rrsets<'a> {
    left: u16,
    rest: &'a [u8],
}

impl<'a> Iterator for Rrsets<'a> {
    type Item = Rrset<'a>;

    fn next(&mut self) -> Option<Rrset<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (rtype, tail) = take_u16(self.rest);
        let (ttl, tail) = tail.split_at(4);
        let ttl = u32::from_le_bytes([ttl[0], ttl[1], ttl[2], ttl[3]]);
        let (count, body) = take_u16(tail);
        let mut end = 0;
        for _ in 0..count {
            end += 2 + usize::from(take_u16(&body[end..]).0);
        }
        let (body, rest) = body.split_at(end);
        self.rest = rest;
        Some(Rrset { rtype: Rtype(rtype), ttl, count, body })
    }
}

fn take_u16(bytes: &[u8]) -> (u16, &[u8]) {
    (u16::from_le_bytes([bytes[0], bytes[1]]), &bytes[2..])
}

const NONE: u32 = u32::MAX;

struct RawRecord {
    /// Of the data, in `bytes`.
    at: u32,
    ttl: u32,
    /// The next record of the same owner.
    next: u32,
    len: u16,
    rtype: Rtype,
    place: Place,
}

struct RawNode {
    hash: u64,
    /// Of the folded owner, in `bytes`.
    at: u32,
    first: u32,
    last: u32,
    len: u8,
}

/// Collects records in any order and makes a [`Zone`] of them.
pub struct ZoneBuilder {
    origin: Name,
    folded_origin: Name,
    bytes: Vec<u8>,
    records: Vec<RawRecord>,
    nodes: Vec<RawNode>,
    /// Open addressing over `nodes`; its size is a power of two.
    table: Vec<u32>,
    /// The node of the record before: files have the records of a name together.
    recent: usize,
    faults: Vec<ZoneFault>,
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
            table: vec![NONE; 64],
            recent: usize::MAX,
            faults: Vec::new(),
        }
    }

    /// Makes room for about so many records.
    pub fn reserve(&mut self, records: usize) {
        self.records.reserve(records);
        self.nodes.reserve(records);
        self.bytes.reserve(records.saturating_mul(32));
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
        let mut buffer = [0; crate::dns::NAME_MAX];
        let folded = &mut buffer[..owner.len()];
        fold_into(owner, folded);
        let folded = &*folded;
        let node = match self.nodes.get(self.recent) {
            Some(node) if self.owner(node) == folded => self.recent,
            _ => {
                if !ends_with_labels(folded, self.folded_origin.as_wire()) {
                    let owner = Name::from_wire(owner).unwrap_or_else(|_| Name::root());
                    self.fault(FaultKind::OutOfZone, owner, rtype, Some(place), None);
                    return Ok(());
                }
                self.find_or_insert(folded)?
            }
        };
        self.recent = node;
        let at = u32::try_from(self.bytes.len()).map_err(|_| TooLarge)?;
        let index = u32::try_from(self.records.len()).map_err(|_| TooLarge)?;
        let len = u16::try_from(rdata.len()).map_err(|_| TooLarge)?;
        self.bytes.extend_from_slice(rdata);
        self.records.push(RawRecord { at, ttl, next: NONE, len, rtype, place });
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
        let mut out = Vec::with_capacity(self.bytes.len() + self.nodes.len() * 16);
        let mut kept = 0;
        let mut order: Vec<u32> = Vec::new();
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            order.clear();
            let mut next = node.first;
            while let Some(record) = self.records.get(next as usize) {
                order.push(next);
                next = record.next;
            }
            order.sort_by_key(|i| (self.records[*i as usize].rtype, *i));
            self.check_node(index, &order);
            kept += self.write_node(index, &order, &mut out);
        }
        self.check_apex();
        self.faults.sort_by_key(|fault| fault.place.map(|p| (p.file, p.at)));
        if self.faults.iter().any(|fault| !fault.kind.is_warning()) {
            return Err(self.faults);
        }
        let zone = Zone { origin: self.origin, bytes: out.into(), nodes: self.nodes.len(), records: kept };
        Ok((zone, self.faults))
    }

    fn owner(&self, node: &RawNode) -> &[u8] {
        &self.bytes[node.at as usize..][..usize::from(node.len)]
    }

    fn rdata(&self, record: &RawRecord) -> &[u8] {
        &self.bytes[record.at as usize..][..usize::from(record.len)]
    }

    fn fault(&mut self, kind: FaultKind, owner: Name, rtype: Rtype, place: Option<Place>, other: Option<Place>) {
        self.faults.push(ZoneFault { kind, owner, rtype, place, other });
    }

    fn find_or_insert(&mut self, folded: &[u8]) -> Result<usize, TooLarge> {
        if (self.nodes.len() + 1) * 4 > self.table.len() * 3 {
            self.grow();
        }
        let hash = Hash::of(folded).0;
        let mask = self.table.len() - 1;
        let mut slot = slot_of(hash, mask);
        while let Some(node) = self.nodes.get(self.table[slot] as usize) {
            if node.hash == hash && self.owner(node) == folded {
                return Ok(self.table[slot] as usize);
            }
            slot = (slot + 1) & mask;
        }
        let index = self.nodes.len();
        self.table[slot] = u32::try_from(index).map_err(|_| TooLarge)?;
        let at = u32::try_from(self.bytes.len()).map_err(|_| TooLarge)?;
        let len = u8::try_from(folded.len()).map_err(|_| TooLarge)?;
        self.bytes.extend_from_slice(folded);
        self.nodes.push(RawNode { hash, at, first: NONE, last: NONE, len });
        Ok(index)
    }

    fn grow(&mut self) {
        let size = self.table.len() * 2;
        let mask = size - 1;
        self.table.clear();
        self.table.resize(size, NONE);
        for (index, node) in (0u32..).zip(&self.nodes) {
            let mut slot = slot_of(node.hash, mask);
            while self.table[slot] != NONE {
                slot = (slot + 1) & mask;
            }
            self.table[slot] = index;
        }
    }

    /// The rules that hold for one name.
    fn check_node(&mut self, index: usize, order: &[u32]) {
        let record = |i: u32| &self.records[i as usize];
        let (mut first_cname, mut first_other) = (None, None);
        let mut found: Vec<(FaultKind, Rtype, Place, Option<Place>)> = Vec::new();
        let is_apex = self.owner(&self.nodes[index]) == self.folded_origin.as_wire();
        for (n, &i) in order.iter().enumerate() {
            let this = record(i);
            let before = n.checked_sub(1).map(|p| record(order[p])).filter(|b| b.rtype == this.rtype);
            match this.rtype {
                Rtype::CNAME => _ = first_cname.get_or_insert(this.place),
                // These may stand beside a CNAME (RFC 4035, 2.5).
                Rtype::RRSIG | Rtype::NSEC => {}
                _ => _ = first_other.get_or_insert(this.place),
            }
            if this.rtype == Rtype::SOA && !is_apex {
                found.push((FaultKind::SoaBelowApex, this.rtype, this.place, None));
            }
            let Some(before) = before else { continue };
            let set_from = order[..n].iter().map(|i| record(*i)).filter(|r| r.rtype == this.rtype);
            if set_from.clone().any(|r| self.rdata(r) == self.rdata(this)) {
                found.push((FaultKind::Duplicate, this.rtype, this.place, Some(before.place)));
                continue;
            }
            match this.rtype {
                Rtype::SOA => found.push((FaultKind::SecondSoa, this.rtype, this.place, Some(before.place))),
                Rtype::CNAME => found.push((FaultKind::CnameAndOther, this.rtype, this.place, Some(before.place))),
                Rtype::DNAME => found.push((FaultKind::SecondDname, this.rtype, this.place, Some(before.place))),
                _ => {}
            }
            if this.ttl != before.ttl && !found.iter().any(|f| f.0 == FaultKind::MixedTtl && f.1 == this.rtype) {
                found.push((FaultKind::MixedTtl, this.rtype, this.place, Some(before.place)));
            }
        }
        if let (Some(cname), Some(other)) = (first_cname, first_other) {
            let (later, earlier) =
                if (cname.file, cname.at) > (other.file, other.at) { (cname, other) } else { (other, cname) };
            found.push((FaultKind::CnameAndOther, Rtype::CNAME, later, Some(earlier)));
        }
        if found.is_empty() {
            return;
        }
        let owner = Name::from_wire(self.owner(&self.nodes[index])).unwrap_or_else(|_| Name::root());
        for (kind, rtype, place, other) in found {
            self.fault(kind, owner.clone(), rtype, Some(place), other);
        }
    }

    fn check_apex(&mut self) {
        let apex = self.nodes.iter().find(|node| self.owner(node) == self.folded_origin.as_wire());
        let has = |wanted: Rtype| {
            let mut next = apex.map_or(NONE, |node| node.first);
            while let Some(record) = self.records.get(next as usize) {
                if record.rtype == wanted {
                    return true;
                }
                next = record.next;
            }
            false
        };
        let (soa, ns) = (has(Rtype::SOA), has(Rtype::NS));
        let origin = self.origin.clone();
        if !soa {
            self.fault(FaultKind::NoSoa, origin.clone(), Rtype::SOA, None, None);
        }
        if !ns {
            self.fault(FaultKind::NoNs, origin, Rtype::NS, None, None);
        }
    }

    /// Appends a node in the form of [`Zone::bytes`]; returns how many records it kept.
    fn write_node(&mut self, index: usize, order: &[u32], out: &mut Vec<u8>) -> usize {
        let node = &self.nodes[index];
        out.push(node.len);
        out.extend_from_slice(self.owner(node));
        let sets_at = out.len();
        out.extend_from_slice(&[0; 2]);
        let (mut sets, mut kept) = (0u16, 0);
        let mut too_large = None;
        for set in order.chunk_by(|a, b| self.records[*a as usize].rtype == self.records[*b as usize].rtype) {
            let records = || set.iter().map(|i| &self.records[*i as usize]);
            let Some(first) = records().next() else { continue };
            let ttl = records().map(|r| r.ttl).min().unwrap_or(first.ttl);
            out.extend_from_slice(&first.rtype.0.to_le_bytes());
            out.extend_from_slice(&ttl.to_le_bytes());
            let count_at = out.len();
            out.extend_from_slice(&[0; 2]);
            let (mut count, mut size) = (0u16, 0usize);
            for (n, record) in records().enumerate() {
                let rdata = self.rdata(record);
                if set.len() > 1 && records().take(n).any(|r| self.rdata(r) == rdata) {
                    continue;
                }
                size += rdata.len() + 12;
                if size > RRSET_SIZE_BYTES_MAX {
                    too_large.get_or_insert((first.rtype, record.place));
                    break;
                }
                count += 1;
                out.extend_from_slice(&record.len.to_le_bytes());
                out.extend_from_slice(rdata);
            }
            out[count_at..count_at + 2].copy_from_slice(&count.to_le_bytes());
            kept += usize::from(count);
            sets += 1;
        }
        out[sets_at..sets_at + 2].copy_from_slice(&sets.to_le_bytes());
        if let Some((rtype, place)) = too_large {
            let owner = Name::from_wire(self.owner(&self.nodes[index])).unwrap_or_else(|_| Name::root());
            self.fault(FaultKind::RrsetTooLarge, owner, rtype, Some(place), None);
        }
        kept
    }
}

/// What an RRset may take in a message of 65,535 bytes, beside the longest question, a header and
/// an OPT record with options.
const RRSET_SIZE_BYTES_MAX: usize = 65_000;

fn slot_of(hash: u64, mask: usize) -> usize {
    #[allow(clippy::cast_possible_truncation)] // masked to the table's size
    let low = hash as usize;
    low & mask
}

/// Whether folded `name` is folded `ancestor` or below it.
fn ends_with_labels(name: &[u8], ancestor: &[u8]) -> bool {
    let Some(skip) = name.len().checked_sub(ancestor.len()) else { return false };
    if name[skip..] != *ancestor {
        return false;
    }
    let mut at = 0;
    while at < skip {
        at += usize::from(name[at]) + 1;
    }
    at == skip
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    fn place(at: u32) -> Place {
        Place { file: 0, len: 1, at }
    }

    fn build(records: &[(&str, Rtype, u32, &[u8])]) -> Result<(Zone, Vec<ZoneFault>), Vec<ZoneFault>> {
        let mut builder = ZoneBuilder::new(name("Example"));
        for (at, (owner, rtype, ttl, rdata)) in (1..).zip(records) {
            builder.push(name(owner).as_wire(), *rtype, *ttl, rdata, place(at)).expect("small");
        }
        builder.finish()
    }

    const APEX: [(&str, Rtype, u32, &[u8]); 2] =
        [("example", Rtype::SOA, 60, b"soa"), ("EXAMPLE", Rtype::NS, 60, b"ns")];

    #[test]
    fn records_group_by_folded_owner_and_type() {
        let mut records = APEX.to_vec();
        records.extend([
            ("a.example", Rtype::TXT, 5, &b"one"[..]),
            ("b.example", Rtype::A, 5, b"1234"),
            ("A.Example", Rtype::A, 9, b"5678"),
            ("a.example", Rtype::TXT, 5, b"two"),
        ]);
        let (zone, warnings) = build(&records).expect("a good zone");
        assert!(warnings.is_empty());
        assert_eq!((zone.node_count(), zone.record_count()), (3, 6));
        let owners: Vec<_> = zone.nodes().map(|n| Name::from_wire(n.owner).expect("wire").to_string()).collect();
        assert_eq!(owners, ["example.", "a.example.", "b.example."]);
        let txt = zone.rrset(&name("a.EXAMPLE"), Rtype::TXT).expect("there");
        assert_eq!(txt.rdatas().collect::<Vec<_>>(), [&b"one"[..], b"two"]);
        assert_eq!(zone.rrset(&name("a.example"), Rtype::A).map(|s| s.ttl), Some(9));
    }

    #[test]
    fn whole_zone_rules_are_enforced() {
        let kinds = |extra: &[(&'static str, Rtype, u32, &'static [u8])]| -> Vec<FaultKind> {
            let mut records = APEX.to_vec();
            records.extend(extra);
            match build(&records) {
                Ok((_, faults)) | Err(faults) => faults.iter().map(|f| f.kind).collect(),
            }
        };
        assert_eq!(kinds(&[("other", Rtype::A, 1, b"1")]), [FaultKind::OutOfZone]);
        assert_eq!(kinds(&[("notexample", Rtype::A, 1, b"1")]), [FaultKind::OutOfZone]);
        assert_eq!(kinds(&[("example", Rtype::SOA, 60, b"so2")]), [FaultKind::SecondSoa]);
        assert_eq!(kinds(&[("a.example", Rtype::SOA, 60, b"so2")]), [FaultKind::SoaBelowApex]);
        assert_eq!(
            kinds(&[("a.example", Rtype::CNAME, 1, b"x"), ("a.example", Rtype::A, 1, b"1")]),
            [FaultKind::CnameAndOther]
        );
        assert_eq!(
            kinds(&[("a.example", Rtype::CNAME, 1, b"x"), ("a.example", Rtype::CNAME, 1, b"y")]),
            [FaultKind::CnameAndOther]
        );
        assert_eq!(
            kinds(&[("a.example", Rtype::DNAME, 1, b"x"), ("a.example", Rtype::DNAME, 1, b"y")]),
            [FaultKind::SecondDname]
        );
        assert_eq!(kinds(&[("a.example", Rtype::A, 1, b"x"), ("a.example", Rtype::A, 2, b"y")]), [FaultKind::MixedTtl]);
        assert_eq!(
            kinds(&[("a.example", Rtype::A, 1, b"x"), ("a.example", Rtype::A, 1, b"x")]),
            [FaultKind::Duplicate]
        );
        let Err(faults) = build(&[]) else { panic!("an empty zone was accepted") };
        assert_eq!(faults.iter().map(|f| f.kind).collect::<Vec<_>>(), [FaultKind::NoSoa, FaultKind::NoNs]);
        let big = [7u8; 40_000];
        let mut records = APEX.to_vec();
        let other = [8u8; 40_000];
        records.extend([("a.example", Rtype::TXT, 1, &big[..]), ("a.example", Rtype::TXT, 1, &other[..])]);
        assert_eq!(build(&records).expect_err("too large")[0].kind, FaultKind::RrsetTooLarge);
    }

    #[test]
    fn mixed_ttls_take_the_lowest() {
        let mut records = APEX.to_vec();
        records.extend([("a.example", Rtype::A, 9, &b"x"[..]), ("a.example", Rtype::A, 3, b"y")]);
        let (zone, _) = build(&records).expect("a warning only");
        assert_eq!(zone.rrset(&name("a.example"), Rtype::A).map(|s| s.ttl), Some(3));
    }
}
