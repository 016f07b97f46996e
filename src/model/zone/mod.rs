//! A zone's static records, grouped into nodes and RRsets, checked against the rules that hold for
//! a zone as a whole.
//!
//! Millions of records stand here, so they are kept as one run of bytes: no object per name.

mod builder;
mod canonical;
mod fault;
mod lint;
mod records;
mod rules;

pub use builder::{TooLarge, ZoneBuilder};
pub use fault::{FaultKind, Place, ZoneFault};
pub use records::Records;

use std::fmt;

use crate::dns::{Name, Rtype};

/// The longest TTL (RFC 2181, 8).
pub const TTL_MAX: u32 = 0x7fff_ffff;

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
    fn an_rrset_leaves_room_for_the_rest_of_its_message() {
        let first = [7u8; 32_000 - 12];
        let build = |second: &[u8]| {
            let mut records = APEX.to_vec();
            records.extend([("a.example", Rtype::TXT, 1, &first[..]), ("a.example", Rtype::TXT, 1, second)]);
            build(&records)
        };
        let (zone, _) = build(&[8; 32_000 - 12]).expect("64,000 bytes");
        assert_eq!(zone.rrset(&name("a.example"), Rtype::TXT).map(|set| set.count), Some(2));
        let faults = build(&[8; 32_000 - 11]).expect_err("64,001 bytes");
        assert_eq!(faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::RrsetTooLarge]);
    }

    #[test]
    fn duplicates_are_found_in_small_and_large_sets() {
        for distinct in [1u32, 15, 16, 17, 400] {
            // Each record twice, the second time in the other direction.
            let values: Vec<[u8; 4]> = (0..distinct).chain((0..distinct).rev()).map(u32::to_be_bytes).collect();
            let mut records = APEX.to_vec();
            records.extend(values.iter().map(|value| ("a.example", Rtype::A, 1, &value[..])));
            let (zone, warnings) = build(&records).expect("warnings only");
            assert_eq!(warnings.len(), distinct as usize);
            for warning in &warnings {
                assert_eq!(warning.kind, FaultKind::Duplicate);
                let (later, earlier) = (warning.place.expect("a place").at, warning.other.expect("another").at);
                assert_eq!(values[later as usize - 3], values[earlier as usize - 3]);
                assert!(earlier < later);
            }
            let kept = zone.rrset(&name("a.example"), Rtype::A).expect("there");
            assert!(kept.rdatas().eq(values[..distinct as usize].iter().map(|v| &v[..])), "in the order of the file");
        }
    }

    #[test]
    fn names_in_data_repeat_in_any_case() {
        let warnings_of = |extra: &[(&'static str, Rtype, u32, &'static [u8])], kept: &[u8]| -> Vec<FaultKind> {
            let mut records = APEX[..1].to_vec();
            records.extend(extra);
            let (zone, warnings) = build(&records).expect("warnings only");
            let set = zone.rrset(&name("example"), extra[0].1).expect("there");
            assert_eq!(set.rdatas().collect::<Vec<_>>(), [kept], "the first, as it is written");
            warnings.iter().map(|warning| warning.kind).filter(|kind| *kind != FaultKind::TargetNoAddress).collect()
        };
        const NS: [&[u8]; 3] = [b"\x02ns\x04test\0", b"\x02NS\x04test\0", b"\x02ns\x04TEST\0"];
        let same = NS.map(|rdata| ("example", Rtype::NS, 60, rdata));
        assert_eq!(warnings_of(&same, NS[0]), [FaultKind::Duplicate, FaultKind::Duplicate]);
        let mut mail = [b"\0A\x01m\0", b"\0A\x01M\0"].map(|rdata| ("example", Rtype::MX, 60, &rdata[..])).to_vec();
        mail.push(("example", Rtype::NS, 60, NS[0]));
        assert_eq!(warnings_of(&mail, b"\0A\x01m\0"), [FaultKind::Duplicate]);
        // More than are compared pair by pair.
        let many: Vec<_> = same.into_iter().cycle().take(40).collect();
        assert_eq!(warnings_of(&many, NS[0]), [FaultKind::Duplicate; 39]);
    }

    #[test]
    fn a_single_record_may_repeat_in_another_case() {
        let mut records = APEX[1..].to_vec();
        let soa = |host: &[u8]| [b"\x01", host, b"\0\x01h\0", &[0; 20]].concat();
        let (lower, upper) = (soa(b"n"), soa(b"N"));
        records.extend([&lower, &upper].map(|rdata| ("example", Rtype::SOA, 60, &rdata[..])));
        records.extend([&b"\x01x\0"[..], b"\x01X\0"].map(|rdata| ("a.example", Rtype::CNAME, 1, rdata)));
        let (_, warnings) = build(&records).expect("warnings only");
        assert_eq!(warnings.iter().map(|w| w.kind).collect::<Vec<_>>(), [FaultKind::Duplicate; 2]);
    }

    #[test]
    fn names_that_come_apart_are_put_together() {
        let owners: Vec<String> = (0..5_000).map(|n| format!("n{}.example", n % 1_000)).collect();
        let values: Vec<[u8; 4]> = (0..5_000u32).map(u32::to_be_bytes).collect();
        let mut builder = ZoneBuilder::new(name("example"));
        builder.reserve(10);
        for (owner, rtype, ttl, rdata) in APEX {
            builder.push(name(owner).as_wire(), rtype, ttl, rdata, place(0)).expect("small");
        }
        for (owner, value) in owners.iter().zip(&values) {
            builder.push(name(owner).as_wire(), Rtype::A, 1, value, place(1)).expect("small");
        }
        let (zone, warnings) = builder.finish().expect("a good zone");
        assert!(warnings.is_empty());
        assert_eq!((zone.node_count(), zone.record_count()), (1_001, 5_002));
        for (n, node) in zone.nodes().skip(1).enumerate() {
            assert_eq!(node.owner, name(&owners[n]).as_wire());
            let set = node.rrsets().next().expect("one");
            assert!(set.rdatas().eq((0..5).map(|k| &values[n + 1_000 * k][..])));
        }
    }

    #[test]
    fn servers_and_hidden_data_are_judged() {
        // The root label ends a target; MX begins with its preference.
        let lint = |extra: &[(&'static str, Rtype, u32, &'static [u8])]| -> Vec<FaultKind> {
            let mut records = APEX.to_vec();
            records.extend(extra);
            let (_, warnings) = build(&records).expect("warnings only");
            warnings.iter().map(|w| w.kind).collect()
        };
        const TO_MAIL: (&str, Rtype, u32, &[u8]) = ("example", Rtype::MX, 1, b"\0\x01\x04Mail\x07EXAMPLE\0");
        const TO_SUB: (&str, Rtype, u32, &[u8]) = ("sub.example", Rtype::NS, 1, b"\x02ns\x03sub\x07example\0");
        const GLUE: (&str, Rtype, u32, &[u8]) = ("ns.sub.example", Rtype::A, 1, b"1234");
        assert_eq!(lint(&[TO_MAIL]), [FaultKind::TargetNoAddress]);
        assert_eq!(lint(&[TO_MAIL, ("mail.example", Rtype::TXT, 1, b"x")]), [FaultKind::TargetNoAddress]);
        assert_eq!(lint(&[TO_MAIL, ("mail.example", Rtype::A, 1, b"1234")]), []);
        assert_eq!(lint(&[TO_MAIL, ("*.example", Rtype::A, 1, b"1234")]), []);
        assert_eq!(lint(&[TO_MAIL, ("mail.example", Rtype::CNAME, 1, b"\0")]), [FaultKind::TargetAlias]);
        assert_eq!(lint(&[TO_MAIL, ("mail.example", Rtype::NS, 1, b"\x01a\0")]), [], "another zone knows");
        assert_eq!(lint(&[("example", Rtype::MX, 1, b"\0\0\0")]), [], "no mail at all");
        assert_eq!(lint(&[TO_SUB]), [FaultKind::TargetNoAddress]);
        assert_eq!(lint(&[TO_SUB, GLUE]), []);
        assert_eq!(lint(&[TO_SUB, GLUE, ("x.sub.example", Rtype::A, 1, b"1234")]), [FaultKind::BelowCut]);
        assert_eq!(lint(&[TO_SUB, GLUE, ("ns.sub.example", Rtype::TXT, 1, b"x")]), [FaultKind::BelowCut]);
        assert_eq!(lint(&[TO_SUB, GLUE, ("sub.example", Rtype::DS, 1, b"x")]), []);
        assert_eq!(lint(&[TO_SUB, GLUE, ("sub.example", Rtype::MX, 1, b"\0\0\0")]), [FaultKind::BelowCut]);
        let below_dname = [("d.example", Rtype::DNAME, 1, &b"\0"[..]), ("x.y.d.example", Rtype::A, 1, b"1234")];
        assert_eq!(lint(&below_dname), [FaultKind::BelowDname]);
    }

    #[test]
    fn mixed_ttls_take_the_lowest() {
        let mut records = APEX.to_vec();
        records.extend([("a.example", Rtype::A, 9, &b"x"[..]), ("a.example", Rtype::A, 3, b"y")]);
        let (zone, _) = build(&records).expect("a warning only");
        assert_eq!(zone.rrset(&name("a.example"), Rtype::A).map(|s| s.ttl), Some(3));
    }
}
