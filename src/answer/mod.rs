//! From a query's bytes to a reply's bytes.
//!
//! [`answer`] is what every transport calls. The usual replies are one look-up and one copy and are
//! made by `short`; what needs more than that (chains of aliases, ANY) is made by `walk`, which can make
//! every reply and so is also what the short way is tested against. Nothing is allocated.

mod chaos;
mod explain;
mod present;
mod reply;
mod short;
mod tsig;
mod walk;

pub use explain::{Explanation, FoundAs, Place, explain};
pub use present::{Record, Reply as ReadReply};

use std::net::IpAddr;

use crate::dns::{Class, Edns, HEADER_LEN, LookupName, Query, Rcode, Rtype, UDP_PAYLOAD_MAX, Unparsed, parse};
use crate::snapshot::{Row, Snapshot};
use reply::Reply;

/// What a transport knows of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The address that the query came from.
    pub ip: IpAddr,
    /// How it came.
    pub transport: Transport,
}

/// How a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the reply is bounded, and cut where it does not fit.
    Udp,
    /// Over a stream.
    Tcp,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];
}

/// Who is told where a reply came from while it is made, so that it can be counted there.
pub trait Witness {
    /// The zone that the question lies in. Told once more where the reply is begun anew.
    fn zone(&mut self, row: Row);
    /// An address of a pool that is in the reply.
    fn member(&mut self, row: Row);
}

/// Nobody.
impl Witness for () {
    #[inline(always)]
    fn zone(&mut self, _: Row) {}

    #[inline(always)]
    fn member(&mut self, _: Row) {}
}

/// Bytes of a UDP reply to a client without EDNS (RFC 1035, 4.2.1).
const UDP_PLAIN_MAX: usize = 512;

/// Answers one message. Writes the reply to the front of `out` and returns its length; 0 means that
/// nothing is sent. `out` must hold at least 1,232 bytes for UDP and 65,535 for TCP; what does not
/// fit is cut with TC set. `entropy` decides draws by weight and should differ for each query.
///
/// ```
/// # use std::sync::Arc;
/// use pharos::answer::{Client, Transport, answer};
/// use pharos::snapshot::Snapshot;
///
/// let world = Snapshot::new(1, "ns1".into(), Vec::new());
/// let client = Client { ip: [192, 0, 2, 1].into(), transport: Transport::Udp };
/// let query = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x07example\0\0\x01\0\x01";
/// let mut out = [0; 1232];
/// let len = answer(&world, query, client, 0, &mut out);
/// assert_eq!(len, query.len());
/// assert_eq!(out[3] & 0xf, 5, "no zone: refused");
/// ```
#[inline]
pub fn answer(snapshot: &Snapshot, packet: &[u8], client: Client, entropy: u64, out: &mut [u8]) -> usize {
    let mut name = LookupName::ROOT;
    answer_with(&mut name, &mut (), snapshot, packet, client, entropy, out)
}

/// As [`answer`], with room for the name that is asked for, which a transport keeps from one query to
/// the next, and who is told where the reply came from.
#[inline]
pub fn answer_with(
    name: &mut LookupName,
    witness: &mut impl Witness,
    snapshot: &Snapshot,
    packet: &[u8],
    client: Client,
    entropy: u64,
    out: &mut [u8],
) -> usize {
    match short::answer(name, witness, snapshot, packet, client, entropy, out) {
        Some(len) => len,
        None => walk_with(witness, snapshot, packet, client, entropy, out),
    }
}

/// As [`answer`], but every reply is made the long way. Slower, and equal to it when decoded; but for
/// questions of more labels than a writer remembers, whose replies are less compressed.
pub fn answer_by_walking(snapshot: &Snapshot, packet: &[u8], client: Client, entropy: u64, out: &mut [u8]) -> usize {
    walk_with(&mut (), snapshot, packet, client, entropy, out)
}

#[inline(never)]
fn walk_with(
    witness: &mut impl Witness,
    snapshot: &Snapshot,
    packet: &[u8],
    client: Client,
    entropy: u64,
    out: &mut [u8],
) -> usize {
    let mut name = LookupName::ROOT;
    match parse(packet, &mut name) {
        Ok(query) => {
            let limit = limit(client, query.edns.as_ref(), out.len());
            let out = &mut out[..limit];
            match settle_early(witness, snapshot, packet, &query, out) {
                Some(len) => len,
                None => walk::walk(witness, snapshot, packet, &query, client, entropy, out),
            }
        }
        Err(unparsed) => answer_fault(unparsed, packet, out),
    }
}

/// How long a reply may be.
#[inline(always)]
fn limit(client: Client, edns: Option<&Edns>, room: usize) -> usize {
    match (client.transport, edns) {
        (Transport::Tcp, _) => room.min(usize::from(u16::MAX)),
        (Transport::Udp, None) => room.min(UDP_PLAIN_MAX),
        // Less than 512 means 512 (RFC 6891, 6.2.3).
        (Transport::Udp, Some(edns)) => room.min(usize::from(edns.payload.min(UDP_PAYLOAD_MAX)).max(UDP_PLAIN_MAX)),
    }
}

/// Replies that need no zone: other classes, types that are no data.
fn settle_early(
    witness: &mut impl Witness,
    snapshot: &Snapshot,
    packet: &[u8],
    query: &Query<'_>,
    out: &mut [u8],
) -> Option<usize> {
    let plain = query.class == Class::IN && !query.rtype.is_meta() && query.tsig.is_none();
    if plain && query.edns.is_none_or(|edns| edns.version == 0) {
        return None;
    }
    let mut reply = Reply::new(packet, query, snapshot.node(), out);
    if query.edns.is_some_and(|edns| edns.version != 0) {
        witness.zone(Row::BADVERS);
        return Some(reply.finish(Rcode::BADVERS));
    }
    if let Some(at) = query.tsig {
        // No keys are known here (RFC 8945, 5.2.1).
        let len = reply.finish(Rcode::NOTAUTH);
        return Some(tsig::append_bad_key(packet, at, out, len));
    }
    if query.class == Class::CH {
        return Some(chaos::answer(snapshot, query, reply));
    }
    if query.class != Class::IN && query.class != Class::ANY {
        return Some(reply.finish(Rcode::REFUSED));
    }
    if matches!(query.rtype, Rtype::AXFR | Rtype::IXFR) {
        // Transfers are not served (RFC 5936, 2.2.1).
        let zone = snapshot.enclosing(query.name, query.name.labels());
        if let Some(zone) = zone {
            witness.zone(zone.row);
        }
        let is_apex = zone.is_some_and(|zone| zone.image.origin_labels() == query.name.labels());
        return Some(reply.finish(if is_apex { Rcode::REFUSED } else { Rcode::NOTAUTH }));
    }
    None
}

/// The reply to what is not a query that can be looked up.
#[cold]
fn answer_fault(unparsed: Unparsed, packet: &[u8], out: &mut [u8]) -> usize {
    let Unparsed::Reply { header, rcode, question_len, edns } = unparsed else { return 0 };
    let end = HEADER_LEN + question_len;
    out[..end].copy_from_slice(&packet[..end]);
    out[2..4].copy_from_slice(&reply_flags(header.flags, rcode).to_be_bytes());
    let mut at = end;
    if let Some(edns) = &edns {
        at += crate::dns::write_opt(edns, rcode, &[], &mut out[at..]);
    }
    out[4..HEADER_LEN].copy_from_slice(&[0, u8::from(question_len > 0), 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
    at
}

/// Flags of the reply to a query with these: opcode and RD are the query's (RFC 1035, 4.1.1), CD is
/// clear (RFC 4035, 3.1.6).
#[inline(always)]
fn reply_flags(query: u16, rcode: Rcode) -> u16 {
    0x8000 | (query & 0x7900) | (rcode.0 & 0xf)
}
