//! A zone as queries see it: one run of bytes and one hash table, made once and never changed.
//!
//! Each name is a node. A node's RRsets stand there as finished records, owned by the question's
//! name through a pointer to it and compressed as if the question were for that node's owner. A
//! longer question (below a delegation, under a wildcard, or negative) shifts what the pointers mean
//! by the bytes it has more; such RRsets carry a list of their pointers, which are then moved.
//!
//! ```text
//! node   flags, RRset count (u16), length of its name's own part (u8), that part (folded),
//!        pool (u16, if STEERED), RRsets
//! RRset  type (u16), record count (u16), bytes of records (u16), flags, then, by flag:
//!        additional record count (u16), bytes (u16), RRset count (u16), how many of these a
//!        delegation needs (u16); pointer count (u16);
//!        records, additional records, pointers' offsets in them (u16 each),
//!        record count (u16) and bytes (u16) of each additional RRset
//! ```
//! All numbers of the frame are little-endian; the records themselves are in wire form.

use crate::dns::{HEADER_LEN, Hash, LookupName, Name, Rtype};

/// What a node is, beside its records.
pub(super) mod flag {
    /// A delegation: has NS records and is not the apex.
    pub(crate) const CUT: u8 = 1;
    /// Lies below a delegation or a DNAME, so is never answered itself.
    pub(crate) const OCCLUDED: u8 = 2;
    /// Addresses come from a pool.
    pub(crate) const STEERED: u8 = 4;
    /// Has a child `*`.
    pub(crate) const WILDCARD: u8 = 8;
    /// Has a DNAME.
    pub(crate) const DNAME: u8 = 16;
    /// Has a CNAME.
    pub(crate) const CNAME: u8 = 32;
}

/// Flags of an RRset.
pub(super) mod set_flag {
    /// Additional records follow.
    pub(crate) const EXTRA: u8 = 1;
    /// A list of pointers follows.
    pub(crate) const POINTERS: u8 = 2;
}

/// A compiled zone.
pub struct ZoneImage {
    pub(super) origin: Name,
    pub(super) folded_origin: Box<[u8]>,
    pub(super) origin_labels: usize,
    pub(super) bytes: Box<[u8]>,
    /// Upper half of a name's hash, and where its node is; 0 is free.
    pub(super) slots: Box<[u64]>,
    /// The most labels that any name here has.
    pub(super) labels_max: usize,
    /// Where the SOA for negative answers is, as an RRset.
    pub(super) negative: usize,
    pub(super) nodes: usize,
}

/// A node that was found.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// From its start on, and beyond its end.
    bytes: &'a [u8],
}

/// Finished records of one type.
#[derive(Clone, Copy)]
pub struct Ready<'a> {
    /// Their type.
    pub rtype: Rtype,
    /// How many.
    pub count: u16,
    /// The records.
    pub records: &'a [u8],
    /// What stands beside them; for most there is nothing.
    pub more: Option<More<'a>>,
}

/// What stands beside finished records.
#[derive(Clone, Copy, Default)]
pub struct More<'a> {
    /// How many additional records.
    pub extra_count: u16,
    /// The additional records.
    pub extra: &'a [u8],
    /// How many of the additional RRsets a delegation cannot do without; they come first.
    pub extra_required: u16,
    /// Record count and bytes of each additional RRset.
    extra_sets: &'a [u8],
    /// Offsets of pointers in the records and the additional records taken together, two bytes each.
    pointers: &'a [u8],
}

/// What a zone has for a name.
pub enum Found<'a> {
    /// The name itself.
    Exact(Node<'a>),
    /// The wildcard that covers it.
    Wildcard(Node<'a>),
    /// A delegation at or above it, of so many labels.
    Cut(Node<'a>, usize),
    /// A DNAME above it, of so many labels.
    Dname(Node<'a>, usize),
    /// Nothing.
    Missing,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

impl<'a> Node<'a> {
    #[inline]
    fn flags(&self) -> u8 {
        self.bytes[0]
    }

    #[inline]
    fn own_len(&self) -> usize {
        usize::from(self.bytes[3])
    }

    /// Its RRsets, and how many.
    #[inline(always)]
    fn body(&self) -> (&'a [u8], u16) {
        let pool = if self.flags() & flag::STEERED != 0 { 2 } else { 0 };
        (&self.bytes[4 + self.own_len() + pool..], u16_at(self.bytes, 1))
    }

    /// Whether it is a delegation.
    #[must_use]
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.flags() & flag::CUT != 0
    }

    /// Whether it has a CNAME.
    #[must_use]
    #[inline]
    pub fn is_alias(&self) -> bool {
        self.flags() & flag::CNAME != 0
    }

    /// Whether its first label is `*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.own_name().starts_with(b"\x01*")
    }

    /// The pool that its addresses come from.
    #[must_use]
    #[inline]
    pub fn pool(&self) -> Option<usize> {
        (self.flags() & flag::STEERED != 0).then(|| usize::from(u16_at(self.bytes, 4 + self.own_len())))
    }

    /// Its name without that of the zone, folded, in wire form without the root.
    #[must_use]
    pub fn own_name(&self) -> &'a [u8] {
        &self.bytes[4..4 + self.own_len()]
    }

    /// The records of a type.
    #[must_use]
    #[inline(always)]
    pub fn ready(&self, rtype: Rtype) -> Option<Ready<'a>> {
        let (mut rest, sets) = self.body();
        for _ in 0..sets {
            if u16_at(rest, 0) == rtype.0 {
                return Some(Ready::read(rest).0);
            }
            rest = &rest[Ready::len(rest)..];
        }
        None
    }

    /// Every RRset, by rising type number.
    #[inline]
    pub fn all(&self) -> impl Iterator<Item = Ready<'a>> + use<'a> {
        let (mut rest, sets) = self.body();
        (0..sets).map(move |_| {
            let (ready, len) = Ready::read(rest);
            rest = &rest[len..];
            ready
        })
    }
}

impl<'a> Ready<'a> {
    /// The length of the one at the front of `bytes`.
    #[inline]
    fn len(bytes: &'a [u8]) -> usize {
        let len = 7 + usize::from(u16_at(bytes, 4));
        if bytes[6] == 0 { len } else { Self::read(bytes).1 }
    }

    /// Reads one from the front of `bytes`; returns it and its length.
    #[inline(always)]
    fn read(bytes: &'a [u8]) -> (Self, usize) {
        let &[t0, t1, c0, c1, l0, l1, flags, ref tail @ ..] = bytes else {
            return (Self { rtype: Rtype(0), count: 0, records: &[], more: None }, 0);
        };
        let (rtype, count) = (Rtype(u16::from_le_bytes([t0, t1])), u16::from_le_bytes([c0, c1]));
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        if flags == 0 {
            let records = tail.get(..len).unwrap_or_default();
            return (Self { rtype, count, records, more: None }, 7 + len);
        }
        let (records, more, after) = read_more(flags, tail, len);
        (Self { rtype, count, records, more: Some(more) }, 7 + after)
    }

    /// What stands beside the records, which may be nothing.
    #[must_use]
    pub fn more(&self) -> More<'a> {
        self.more.unwrap_or_default()
    }

    /// The byte that a pointer of these records means by an offset in the message, where `owner` is
    /// the full name that they were compressed for.
    #[must_use]
    pub fn byte_at(&self, owner: &[u8], offset: usize) -> Option<u8> {
        let at = offset.checked_sub(HEADER_LEN)?;
        if let Some(byte) = owner.get(at) {
            return Some(*byte);
        }
        let at = at.checked_sub(owner.len() + 4)?;
        self.records.get(at).or_else(|| self.more?.extra.get(at.checked_sub(self.records.len())?)).copied()
    }
}

impl More<'_> {
    /// Record count and bytes of each additional RRset.
    pub fn extra_sets(&self) -> impl Iterator<Item = (u16, usize)> {
        self.extra_sets.chunks_exact(4).map(|set| (u16_at(set, 0), usize::from(u16_at(set, 2))))
    }

    /// Moves the pointers of the copy `out` of [`Ready::records`] (and, as far as it goes,
    /// [`More::extra`]) for a question that is `delta` bytes longer than the owner.
    #[inline(always)]
    pub fn shift(self, delta: usize, out: &mut [u8]) {
        for offset in self.pointers.chunks_exact(2) {
            let at = usize::from(u16_at(offset, 0));
            let Some(pointer) = out.get_mut(at..at + 2) else { return };
            let moved = usize::from(u16::from_be_bytes([pointer[0], pointer[1]])) + delta;
            // Question and records that are pointed to lie within the first 16 KiB: see build.
            pointer.copy_from_slice(&u16::try_from(moved).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
}

/// Reads from behind the head of an RRset with `len` bytes of records: those, what stands beside them, and
/// the length of it all.
#[inline(never)]
fn read_more(flags: u8, bytes: &[u8], len: usize) -> (&[u8], More<'_>, usize) {
    let mut at = 0;
    let (mut extra_count, mut extra_len, mut pointers_len) = (0, 0, 0);
    let (mut sets_len, mut extra_required) = (0, 0);
    if flags & set_flag::EXTRA != 0 {
        extra_count = u16_at(bytes, at);
        extra_len = usize::from(u16_at(bytes, at + 2));
        sets_len = usize::from(u16_at(bytes, at + 4)) * 4;
        extra_required = u16_at(bytes, at + 6);
        at += 8;
    }
    if flags & set_flag::POINTERS != 0 {
        pointers_len = usize::from(u16_at(bytes, at)) * 2;
        at += 2;
    }
    let (records, tail) = bytes[at..].split_at(len);
    let (extra, tail) = tail.split_at(extra_len);
    let (pointers, tail) = tail.split_at(pointers_len);
    let more = More { extra_count, extra, extra_required, extra_sets: &tail[..sets_len], pointers };
    (records, more, at + len + extra_len + pointers_len + sets_len)
}

impl ZoneImage {
    /// The zone's name.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// How many labels the zone's name has.
    #[must_use]
    pub fn origin_labels(&self) -> usize {
        self.origin_labels
    }

    /// The folded name of the zone in wire form.
    #[must_use]
    pub fn folded_origin(&self) -> &[u8] {
        &self.folded_origin
    }

    /// How many names there are, empty non-terminals included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// Bytes of memory it takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.slots.len() * 8
    }

    /// The SOA as negative answers carry it (RFC 2308, 3), with pointers for longer questions.
    #[must_use]
    #[inline]
    pub fn negative(&self) -> Ready<'_> {
        Ready::read(&self.bytes[self.negative..]).0
    }

    /// Finds what answers the name of a query that lies in this zone.
    #[must_use]
    #[inline(always)]
    pub fn find(&self, name: &LookupName) -> Found<'_> {
        let labels = name.labels();
        let own_len = name.offset(self.origin_labels);
        if labels <= self.labels_max
            && let Some(node) = self.node(name, labels, own_len)
            && node.flags() & flag::OCCLUDED == 0
        {
            return if node.is_cut() { Found::Cut(node, labels) } else { Found::Exact(node) };
        }
        self.find_above(name, own_len)
    }

    /// The nearest ancestor decides for a name that is not there itself, or is hidden.
    #[inline(never)]
    fn find_above(&self, name: &LookupName, own_len: usize) -> Found<'_> {
        let deepest = name.labels().saturating_sub(1).min(self.labels_max);
        for labels in (self.origin_labels..=deepest).rev() {
            let Some(node) = self.node(name, labels, own_len) else { continue };
            if node.flags() & (flag::OCCLUDED | flag::CUT | flag::DNAME | flag::WILDCARD) == 0 {
                return Found::Missing;
            }
            if node.flags() & flag::OCCLUDED != 0 {
                continue;
            }
            if node.is_cut() {
                return Found::Cut(node, labels);
            }
            if node.flags() & flag::DNAME != 0 {
                return Found::Dname(node, labels);
            }
            // The closest encloser (RFC 4592, 3.3.1).
            return self.wildcard_below(name.hash(labels), node.own_name()).map_or(Found::Missing, Found::Wildcard);
        }
        Found::Missing
    }

    fn wildcard_below(&self, parent: Hash, own: &[u8]) -> Option<Node<'_>> {
        let hash = crate::dns::hash_label(parent, b"\x01*");
        self.node_where(hash, |node| node.own_name().strip_prefix(b"\x01*") == Some(own))
    }

    /// The node of the ancestor of `labels` labels; the zone's name begins `own_end` bytes into the name.
    #[inline(always)]
    fn node(&self, name: &LookupName, labels: usize, own_end: usize) -> Option<Node<'_>> {
        let start = name.offset(labels);
        let own_len = own_end - start;
        self.node_where(
            name.hash(labels),
            #[inline(always)]
            |node| node.own_len() == own_len && name.matches(start, &node.bytes[4..], own_len),
        )
    }

    #[inline(always)]
    fn node_where(&self, hash: Hash, is_it: impl Fn(&Node<'_>) -> bool) -> Option<Node<'_>> {
        let mut slot = slot_of(hash, self.slots.len());
        loop {
            let entry = *self.slots.get(slot)?;
            if entry >> 32 == tag_of(hash) {
                #[allow(clippy::cast_possible_truncation)] // the lower half
                let node = node_in(&self.bytes, entry as u32 as usize);
                if is_it(&node) {
                    return Some(node);
                }
            }
            if entry == 0 {
                return None;
            }
            slot = if slot + 1 == self.slots.len() { 0 } else { slot + 1 };
        }
    }
}

/// The node at `at`.
#[inline]
pub(super) fn node_in(bytes: &[u8], at: usize) -> Node<'_> {
    Node { bytes: &bytes[at..] }
}

/// The slot where the search for a hash begins, in a table of any size.
#[inline]
pub(super) fn slot_of(hash: Hash, slots: usize) -> usize {
    let wide = u128::from(hash.0.rotate_left(32)) * (slots as u128);
    #[allow(clippy::cast_possible_truncation)] // below `slots`
    let slot = (wide >> 64) as usize;
    slot
}

/// What a slot keeps of a hash.
#[inline]
pub(super) fn tag_of(hash: Hash) -> u64 {
    hash.0 >> 32
}
