//! A reply under construction from finished records.

use std::net::IpAddr;

use super::reply_flags;
use crate::dns::{Edns, HEADER_LEN, Query, Rcode, opt_len, write_opt};
use crate::policy::selector::Selector;
use crate::snapshot::{Ready, Zone};

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

/// Header, question and records as they are copied in. The header is written last.
pub(super) struct Reply<'q, 'o> {
    query: &'q Query<'q>,
    node: &'q str,
    edns: Option<Edns>,
    out: &'o mut [u8],
    at: usize,
    /// Records may go up to here: room for OPT is kept.
    limit: usize,
    flags: u16,
    /// Records by section: answer, authority, additional.
    counts: [u16; 3],
}

impl<'q, 'o> Reply<'q, 'o> {
    /// Begins a reply in `out`, which is as long as the reply may be.
    #[inline]
    pub(super) fn new(query: &'q Query<'q>, node: &'q str, out: &'o mut [u8]) -> Self {
        let at = HEADER_LEN + query.question.len();
        out[HEADER_LEN..at].copy_from_slice(query.question);
        let edns = query.edns.map(|edns| edns.fitting(node.as_bytes(), at, out.len()));
        let limit = out.len() - edns.as_ref().map_or(0, |edns| opt_len(edns, node.as_bytes()));
        Self { query, node, edns, out, at, limit, flags: 0, counts: [0; 3] }
    }

    /// Gives the buffer back, for a reply that is made otherwise.
    pub(super) fn into_out(self) -> &'o mut [u8] {
        self.out
    }

    /// Sets AA.
    #[inline]
    pub(super) fn authoritative(&mut self) {
        self.flags |= AA;
    }

    /// Copies records. `delta` is what the question is longer than the owner they were made for.
    #[inline]
    pub(super) fn ready(&mut self, ready: &Ready<'_>, delta: usize, section: Section) {
        let end = self.at + ready.records.len();
        if end > self.limit {
            return self.cut();
        }
        let start = self.at;
        self.out[start..end].copy_from_slice(ready.records);
        self.at = end;
        self.counts[if section == Section::Answer { 0 } else { 1 }] = ready.count;
        if ready.extra_count > 0 {
            self.extra(ready, section);
        }
        ready.shift(delta, &mut self.out[start..self.at]);
    }

    /// Copies the additional records, or as many RRsets of them as fit whole (RFC 2181, 9).
    fn extra(&mut self, ready: &Ready<'_>, section: Section) {
        let (mut len, mut count) = (ready.extra.len(), ready.extra_count);
        if self.at + len > self.limit {
            let room = self.limit - self.at;
            let mut sets = 0;
            (len, count) = (0, 0);
            for (records, bytes) in ready.extra_sets() {
                if len + bytes > room {
                    break;
                }
                (len, count, sets) = (len + bytes, count + records, sets + 1);
            }
            // A delegation without the addresses of its own hosts may lead nowhere (RFC 9471).
            if section == Section::Authority && sets < ready.extra_required {
                self.flags |= TC;
            }
        }
        self.out[self.at..self.at + len].copy_from_slice(&ready.extra[..len]);
        self.at += len;
        self.counts[2] += count;
    }

    /// Draws addresses.
    #[inline]
    pub(super) fn selected(&mut self, selector: &Selector, client: IpAddr, entropy: u64) {
        if self.at + selector.size() > self.limit {
            return self.cut();
        }
        self.at += selector.write([0xc0, 0x0c], client, entropy, &mut self.out[self.at..]);
        self.counts[0] = u16::try_from(selector.count()).unwrap_or(u16::MAX);
    }

    /// Adds the zone's SOA, for a negative answer (RFC 2308, 3).
    #[inline]
    pub(super) fn negative(&mut self, zone: &Zone, query: &Query<'_>) {
        let delta = query.name.offset(zone.image.origin_labels());
        self.ready(&zone.image.negative(), delta, Section::Authority);
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
    #[cold]
    fn cut(&mut self) {
        self.flags |= TC;
        self.at = HEADER_LEN + self.query.question.len();
        self.counts = [0; 3];
    }

    /// Adds OPT, writes the header and returns the reply's length.
    #[inline]
    pub(super) fn finish(&mut self, rcode: Rcode) -> usize {
        finish(self.query, self.node, self.edns.as_ref(), self.flags, rcode, self.counts, self.out, self.at)
    }
}

/// Adds OPT behind `at`, writes the header and returns the reply's length.
#[inline]
#[allow(clippy::too_many_arguments)] // the parts of a message, each of its own type
pub(super) fn finish(
    query: &Query<'_>,
    node: &str,
    edns: Option<&Edns>,
    flags: u16,
    rcode: Rcode,
    mut counts: [u16; 3],
    out: &mut [u8],
    mut at: usize,
) -> usize {
    if let Some(edns) = edns {
        at += write_opt(edns, rcode, node.as_bytes(), &mut out[at..]);
        counts[2] += 1;
    }
    let flags = flags | reply_flags(query.header, rcode);
    let (id, flags) = (query.header.id.to_be_bytes(), flags.to_be_bytes());
    let [an, ns, ar] = counts.map(u16::to_be_bytes);
    out[..HEADER_LEN]
        .copy_from_slice(&[id[0], id[1], flags[0], flags[1], 0, 1, an[0], an[1], ns[0], ns[1], ar[0], ar[1]]);
    at
}
