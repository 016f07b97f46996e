//! When two records are the same: names in their data compare without regard to case.

use std::ops::Range;

use crate::dns::Rtype;

/// Data of one type, as it is compared with other data of that type.
#[derive(Clone, Copy)]
pub(super) struct Canonical {
    shape: Option<Shape>,
}

/// Where in the data names stand. Behind them comes nothing but `after`.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes before them.
    before: usize,
    /// Character strings between those and the names.
    strings: usize,
    /// Bytes after them.
    after: usize,
}

impl Canonical {
    /// The types whose names are lower-cased by RFC 4034, 6.2, as corrected by RFC 6840, 5.1. SIG, RRSIG
    /// and NXT, which no zone may hold, and A6, which is historic (RFC 6563), are left out.
    pub(super) fn of(rtype: Rtype) -> Self {
        let (before, strings, after) = match rtype {
            Rtype::NS | Rtype::MD | Rtype::MF | Rtype::CNAME | Rtype::MB | Rtype::MG | Rtype::MR => (0, 0, 0),
            Rtype::PTR | Rtype::MINFO | Rtype::RP | Rtype::DNAME => (0, 0, 0),
            Rtype::MX | Rtype::AFSDB | Rtype::RT | Rtype::KX | Rtype::PX => (2, 0, 0),
            Rtype::SRV => (6, 0, 0),
            Rtype::NAPTR => (4, 3, 0),
            Rtype::SOA => (0, 0, 20),
            _ => return Self { shape: None },
        };
        Self { shape: Some(Shape { before, strings, after }) }
    }

    /// Whether equal data may have different bytes.
    pub(super) fn has_names(self) -> bool {
        self.shape.is_some()
    }

    /// Whether two are the same.
    pub(super) fn same(self, a: &[u8], b: &[u8]) -> bool {
        a == b || self.has_names() && a.len() == b.len() && self.bytes(a).eq(self.bytes(b))
    }

    /// The data with its names in lower case.
    pub(super) fn bytes(self, rdata: &[u8]) -> impl Iterator<Item = u8> {
        let names = self.shape.map_or(0..0, |shape| shape.names(rdata));
        // The length of a label is at most 63, which is no letter.
        rdata.iter().enumerate().map(move |(at, b)| if names.contains(&at) { b.to_ascii_lowercase() } else { *b })
    }
}

impl Shape {
    fn names(self, rdata: &[u8]) -> Range<usize> {
        let skip = |at: usize| at + 1 + rdata.get(at).map_or(0, |len| usize::from(*len));
        let start = (0..self.strings).fold(self.before, |at, _| skip(at));
        start..rdata.len().saturating_sub(self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rtype: Rtype, a: &[u8], b: &[u8], same: bool) {
        let canonical = Canonical::of(rtype);
        assert_eq!(canonical.same(a, b), same, "{rtype}");
        assert_eq!(canonical.bytes(a).eq(canonical.bytes(b)), same, "{rtype}");
    }

    #[test]
    fn names_fold_and_nothing_else_does() {
        check(Rtype::NS, b"\x02ns\0", b"\x02NS\0", true);
        check(Rtype::NS, b"\x02ns\0", b"\x02nt\0", false);
        check(Rtype::NS, b"\x02ns\0", b"\x02ns\x01a\0", false);
        // 65 and 97 are numbers here, not letters.
        check(Rtype::MX, b"\0A\x01m\0", b"\0A\x01M\0", true);
        check(Rtype::MX, b"\0A\x01m\0", b"\0a\x01m\0", false);
        check(Rtype::SRV, b"\0\0\0\0\0P\x01m\0", b"\0\0\0\0\0P\x01M\0", true);
        check(Rtype::SRV, b"\0\0\0\0\0P\x01m\0", b"\0\0\0\0\0p\x01m\0", false);
        check(Rtype::PX, b"\0\0\x01m\0\x01x\0", b"\0\0\x01M\0\x01X\0", true);
        check(Rtype::TXT, b"\x02ns", b"\x02NS", false);
        check(Rtype::HINFO, b"\x01a\x01b", b"\x01A\x01b", false);
        // RFC 9460 came later than the list.
        check(Rtype::SVCB, b"\0\x01\x01m\0", b"\0\x01\x01M\0", false);
    }

    #[test]
    fn what_stands_beside_the_names_is_compared_as_it_is() {
        let soa = |names: &[u8], serial: u8| [names, &[0, 0, 0, serial], &[7; 16]].concat();
        check(Rtype::SOA, &soa(b"\x01n\0\x01h\0", b'A'), &soa(b"\x01N\0\x01H\0", b'A'), true);
        check(Rtype::SOA, &soa(b"\x01n\0\x01h\0", b'A'), &soa(b"\x01n\0\x01h\0", b'a'), false);
        let naptr = |flag: &str, name: &str| {
            [b"\0\x01\0\x02\x01", flag.as_bytes(), b"\0\0\x01", name.as_bytes(), b"\0"].concat()
        };
        check(Rtype::NAPTR, &naptr("U", "r"), &naptr("U", "R"), true);
        check(Rtype::NAPTR, &naptr("U", "r"), &naptr("u", "r"), false);
        // Too short for what they should be.
        check(Rtype::NAPTR, b"\0\x01", b"\0\x01", true);
        check(Rtype::SOA, b"a", b"A", false);
    }
}
