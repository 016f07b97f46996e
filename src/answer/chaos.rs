//! Class CH: which server is this (RFC 4892).

use super::reply::Reply;
use crate::dns::{Query, Rcode, Rtype};
use crate::snapshot::Snapshot;

const VERSION: &str = concat!("pharos ", env!("CARGO_PKG_VERSION"));

/// Answers TXT at `version.bind`, `version.server`, `id.server` and `hostname.bind`; refuses what else
/// there is in the class.
pub(super) fn answer(snapshot: &Snapshot, query: &Query<'_>, mut reply: Reply<'_, '_>) -> usize {
    let text = match query.name.folded() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => VERSION,
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => snapshot.node(),
        _ => return reply.finish(Rcode::REFUSED),
    };
    if !matches!(query.rtype, Rtype::TXT | Rtype::ANY) {
        return reply.finish(Rcode::REFUSED);
    }
    reply.authoritative();
    reply.text(text.as_bytes());
    reply.finish(Rcode::NOERROR)
}
