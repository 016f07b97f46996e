//! The long way: one step after another through aliases and zones, as RFC 1034, 4.3.2 has it.
//!
//! Makes every kind of reply; needed for CNAME, DNAME, ANY and DS. Names are compressed anew, because
//! records in a chain belong to other names than the question's.

use super::reply::{AA, TC, finish};
use super::short::{steering, told};
use super::{Client, Witness};
use crate::dns::{Class, Full, HEADER_LEN, LookupName, NAME_MAX, Query, Rcode, Rtype, Writer, opt_len, read_name};
use crate::policy::selector::{Selector, Steering};
use crate::snapshot::{Found, Node, Ready, Row, Snapshot, Zone};

/// Aliases that are followed for one question; a longer chain is left to the resolver.
const STEPS_MAX: usize = 16;

struct Walk<'a, 'o, W> {
    witness: &'a mut W,
    snapshot: &'a Snapshot,
    query: &'a Query<'a>,
    client: Client,
    entropy: u64,
    writer: Writer<'o>,
    /// A pointer to the name that is asked for now.
    owner: [u8; 2],
    counts: [u16; 3],
    flags: u16,
    rcode: Rcode,
}

/// What a step leads to: the name that is asked for instead, or nothing, when the reply is complete.
type Next = Option<LookupName>;

/// Answers a query of class IN. `out` is as long as the reply may be.
pub(super) fn walk(
    witness: &mut impl Witness,
    snapshot: &Snapshot,
    packet: &[u8],
    query: &Query<'_>,
    client: Client,
    entropy: u64,
    out: &mut [u8],
) -> usize {
    let nsid = snapshot.node().as_bytes();
    out[..HEADER_LEN].copy_from_slice(&packet[..HEADER_LEN]);
    let edns = query.edns.map(|edns| edns.fitting(nsid, HEADER_LEN + query.question.len(), out.len()));
    let opt = edns.as_ref().map_or(0, |edns| opt_len(edns, nsid));
    let room = out.len() - opt;
    let (flags, rcode, counts, at) = match Writer::new(&mut out[..room], query.question) {
        Err(Full) => (TC, Rcode::NOERROR, [0; 3], HEADER_LEN + query.question.len()),
        Ok(writer) => {
            let start = writer.len();
            let mut walk = Walk {
                witness,
                snapshot,
                query,
                client,
                entropy,
                writer,
                owner: [0xc0, 0x0c],
                counts: [0; 3],
                flags: 0,
                rcode: Rcode::NOERROR,
            };
            match walk.run() {
                Ok(()) => (walk.flags, walk.rcode, walk.counts, walk.writer.len()),
                // It does not fit: nothing but the question.
                Err(Full) => (walk.flags | TC, walk.rcode, [0; 3], start),
            }
        }
    };
    finish(snapshot.node(), edns, flags, rcode, counts, out, at)
}

impl<'a, W: Witness> Walk<'a, '_, W> {
    fn run(&mut self) -> Result<(), Full> {
        let mut name = self.query.name;
        let mut owned;
        for step in 0..=STEPS_MAX {
            let Some(zone) = self.zone_for(name) else {
                if step == 0 {
                    self.rcode = Rcode::REFUSED;
                }
                return Ok(());
            };
            if step == 0 {
                self.witness.zone(zone.row);
            }
            match self.step(zone, name, step == 0)? {
                None => return Ok(()),
                Some(target) => {
                    owned = target;
                    name = &owned;
                }
            }
        }
        Ok(())
    }

    /// The zone that answers for a name: DS stands above the cut (RFC 4035, 3.1.4.1), so in the
    /// parent's zone where that is here too.
    fn zone_for(&self, name: &LookupName) -> Option<&'a Zone> {
        let snapshot = self.snapshot;
        let zone = snapshot.enclosing(name, name.labels())?;
        if self.query.rtype == Rtype::DS && zone.image.origin_labels() == name.labels() && name.labels() > 0 {
            return snapshot.enclosing(name, name.labels() - 1).or(Some(zone));
        }
        Some(zone)
    }

    fn step(&mut self, zone: &Zone, name: &LookupName, first: bool) -> Result<Next, Full> {
        let found = zone.image.find(name);
        match found {
            Found::Cut(node, labels) if self.query.rtype == Rtype::DS && labels == name.labels() => {
                self.set_authoritative(first);
                self.answer_from(zone, node, name)
            }
            Found::Cut(node, labels) => {
                if let Some(ready) = node.ready(Rtype::NS) {
                    let cut = name.ancestor(labels);
                    self.records(zone, node, &ready, cut, 1)?;
                    self.glue(zone, node, &ready);
                }
                Ok(None)
            }
            Found::Exact(node) | Found::Wildcard(node) => {
                self.set_authoritative(first);
                self.answer_from(zone, node, name)
            }
            Found::Dname(node, labels) => {
                self.set_authoritative(first);
                self.redirect(zone, node, name, labels)
            }
            Found::Missing => {
                self.set_authoritative(first);
                self.rcode = Rcode::NXDOMAIN;
                self.negative(zone, name)?;
                Ok(None)
            }
        }
    }

    /// AA speaks of the first owner in the answer (RFC 1035, 4.1.1); never of all classes (6.2 there).
    fn set_authoritative(&mut self, first: bool) {
        if first && self.query.class != Class::ANY {
            self.flags |= AA;
        }
    }

    fn answer_from(&mut self, zone: &Zone, node: Node<'_>, name: &LookupName) -> Result<Next, Full> {
        let rtype = self.query.rtype;
        if rtype == Rtype::ANY {
            return self.any(zone, node, name);
        }
        match steering(zone, node, rtype) {
            Some((Steering::Pick(selector), rows)) => {
                self.selected(selector, rows)?;
                return Ok(None);
            }
            Some((Steering::Nodata, _)) => {
                self.negative(zone, name)?;
                return Ok(None);
            }
            Some((Steering::Static, _)) | None => {}
        }
        if let Some(ready) = node.ready(rtype) {
            self.records(zone, node, &ready, name.folded(), 0)?;
            self.extra(zone, node, &ready);
            return Ok(None);
        }
        if let Some(alias) = node.ready(Rtype::CNAME) {
            return self.follow(&alias, name);
        }
        self.negative(zone, name)?;
        Ok(None)
    }

    /// One RRset instead of all (RFC 8482, 4.1): the pool's, else the one of the lowest type.
    fn any(&mut self, zone: &Zone, node: Node<'_>, name: &LookupName) -> Result<Next, Full> {
        for rtype in [Rtype::A, Rtype::AAAA] {
            match steering(zone, node, rtype) {
                Some((Steering::Pick(selector), rows)) => {
                    self.selected(selector, rows)?;
                    return Ok(None);
                }
                Some((Steering::Static, _)) => {
                    if let Some(ready) = node.ready(rtype) {
                        self.records(zone, node, &ready, name.folded(), 0)?;
                        return Ok(None);
                    }
                }
                Some((Steering::Nodata, _)) | None => {}
            }
        }
        // Addresses beside a pool are its fallback, not data of their own.
        let stands = |ready: &Ready<'_>| node.pool().is_none() || !ready.rtype.is_address();
        match node.all().find(stands) {
            Some(ready) => self.records(zone, node, &ready, name.folded(), 0)?,
            None => self.negative(zone, name)?,
        }
        Ok(None)
    }

    fn follow(&mut self, alias: &Ready<'_>, name: &LookupName) -> Result<Next, Full> {
        // CNAME data is kept whole: behind owner, type, class, TTL and length.
        let target = alias.records.get(12..).unwrap_or(&[0]);
        self.head(name.folded(), Rtype::CNAME, &alias.records[6..10])?;
        self.name_data(target)?;
        self.counts[0] += 1;
        let repeated = self.is_in_chain(target);
        match LookupName::read(target) {
            Some(target) if !repeated => Ok(Some(target)),
            _ => Ok(None),
        }
    }

    /// Whether a name was already asked or owns a CNAME of the answer: a chain that turns in a circle
    /// ends there.
    fn is_in_chain(&self, target: &[u8]) -> bool {
        let asked = &self.query.question[..self.query.question.len() - 4];
        asked.eq_ignore_ascii_case(target) || self.has_answered(target, Rtype::CNAME)
    }

    /// Whether the answer holds a record of this owner and type.
    fn has_answered(&self, owner: &[u8], wanted: Rtype) -> bool {
        let out = self.writer.written();
        let byte_at = |at: usize| out.get(at).copied();
        let mut at = HEADER_LEN + self.query.question.len();
        let mut name = [0; NAME_MAX];
        for _ in 0..self.counts[0] {
            let Some((len, after)) = read_name(byte_at, at, &mut name) else { return true };
            let rtype = Rtype(u16::from_be_bytes([out[after], out[after + 1]]));
            if name[..len].eq_ignore_ascii_case(owner) && rtype == wanted {
                return true;
            }
            at = after + 10 + usize::from(u16::from_be_bytes([out[after + 8], out[after + 9]]));
        }
        false
    }

    /// DNAME: the record itself, and a CNAME made for the name (RFC 6672, 3.1).
    fn redirect(&mut self, zone: &Zone, node: Node<'_>, name: &LookupName, labels: usize) -> Result<Next, Full> {
        let Some(ready) = node.ready(Rtype::DNAME) else { return Ok(None) };
        let ttl = &ready.records[6..10];
        let target = ready.records.get(12..).unwrap_or(&[0]);
        // A chain may pass it twice; a record stands in a message once.
        if !self.has_answered(name.ancestor(labels), Rtype::DNAME) {
            self.records(zone, node, &ready, name.ancestor(labels), 0)?;
        }
        let prefix = &name.folded()[..name.offset(labels)];
        let mut whole = [0; NAME_MAX];
        let len = prefix.len() + target.len();
        let Some(whole) = whole.get_mut(..len) else {
            self.rcode = Rcode::YXDOMAIN;
            return Ok(None);
        };
        whole[..prefix.len()].copy_from_slice(prefix);
        whole[prefix.len()..].copy_from_slice(target);
        self.head(name.folded(), Rtype::CNAME, ttl)?;
        self.name_data(whole)?;
        self.counts[0] += 1;
        let repeated = self.is_in_chain(whole);
        match LookupName::read(whole) {
            Some(target) if !repeated && self.query.rtype != Rtype::CNAME => Ok(Some(target)),
            _ => Ok(None),
        }
    }

    fn selected(&mut self, selector: &Selector, rows: &[Row]) -> Result<(), Full> {
        let (owner, client, entropy) = (self.owner, self.client.ip, self.entropy);
        let room = self.writer.room(selector.size())?;
        selector.write_and_tell(owner, client, entropy, room, told(self.witness, rows));
        self.counts[0] += u16::try_from(selector.count()).unwrap_or(u16::MAX);
        Ok(())
    }

    fn negative(&mut self, zone: &Zone, name: &LookupName) -> Result<(), Full> {
        let apex = name.ancestor(zone.image.origin_labels());
        self.copy(&zone.image.negative(), zone.image.folded_origin(), apex, 1)
    }

    fn records(
        &mut self,
        zone: &Zone,
        node: Node<'_>,
        ready: &Ready<'_>,
        owner: &[u8],
        section: usize,
    ) -> Result<(), Full> {
        let mut made_for = [0; NAME_MAX];
        let len = full_name(zone, node, &mut made_for);
        self.copy(ready, &made_for[..len], owner, section)
    }

    /// Copies records, owned by `owner`, whose names were compressed for the owner `made_for`.
    fn copy(&mut self, ready: &Ready<'_>, made_for: &[u8], owner: &[u8], section: usize) -> Result<(), Full> {
        let mut at = 0;
        for _ in 0..ready.count {
            // The owner is a pointer of two bytes.
            at = self.copy_record(ready, made_for, Some(owner), at)?;
        }
        self.counts[section] += ready.count;
        Ok(())
    }

    /// Copies the record at `at` of `ready`, and returns where the next one is.
    fn copy_record(
        &mut self,
        ready: &Ready<'_>,
        made_for: &[u8],
        owner: Option<&[u8]>,
        at: usize,
    ) -> Result<usize, Full> {
        let base = HEADER_LEN + made_for.len() + 4;
        let byte_at = |offset: usize| ready.byte_at(made_for, offset);
        let mut name = [0; NAME_MAX];
        let (len, after) = read_name(byte_at, base + at, &mut name).ok_or(Full)?;
        let after = after - base;
        let all = |from: usize, to: usize| slice(ready, from, to).ok_or(Full);
        let head = all(after, after + 10)?;
        let rtype = Rtype(u16::from_be_bytes([head[0], head[1]]));
        let end = after + 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
        self.head(owner.unwrap_or(&name[..len]), rtype, &head[4..8])?;
        let Some((skip, names)) = rtype.compressed_names() else {
            let rdata = all(after + 10, end)?;
            self.writer.u16(u16::from_be_bytes([head[8], head[9]]))?;
            self.writer.bytes(rdata)?;
            return Ok(end);
        };
        let len_at = self.writer.len();
        self.writer.u16(0)?;
        let mut from = after + 10;
        self.writer.bytes(all(from, from + skip)?)?;
        from += skip;
        for _ in 0..names {
            let (len, next) = read_name(byte_at, base + from, &mut name).ok_or(Full)?;
            self.writer.name(&name[..len], true)?;
            from = next - base;
        }
        self.writer.bytes(all(from, end)?)?;
        self.close(len_at);
        Ok(end)
    }

    /// Glue: without that of the delegation's own hosts the reply says that it is cut (RFC 9471).
    fn glue(&mut self, zone: &Zone, node: Node<'_>, ready: &Ready<'_>) {
        if self.extra(zone, node, ready) < ready.more().extra_required {
            self.flags |= TC;
        }
    }

    /// Copies additional RRsets as long as they fit whole; returns how many did.
    fn extra(&mut self, zone: &Zone, node: Node<'_>, ready: &Ready<'_>) -> u16 {
        let mut made_for = [0; NAME_MAX];
        let len = full_name(zone, node, &mut made_for);
        let mut at = ready.records.len();
        let mut sets = 0;
        for (records, _) in ready.more().extra_sets() {
            let mark = self.writer.len();
            for _ in 0..records {
                match self.copy_record(ready, &made_for[..len], None, at) {
                    Ok(next) => at = next,
                    Err(Full) => {
                        self.writer.truncate(mark);
                        return sets;
                    }
                }
            }
            self.counts[2] += records;
            sets += 1;
        }
        sets
    }

    /// Owner, type, class and TTL.
    fn head(&mut self, owner: &[u8], rtype: Rtype, ttl: &[u8]) -> Result<(), Full> {
        self.writer.name(owner, true)?;
        self.writer.u16(rtype.0)?;
        self.writer.u16(1)?;
        self.writer.bytes(ttl)
    }

    /// Data that is one name, with its length before it; that name is the one asked for from now on.
    fn name_data(&mut self, name: &[u8]) -> Result<(), Full> {
        let len_at = self.writer.len();
        self.writer.u16(0)?;
        let at = self.writer.len();
        self.writer.name(name, true)?;
        self.owner = match self.writer.written()[at..] {
            [high, low] if high >= 0xc0 => [high, low],
            // Sixteen aliases end far below the 16 KiB that pointers reach.
            _ => (0xc000 | u16::try_from(at).map_err(|_| Full)?).to_be_bytes(),
        };
        self.close(len_at);
        Ok(())
    }

    fn close(&mut self, len_at: usize) {
        let len = self.writer.len() - len_at - 2;
        self.writer.patch_u16(len_at, u16::try_from(len).unwrap_or(u16::MAX));
    }
}

/// Bytes of the records and the additional records taken together.
fn slice<'a>(ready: &Ready<'a>, from: usize, to: usize) -> Option<&'a [u8]> {
    let len = ready.records.len();
    if from >= len { ready.more().extra.get(from - len..to - len) } else { ready.records.get(from..to) }
}

/// Writes the node's folded name and returns its length.
fn full_name(zone: &Zone, node: Node<'_>, out: &mut [u8; NAME_MAX]) -> usize {
    let (own, origin) = (node.own_name(), zone.image.folded_origin());
    let len = own.len() + origin.len();
    out[..own.len()].copy_from_slice(own);
    out[own.len()..len].copy_from_slice(origin);
    len
}
