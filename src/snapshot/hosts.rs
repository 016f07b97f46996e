//! Addresses that are sent along with an RRset that names hosts (RFC 1034, 4.3.2, step 6).

use std::collections::HashSet;

use super::build::{Asked, Build};
use super::records::{name_at, with_lengths};
use crate::dns::{Hash, NAME_MAX, Rtype, fold_into, hash_label, is_within};
use crate::model::zone::Rrset;

/// Addresses of one family that are sent along.
pub(super) struct Host {
    /// Whose.
    pub(super) name: Vec<u8>,
    /// A or AAAA.
    pub(super) rtype: Rtype,
    /// Seconds.
    pub(super) ttl: u32,
    /// Each address.
    pub(super) rdatas: Vec<Vec<u8>>,
    /// Without them a delegation leads nowhere.
    pub(super) required: bool,
}

impl Build<'_> {
    /// Addresses of the hosts that an RRset names, those that a delegation needs first.
    pub(super) fn targets(&self, owner: &[u8], set: &Rrset<'_>, asked: Asked) -> Vec<Host> {
        let Some(skip) = set.rtype.target_at() else { return Vec::new() };
        let mut seen = HashSet::new();
        let (mut inside, mut beside) = (Vec::new(), Vec::new());
        for rdata in set.rdatas() {
            let Some(wire) = name_at(rdata, skip) else { continue };
            // In SVCB a root target is the owner itself (RFC 9460, 2.5.2).
            let itself = wire == [0] && matches!(set.rtype, Rtype::SVCB | Rtype::HTTPS) && rdata[..2] != [0, 0];
            if itself && asked == Asked::AsWildcard {
                continue; // whose name is not known here
            }
            let wire = if itself { owner } else { wire };
            let mut folded = vec![0; wire.len()];
            fold_into(wire, &mut folded);
            if !is_within(&folded, &self.origin) || !seen.insert(folded.clone()) {
                continue;
            }
            // Below a delegation stands glue; elsewhere only what the zone answers itself is sent along,
            // and what a pool answers is not known here.
            let required = asked == Asked::Below && is_within(&folded, owner);
            if !required && (self.is_steered(&folded) || (asked != Asked::Below && self.is_hidden(&folded))) {
                continue;
            }
            let group = if required { &mut inside } else { &mut beside };
            for (rtype, ttl, rdatas) in self.addresses(&folded) {
                group.push(Host { name: wire.to_vec(), rtype, ttl, rdatas, required });
            }
        }
        inside.append(&mut beside);
        inside
    }

    /// The static addresses of a folded name: its own, or those of the wildcard that covers it.
    fn addresses(&self, folded: &[u8]) -> Vec<(Rtype, u32, Vec<Vec<u8>>)> {
        if self.exists(folded) {
            return self.own_addresses(folded);
        }
        if self.is_hidden(folded) {
            return Vec::new();
        }
        let mut name = folded;
        while name.len() > self.origin.len() {
            name = &name[usize::from(name[0]) + 1..];
            if self.exists(name) {
                let star = [b"\x01*", name].concat();
                let covered = star.len() <= NAME_MAX && self.exists(&star) && !self.is_steered(&star);
                return if covered { self.own_addresses(&star) } else { Vec::new() };
            }
        }
        Vec::new()
    }

    fn own_addresses(&self, folded: &[u8]) -> Vec<(Rtype, u32, Vec<Vec<u8>>)> {
        let mut found = Vec::new();
        if let Some(node) = self.late.get(folded) {
            for set in node.rrsets().filter(|set| set.rtype.is_address()) {
                found.push((set.rtype, set.ttl, set.rdatas().map(<[u8]>::to_vec).collect()));
            }
        } else if let Some(at) = self.offset_of(folded) {
            for ready in super::image::node_in(&self.bytes, at).all().filter(|ready| ready.rtype.is_address()) {
                let stride = ready.records.len() / usize::from(ready.count).max(1);
                let ttl = ready.records[6..].first_chunk().map_or(0, |ttl| u32::from_be_bytes(*ttl));
                let rdatas = ready.records.chunks_exact(stride).map(|record| record[12..].to_vec());
                found.push((ready.rtype, ttl, rdatas.collect()));
            }
        }
        found
    }

    fn is_steered(&self, folded: &[u8]) -> bool {
        self.steered.get(&Hash::of(folded).0).is_some_and(|(name, _)| name == folded)
    }

    /// Whether a folded name is a delegation, or lies below one or below a DNAME.
    fn is_hidden(&self, folded: &[u8]) -> bool {
        !self.hiding.is_empty() && (self.hiding.contains(&Hash::of(folded).0) || self.lies_below_hiding(folded))
    }

    pub(super) fn lies_below_hiding(&self, folded: &[u8]) -> bool {
        let labels: Vec<&[u8]> = with_lengths(folded).collect();
        let mut hash = Hash::ROOT;
        labels.iter().skip(1).rev().any(|label| {
            hash = hash_label(hash, label);
            self.hiding.contains(&hash.0)
        })
    }
}
