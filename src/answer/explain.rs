//! A question with its answer, and what of the world they came from.
//!
//! The reply is made by the same code that answers queries; what stands beside it are look-ups in the
//! same snapshot, so that nothing is decided here.

use super::present::{Record, Reply};
use super::{Client, answer};
use crate::dns::{LookupName, Name, Query, Rtype, UDP_PAYLOAD_MAX, parse};
use crate::snapshot::{Found, Node, Snapshot, Zone};

/// What a question comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What stands at the name that is asked for.
    pub node: Place,
    /// What stands at the end of its aliases, where it is one and they end in a zone of this node.
    pub end: Option<Place>,
    /// The reply, as it is sent.
    pub wire: Vec<u8>,
    /// The same, read.
    pub reply: Reply,
}

/// What stands at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The zone that the name lies in.
    pub zone: Option<Name>,
    /// How its node was found.
    pub found: FoundAs,
    /// The node: the name itself, the wildcard, the cut or the DNAME; none where there is none.
    pub name: Option<Name>,
    /// Types of the master file there, by rising number.
    pub types: Vec<Rtype>,
    /// The pool that steers its addresses, by its place in the zone.
    pub pool: Option<usize>,
}

/// How a node was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoundAs {
    /// By its name.
    Exact,
    /// By the wildcard that covers the name (RFC 4592).
    Wildcard,
    /// By its name, where nothing stands: it exists because something does below (RFC 4592, 2.2.2).
    EmptyNonTerminal,
    /// There is none.
    Missing,
    /// At or above the name there is a delegation.
    Cut,
    /// It is a CNAME, or below a DNAME.
    Alias,
    /// The name lies in no zone of this node.
    OutOfZone,
}

/// Explains the answer to a query; None where it is none that can be looked up.
#[must_use]
pub fn explain(snapshot: &Snapshot, packet: &[u8], client: Client, entropy: u64) -> Option<Explanation> {
    let mut name = LookupName::ROOT;
    let query = parse(packet, &mut name).ok()?;
    let mut wire = vec![0; usize::from(UDP_PAYLOAD_MAX)];
    let len = answer(snapshot, packet, client, entropy, &mut wire);
    wire.truncate(len);
    let reply = Reply::read(&wire)?;
    let node = place(snapshot, &query);
    let end = if node.found == FoundAs::Alias { end_of(snapshot, &reply.answer, &query) } else { None };
    Some(Explanation { node, end, wire, reply })
}

/// Where the aliases of an answer lead to.
fn end_of(snapshot: &Snapshot, answer: &[Record], query: &Query<'_>) -> Option<Place> {
    let target = answer.iter().filter_map(|record| record.target.as_ref()).next_back()?;
    let name = LookupName::read(target.as_wire())?;
    Some(place(snapshot, &Query { name: &name, ..*query })).filter(|place| place.found != FoundAs::OutOfZone)
}

fn place(snapshot: &Snapshot, query: &Query<'_>) -> Place {
    let (name, rtype) = (query.name, query.rtype);
    let Some(zone) = zone_for(snapshot, name, rtype) else {
        return Place { zone: None, found: FoundAs::OutOfZone, name: None, types: Vec::new(), pool: None };
    };
    let aliases = |node: &Node<'_>| node.is_alias() && rtype != Rtype::CNAME && rtype != Rtype::ANY;
    let (found, node) = match zone.image.find(name) {
        // DS stands above the cut (RFC 4035, 3.1.4.1).
        Found::Cut(node, labels) if rtype == Rtype::DS && labels == name.labels() => (FoundAs::Exact, node),
        Found::Cut(node, _) => (FoundAs::Cut, node),
        Found::Dname(node, _) => (FoundAs::Alias, node),
        Found::Exact(node) | Found::Wildcard(node) if aliases(&node) => (FoundAs::Alias, node),
        Found::Wildcard(node) => (FoundAs::Wildcard, node),
        Found::Exact(node) if node.pool().is_none() && node.all().next().is_none() => (FoundAs::EmptyNonTerminal, node),
        Found::Exact(node) => (FoundAs::Exact, node),
        Found::Missing => {
            let zone = Some(zone.image.origin().clone());
            return Place { zone, found: FoundAs::Missing, name: None, types: Vec::new(), pool: None };
        }
    };
    Place {
        zone: Some(zone.image.origin().clone()),
        found,
        name: Name::from_wire(&[node.own_name(), zone.image.folded_origin()].concat()).ok(),
        types: node.all().map(|ready| ready.rtype).collect(),
        pool: node.pool(),
    }
}

/// As the answer chooses it.
fn zone_for<'a>(snapshot: &'a Snapshot, name: &LookupName, rtype: Rtype) -> Option<&'a Zone> {
    let zone = snapshot.enclosing(name, name.labels())?;
    let is_apex = zone.image.origin_labels() == name.labels();
    if rtype == Rtype::DS && is_apex && name.labels() > 0 {
        return snapshot.enclosing(name, name.labels() - 1).or(Some(zone));
    }
    Some(zone)
}
