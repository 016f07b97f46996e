//! A reply under construction from finished records.

use std::net::IpAddr;

use super::reply_flags;
use crate::dns::{Edns, HEADER_LEN, LookupName, Query, Rcode, opt_len, write_opt};
use crate::policy::selector::Selector;
use crate::snapshot::{More, Ready, Zone};

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What was asked for.
    Answer,
    /// Who knows, or why there is nothing.
    Authority,
}

/// Authoritative answer (RFC 1035, 4.1.1).
pub(super) const AA: u16 = 0x0400;
/// Truncated.
pub(super) const TC: u16 = 0x0200;

/// Header and question as they came, and records as they are copied in. The header is made a reply's last.
pub(super) struct Reply<'q, 'o> {
    node: &'q str,
    edns: Option<Edns>,
    out: &'o mut [u8],
    /// Where the question ends.
    start: usize,
    at: usize,
    /// Records may go up to here: room for OPT is kept.
    limit: usize,
    flags: u16,
    /// Records by section: answer, authority, additional.
    counts: [u16; 3],
}

impl<'q, 'o> Reply<'q, 'o> {
    /// Begins a reply in `out`, which is as long as the reply may be.
    #[inline(always)]
    pub(super) fn new(packet: &[u8], query: &Query<'_>, node: &'q str, out: &'o mut [u8]) -> Self {
        let start = HEADER_LEN + query.question.len();
        copy(&packet[..start], &mut out[..start]);
        let (mut limit, mut edns) = (out.len(), None);
        if let Some(asked) = query.edns {
            let asked = asked.fitting(node.as_bytes(), start, limit);
            limit -= opt_len(&asked, node.as_bytes());
            edns = Some(asked);
        }
        Self { node, edns, out, start, at: start, limit, flags: 0, counts: [0; 3] }
    }

    /// Sets AA.
    #[inline(always)]
    pub(super) fn authoritative(&mut self) {
        self.flags |= AA;
    }

    /// Copies records. `delta` is what the question is longer than the owner they were made for.
    #[inline(always)]
    pub(super) fn ready(&mut self, ready: Ready<'_>, delta: usize, section: Section) {
        let end = self.at + ready.records.len();
        if end > self.limit {
            return self.cut();
        }
        let start = self.at;
        copy(ready.records, &mut self.out[start..end]);
        self.at = end;
        self.counts[if section == Section::Answer { 0 } else { 1 }] = ready.count;
        let Some(more) = ready.more else { return };
        if more.extra_count > 0 {
            let is_delegation = section == Section::Authority;
            let (len, count, flags) = extra(more, is_delegation, &mut self.out[end..self.limit]);
            self.at += len;
            self.counts[2] += count;
            self.flags |= flags;
        }
        if delta > 0 {
            more.shift(delta, &mut self.out[start..self.at]);
        }
    }

    /// Draws addresses, and tells which.
    #[inline(always)]
    pub(super) fn selected(&mut self, selector: &Selector, client: IpAddr, entropy: u64, tell: impl FnMut(usize)) {
        let end = self.at + selector.size();
        if end > self.limit {
            return self.cut();
        }
        selector.write_and_tell([0xc0, 0x0c], client, entropy, &mut self.out[self.at..end], tell);
        self.at = end;
        self.counts[0] = u16::try_from(selector.count()).unwrap_or(u16::MAX);
    }

    /// Adds the zone's SOA, for a negative answer (RFC 2308, 3).
    #[inline(always)]
    pub(super) fn negative(&mut self, zone: &Zone, name: &LookupName) {
        let delta = name.offset(zone.image.origin_labels());
        self.ready(zone.image.negative(), delta, Section::Authority);
    }

    /// Appends one record of class CH owned by the question's name.
    pub(super) fn text(&mut self, text: &[u8]) {
        // A character-string holds 255 bytes.
        let text = &text[..text.len().min(255)];
        let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
        let head = [0xc0, 0x0c, 0, 16, 0, 3, 0, 0, 0, 0];
        let end = self.at + head.len() + 3 + text.len();
        if end > self.limit {
            return self.cut();
        }
        let out = &mut self.out[self.at..end];
        out[..10].copy_from_slice(&head);
        out[10..12].copy_from_slice(&(u16::from(len) + 1).to_be_bytes());
        out[12] = len;
        out[13..].copy_from_slice(text);
        self.at = end;
        self.counts[0] += 1;
    }

    /// It does not fit: nothing but the question, and TC.
    #[inline(always)]
    fn cut(&mut self) {
        self.flags |= TC;
        self.at = self.start;
        self.counts = [0; 3];
    }

    /// Adds OPT, makes the header a reply's and returns the reply's length.
    #[inline(always)]
    pub(super) fn finish(&mut self, rcode: Rcode) -> usize {
        finish(self.node, self.edns, self.flags, rcode, self.counts, self.out, self.at)
    }
}

/// Copies the additional records to `room`, or as many RRsets of them as fit whole (RFC 2181, 9).
/// Returns their bytes, how many they are, and flags for the reply.
#[inline(never)]
fn extra(more: More<'_>, is_delegation: bool, room: &mut [u8]) -> (usize, u16, u16) {
    let (mut len, mut count, mut flags) = (more.extra.len(), more.extra_count, 0);
    if len > room.len() {
        let mut sets = 0;
        (len, count) = (0, 0);
        for (records, bytes) in more.extra_sets() {
            if len + bytes > room.len() {
                break;
            }
            (len, count, sets) = (len + bytes, count + records, sets + 1);
        }
        // A delegation without the addresses of its own hosts may lead nowhere (RFC 9471).
        if is_delegation && sets < more.extra_required {
            flags = TC;
        }
    }
    room[..len].copy_from_slice(&more.extra[..len]);
    (len, count, flags)
}

/// Adds OPT behind `at`, makes the query's header at the front of `out` a reply's, and returns the
/// reply's length.
#[inline(always)]
pub(super) fn finish(
    node: &str,
    edns: Option<Edns>,
    flags: u16,
    rcode: Rcode,
    mut counts: [u16; 3],
    out: &mut [u8],
    mut at: usize,
) -> usize {
    if let Some(edns) = edns {
        at += write_opt(&edns, rcode, node.as_bytes(), &mut out[at..]);
        counts[2] += 1;
    }
    if let Some([_, _, f0, f1, _, _, rest @ ..]) = out.first_chunk_mut::<HEADER_LEN>() {
        [*f0, *f1] = (flags | reply_flags(u16::from_be_bytes([*f0, *f1]), rcode)).to_be_bytes();
        let [an, ns, ar] = counts.map(u16::to_be_bytes);
        *rest = [an[0], an[1], ns[0], ns[1], ar[0], ar[1]];
    }
    at
}

/// Copies all of `from`; `to` is as long. Most replies are a few words, for which a call costs more
/// than the work.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    if !copy_ends::<32>(from, to) && !copy_ends::<16>(from, to) {
        to.copy_from_slice(from);
    }
}

/// Copies the first and the last `N` bytes, which is everything where there are at most twice as many;
/// says whether it is.
#[inline(always)]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    if from.len() > 2 * N {
        return false;
    }
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return false };
    if let Some(place) = to.first_chunk_mut::<N>() {
        *place = *first;
    }
    if let Some(place) = to.last_chunk_mut::<N>() {
        *place = *last;
    }
    true
}
