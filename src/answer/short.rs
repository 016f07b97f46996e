//! The short way: one look-up and one copy make the usual reply. What is not usual goes the long way,
//! which starts from the query again, so that nothing here need be kept for it.
//!
//! The functions are inlined into one on purpose, each value lives in a register then; the few that
//! are not are for what is rare.

use super::reply::{Reply, Section};
use super::{Client, Witness, limit};
use crate::dns::{Class, LookupName, Query, Rcode, Rtype, parse};
use crate::policy::selector::Steering;
use crate::snapshot::{Found, Node, Row, Snapshot, Zone};

/// Answers one message, or leaves `out` to the long way.
#[inline]
pub(super) fn answer(
    name: &mut LookupName,
    witness: &mut impl Witness,
    snapshot: &Snapshot,
    packet: &[u8],
    client: Client,
    entropy: u64,
    out: &mut [u8],
) -> Option<usize> {
    let Ok(query) = parse(packet, name) else { return None };
    if !is_usual(&query) {
        return None;
    }
    let limit = limit(client, query.edns.as_ref(), out.len());
    let mut reply = Reply::new(packet, &query, snapshot.node(), &mut out[..limit]);
    let Some(zone) = snapshot.enclosing(query.name, query.name.labels()) else {
        return Some(reply.finish(Rcode::REFUSED));
    };
    witness.zone(zone.row);
    let (node, delta) = match zone.image.find(query.name) {
        Found::Exact(node) => (node, 0),
        Found::Wildcard(node) => {
            let owner_len = node.own_name().len() + zone.image.folded_origin().len();
            (node, query.name.folded().len() - owner_len)
        }
        Found::Missing => {
            reply.authoritative();
            reply.negative(zone, query.name);
            return Some(reply.finish(Rcode::NXDOMAIN));
        }
        Found::Cut(node, labels) if !node.is_wildcard() => {
            reply.ready(node.ready(Rtype::NS)?, query.name.offset(labels), Section::Authority);
            return Some(reply.finish(Rcode::NOERROR));
        }
        Found::Dname(..) | Found::Cut(..) => return None,
    };
    if node.is_alias() && query.rtype != Rtype::CNAME {
        return None;
    }
    reply.authoritative();
    match steering(zone, node, query.rtype) {
        Some((Steering::Pick(selector), rows)) => reply.selected(selector, client.ip, entropy, told(witness, rows)),
        Some((Steering::Nodata, _)) => reply.negative(zone, query.name),
        Some((Steering::Static, _)) | None => match node.ready(query.rtype) {
            Some(ready) => reply.ready(ready, delta, Section::Answer),
            None => reply.negative(zone, query.name),
        },
    }
    Some(reply.finish(Rcode::NOERROR))
}

/// Whether a query asks for data of one type in class IN, in a way that is understood.
#[inline(always)]
fn is_usual(query: &Query<'_>) -> bool {
    query.class == Class::IN
        && !query.rtype.is_meta()
        // Stands above the cut.
        && query.rtype != Rtype::DS
        && query.tsig.is_none()
        && query.edns.is_none_or(|edns| edns.version == 0)
}

/// Tells of records by their places.
#[inline(always)]
pub(super) fn told(witness: &mut impl Witness, rows: &[Row]) -> impl FnMut(usize) {
    |record| {
        if let Some(row) = rows.get(record) {
            witness.member(*row);
        }
    }
}

/// What a pool answers for this node and type, and where it is counted; none where no pool has a say.
#[inline(always)]
pub(super) fn steering<'a>(zone: &'a Zone, node: Node<'_>, rtype: Rtype) -> Option<(&'a Steering, &'a [Row])> {
    if !rtype.is_address() {
        return None;
    }
    Some(zone.pools.get(node.pool()?)?.family(rtype == Rtype::A))
}
