//! Parsing of queries. A query is read once, in place; its name is folded and hashed on the way.

use super::hash::{begin_alike, fold_into, fold_word, hash_label_at};
use super::{Class, Edns, HEADER_LEN, Hash, LABELS_MAX, NAME_MAX, Opcode, Rcode, Rtype};

/// A name and room for a word to be read at its last byte.
const FOLDED_LEN: usize = NAME_MAX + 9;

/// The fixed header (RFC 1035, 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the client.
    pub id: u16,
    /// QR, opcode, AA, TC, RD, RA, Z, AD, CD and rcode.
    pub flags: u16,
}

impl Header {
    /// The opcode.
    #[must_use]
    pub fn opcode(self) -> Opcode {
        Opcode(u8::try_from((self.flags >> 11) & 0xf).unwrap_or_default())
    }

    /// What is wrong with a message whose question has this length, or 0 where it is unreadable.
    #[cold]
    fn fault(self, question_len: usize, edns: Option<Edns>) -> Unparsed {
        let rcode = if self.opcode() == Opcode::QUERY { Rcode::FORMERR } else { Rcode::NOTIMP };
        Unparsed::Reply { header: self, rcode, question_len, edns }
    }
}

/// A query of one question that was read to its end.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// Its header.
    pub header: Header,
    /// The question as it came: name, type and class.
    pub question: &'a [u8],
    /// What is asked for.
    pub rtype: Rtype,
    /// In which class.
    pub class: Class,
    /// The OPT record, where there is one.
    pub edns: Option<Edns>,
    /// Where in the message its TSIG record is (RFC 8945), where it is signed.
    pub tsig: Option<usize>,
    /// The name that is asked for.
    pub name: &'a LookupName,
}

/// A name made ready to be looked up: folded and hashed, with its labels known. Made to be used again:
/// it is large, and clearing it would cost more than filling it.
#[derive(Clone)]
pub struct LookupName {
    /// What stands behind the name is left from one before.
    folded: [u8; FOLDED_LEN],
    /// Where each label starts, from the left.
    starts: [u8; LABELS_MAX + 1],
    /// Element `n` is the hash of the last `n` labels.
    hashes: [Hash; LABELS_MAX + 1],
    labels: usize,
    len: usize,
}

/// Why a message is not a query that can be looked up, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unparsed {
    /// Not answered: too short for a header, or itself a reply.
    Ignore,
    /// Answered with a code.
    Reply {
        /// To take id and flags from.
        header: Header,
        /// FORMERR or NOTIMP.
        rcode: Rcode,
        /// Bytes of the question behind the header that can be echoed; 0 where it is unreadable.
        question_len: usize,
        /// The OPT record, as far as one was read before the fault.
        edns: Option<Edns>,
    },
}

impl LookupName {
    /// The root.
    pub const ROOT: Self = Self {
        folded: [0; FOLDED_LEN],
        starts: [0; LABELS_MAX + 1],
        hashes: [Hash::ROOT; LABELS_MAX + 1],
        labels: 0,
        len: 1,
    };

    /// Takes the uncompressed name at the front of `wire`; None where there is none.
    #[must_use]
    pub fn read(wire: &[u8]) -> Option<Self> {
        let mut name = Self::ROOT;
        name.fill(wire)?;
        Some(name)
    }

    /// How many labels the name has, the root not counted.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The folded name in wire form, root included.
    #[must_use]
    pub fn folded(&self) -> &[u8] {
        &self.folded[..self.len]
    }

    /// The folded name without its first labels: the ancestor with `labels` labels.
    #[must_use]
    #[inline]
    pub fn ancestor(&self, labels: usize) -> &[u8] {
        &self.folded[self.offset(labels)..self.len]
    }

    /// Where that ancestor begins in the name.
    #[must_use]
    #[inline]
    pub fn offset(&self, labels: usize) -> usize {
        if labels == 0 { self.len - 1 } else { usize::from(self.starts[self.labels - labels]) }
    }

    /// The hash of the ancestor with `labels` labels.
    #[must_use]
    #[inline]
    pub fn hash(&self, labels: usize) -> Hash {
        self.hashes[labels]
    }

    /// Whether the ancestor of `labels` labels is this, folded.
    #[must_use]
    #[inline(always)]
    pub fn has_ancestor(&self, labels: usize, folded: &[u8]) -> bool {
        let start = self.offset(labels);
        self.len == start + folded.len() && self.matches(start, folded, folded.len())
    }

    /// Whether the part from `start` on begins with these `len` bytes. Quickest where `bytes` goes on
    /// for seven more.
    #[must_use]
    #[inline(always)]
    pub fn matches(&self, start: usize, bytes: &[u8], len: usize) -> bool {
        begin_alike(&self.folded[start..], bytes, len)
    }

    /// Reads, folds and hashes the uncompressed name at the front of `body`.
    #[inline(always)]
    fn fill(&mut self, body: &[u8]) -> Option<()> {
        // What is longer has no end there.
        let body = &body[..body.len().min(NAME_MAX)];
        let (mut at, mut labels) = (0, 0);
        while let len @ 1.. = *body.get(at)? {
            // Pointers and the reserved label types are over 63.
            if len > 63 {
                return None;
            }
            // Within 255 bytes both fit.
            #[allow(clippy::cast_possible_truncation)]
            let start = at as u8;
            self.starts[labels & LABELS_MAX] = start;
            labels += 1;
            at += usize::from(len) + 1;
        }
        self.labels = labels;
        self.len = at + 1;
        let (from, to) = (body.get(..at)?, self.folded.get_mut(..at)?);
        // Two pieces that overlap are quicker than a loop; length bytes, up to 63, are no capitals.
        let is_done = match at {
            8..16 => fold_ends(from, to, fold_word),
            _ => fold_ends(from, to, |piece: [u8; 16]| piece.map(|byte| byte.to_ascii_lowercase())),
        };
        if !is_done {
            fold_into(from, to);
        }
        self.folded[at] = 0;
        let (mut hash, mut count) = (Hash::ROOT, 0);
        while labels > 0 {
            labels -= 1;
            count += 1;
            hash = hash_label_at(hash, &self.folded, usize::from(self.starts[labels & LABELS_MAX]));
            self.hashes[count & LABELS_MAX] = hash;
        }
        Some(())
    }
}

/// Folds the first and the last `N` bytes of a name by `fold`, which makes all of it where it is at most
/// twice as long; says whether it is.
#[inline(always)]
fn fold_ends<const N: usize>(from: &[u8], to: &mut [u8], fold: impl Fn([u8; N]) -> [u8; N]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return false };
    if let Some(place) = to.first_chunk_mut::<N>() {
        *place = fold(*first);
    }
    if let Some(place) = to.last_chunk_mut::<N>() {
        *place = fold(*last);
    }
    from.len() <= 2 * N
}

fn u16_at(packet: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]))
}

/// Reads a message from a client; its name goes to `name`.
///
/// # Errors
/// [`Unparsed`] says whether and how to answer what is no well-formed query of one question.
#[inline(always)]
pub fn parse<'a>(packet: &'a [u8], name: &'a mut LookupName) -> Result<Query<'a>, Unparsed> {
    let Some((&[i0, i1, f0, f1, ref counts @ ..], body)) = packet.split_first_chunk::<HEADER_LEN>() else {
        return Err(Unparsed::Ignore);
    };
    let header = Header { id: u16::from_be_bytes([i0, i1]), flags: u16::from_be_bytes([f0, f1]) };
    if header.flags & 0x8000 != 0 {
        return Err(Unparsed::Ignore);
    }
    let counts = u64::from_be_bytes(*counts);
    // One question, no more and no less (RFC 9619).
    if counts >> 48 != 1 || name.fill(body).is_none() {
        return Err(header.fault(0, None));
    }
    let end = name.len + 4;
    let Some(question @ [.., t0, t1, c0, c1]) = body.get(..end) else { return Err(header.fault(0, None)) };
    let (rtype, class) = (Rtype(u16::from_be_bytes([*t0, *t1])), Class(u16::from_be_bytes([*c0, *c1])));
    let mut records = Records::default();
    if counts << 16 != 0 {
        records = Records::read(packet, HEADER_LEN + end, counts);
    }
    let Records { edns, tsig, is_broken } = records;
    // Other opcodes are read like queries, as far as that goes: for the question and OPT to echo.
    if is_broken || header.opcode() != Opcode::QUERY {
        return Err(header.fault(end, edns));
    }
    Ok(Query { header, question, rtype, class, edns, tsig, name })
}

/// Whether record data has the form of RFC 8945, 4.2: algorithm, time, fudge, MAC, id, error, other data.
fn is_tsig(rdata: &[u8]) -> bool {
    let end = || -> Option<usize> {
        // The algorithm's name is not compressed.
        let mac = skip_name(rdata, 0)? + 8;
        let other = mac + 2 + usize::from(u16_at(rdata, mac)?) + 4;
        Some(other + 2 + usize::from(u16_at(rdata, other)?))
    };
    end() == Some(rdata.len())
}

/// The end of a name that may be compressed.
fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += usize::from(len) + 1,
            0xc0..=0xff => return (at + 2 <= packet.len()).then_some(at + 2),
            _ => return None,
        }
    }
}

/// What the records behind the question say.
#[derive(Default)]
struct Records {
    edns: Option<Edns>,
    tsig: Option<usize>,
    /// A record is malformed or has no business there; what was read before it stands.
    is_broken: bool,
}

impl Records {
    /// Walks the records from `at` on, looking for OPT and TSIG. `counts` are the header's.
    #[inline(never)]
    fn read(packet: &[u8], at: usize, counts: u64) -> Self {
        let count = |section: u32| u32::try_from((counts >> (16 * section)) & 0xffff).unwrap_or_default();
        let mut records = Self::default();
        records.is_broken = records.walk(packet, at, count(2) + count(1), count(0)).is_none();
        records
    }

    fn walk(&mut self, packet: &[u8], mut at: usize, before: u32, additional: u32) -> Option<()> {
        for n in 0..before + additional {
            let start = at;
            let root = *packet.get(at)? == 0;
            at = skip_name(packet, at)?;
            let &[t0, t1, c0, c1, l0, l1, l2, l3, d0, d1] = packet.get(at..)?.first_chunk()?;
            let rtype = Rtype(u16::from_be_bytes([t0, t1]));
            let end = at + 10 + usize::from(u16::from_be_bytes([d0, d1]));
            let rdata = packet.get(at + 10..end)?;
            at = end;
            match rtype {
                Rtype::OPT => {
                    // Only one, owned by the root, among the additional records (RFC 6891, 6.1.1).
                    if n < before || !root || self.edns.is_some() {
                        return None;
                    }
                    let (class, ttl) = (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([l0, l1, l2, l3]));
                    self.edns = Some(Edns::parse(class, ttl, rdata)?);
                }
                // Only as the last record (RFC 8945, 5.1).
                Rtype::TSIG => {
                    if n + 1 != before + additional || n < before || !is_tsig(rdata) {
                        return None;
                    }
                    self.tsig = Some(start);
                }
                _ => {}
            }
        }
        // What stands behind the last record is let pass, as NSD, BIND and PowerDNS do.
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: u16, counts: [u16; 4], body: &[u8]) -> Vec<u8> {
        let mut out = vec![0xab, 0xcd];
        out.extend(flags.to_be_bytes());
        counts.iter().for_each(|c| out.extend(c.to_be_bytes()));
        out.extend(body);
        out
    }

    const WWW: &[u8] = b"\x03WwW\x07Example\0\0\x01\0\x01";
    const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\x80\0\0\x04\0\x03\0\0";

    fn rcode(packet: &[u8]) -> Option<Rcode> {
        match parse(packet, &mut LookupName::ROOT.clone()) {
            Err(Unparsed::Reply { rcode, .. }) => Some(rcode),
            _ => None,
        }
    }

    fn ignored(packet: &[u8]) -> bool {
        matches!(parse(packet, &mut LookupName::ROOT.clone()), Err(Unparsed::Ignore))
    }

    #[test]
    fn a_query_is_folded_and_split() {
        let packet = message(0x0100, [1, 0, 0, 1], &[WWW, OPT].concat());
        let mut name = LookupName::ROOT;
        let Ok(query) = parse(&packet, &mut name) else { panic!("not parsed") };
        assert_eq!(query.name.folded(), b"\x03www\x07example\0");
        assert_eq!(
            (query.name.labels(), query.name.ancestor(1), query.name.ancestor(0)),
            (2, &b"\x07example\0"[..], &b"\0"[..])
        );
        assert_eq!((query.rtype, query.class, query.question), (Rtype::A, Class::IN, WWW));
        let edns = Edns { payload: 4096, version: 0, dnssec_ok: true, nsid: true };
        assert_eq!(query.edns, Some(edns));
        for labels in 0..=2 {
            assert_eq!(query.name.hash(labels), Hash::of(query.name.ancestor(labels)));
        }
    }

    #[test]
    fn names_of_every_length_fold_whole_and_nothing_is_left_from_the_last() {
        let mut name = LookupName::ROOT;
        for len in (1..=250).rev() {
            let mut wire = Vec::new();
            while wire.len() < len {
                let label = (len - wire.len() - 1).clamp(1, 63);
                wire.push(u8::try_from(label).unwrap_or(0));
                wire.extend((0..label).map(|i| b"AzZ@[`{\xc1\xdb"[(i + len) % 9]));
            }
            wire.push(0);
            name.fill(&wire).unwrap();
            assert_eq!(name.folded(), wire.to_ascii_lowercase());
            assert_eq!(name.hash(name.labels()), Hash::of(&wire.to_ascii_lowercase()));
        }
    }

    #[test]
    fn replies_and_scraps_are_ignored() {
        assert!(ignored(&message(0x8000, [1, 0, 0, 0], WWW)));
        for len in 0..HEADER_LEN {
            assert!(ignored(&message(0, [1, 0, 0, 0], WWW)[..len]));
        }
    }

    #[test]
    fn malformed_messages_are_formerr() {
        let whole = message(0, [1, 0, 0, 1], &[WWW, OPT].concat());
        for len in HEADER_LEN..whole.len() {
            assert_eq!(rcode(&whole[..len]), Some(Rcode::FORMERR), "cut to {len}");
        }
        for (what, counts, body) in [
            ("no question", [0, 0, 0, 0], Vec::new()),
            ("two questions", [2, 0, 0, 0], [WWW, WWW].concat()),
            ("two OPTs", [1, 0, 0, 2], [WWW, OPT, OPT].concat()),
            ("OPT as an answer", [1, 1, 0, 0], [WWW, OPT].concat()),
            ("OPT off the root", [1, 0, 0, 1], [WWW, b"\x01a", OPT].concat()),
            ("option overrun", [1, 0, 0, 1], [WWW, b"\0\0\x29\x10\0\0\0\x80\0\0\x04\0\x03\0\x01"].concat()),
            ("pointer", [1, 0, 0, 0], b"\xc0\x0c\0\x01\0\x01".to_vec()),
            ("label type", [1, 0, 0, 0], b"\x41\0\0\x01\0\x01".to_vec()),
        ] {
            assert_eq!(rcode(&message(0, counts, &body)), Some(Rcode::FORMERR), "{what}");
        }
        assert_eq!(rcode(&message(0x2800, [1, 0, 0, 0], WWW)), Some(Rcode::NOTIMP));
    }

    #[test]
    fn the_longest_name_parses_and_one_byte_more_does_not() {
        let mut name = [[63u8; 64].as_slice(); 3].concat();
        name.extend([61u8; 62]);
        name.extend([0, 0, 1, 0, 1]);
        assert_eq!(rcode(&message(0, [1, 0, 0, 0], &name)), None);
        let mut name = [[63u8; 64].as_slice(); 3].concat();
        name.extend([62u8; 63]);
        name.extend([0, 0, 1, 0, 1]);
        assert_eq!(rcode(&message(0, [1, 0, 0, 0], &name)), Some(Rcode::FORMERR));
        let many = [b"\x01a".repeat(127), b"\0\0\x01\0\x01".to_vec()].concat();
        let mut name = LookupName::ROOT;
        assert!(parse(&message(0, [1, 0, 0, 0], &many), &mut name).is_ok_and(|q| q.name.labels() == 127));
    }
}
