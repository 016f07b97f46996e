//! The rules that hold for a name and its RRsets, and the form in which they are kept.

use super::builder::{RawRecord, ZoneBuilder};
use super::canonical::Canonical;
use super::fault::{FaultKind, Place, ZoneFault};
use crate::dns::Rtype;

/// What an RRset may take in a message of 65,535 bytes: a header, the longest question (259 bytes), an
/// OPT record with all options that are answered, and a signature of the message always fit beside it.
const RRSET_SIZE_BYTES_MAX: usize = 64_000;
/// RRsets up to that size are searched for duplicates pair by pair.
const PAIRWISE_MAX: usize = 16;

impl ZoneBuilder {
    /// Checks one name, whose records `order` holds by type, and takes duplicates out.
    pub(super) fn check_node(&mut self, index: usize, order: &mut Vec<u32>) {
        // Nearly all names have one record, and most rules are about several.
        if let [only] = order[..]
            && (self.records[only as usize].rtype != Rtype::SOA || self.is_apex(&self.nodes[index]))
        {
            return;
        }
        let mut found = Vec::new();
        let mut duplicates = Vec::new();
        let is_apex = self.is_apex(&self.nodes[index]);
        for set in order.chunk_by(|a, b| self.records[*a as usize].rtype == self.records[*b as usize].rtype) {
            self.check_set(index, set, is_apex, &mut found, &mut duplicates);
        }
        let first = |wanted: fn(Rtype) -> bool| -> Option<&RawRecord> {
            order
                .iter()
                .map(|i| &self.records[*i as usize])
                .filter(|r| wanted(r.rtype))
                .min_by_key(|r| order_of(r.place))
        };
        let cname = first(|rtype| rtype == Rtype::CNAME);
        // These may stand beside a CNAME (RFC 4035, 2.5).
        let other = first(|rtype| !matches!(rtype, Rtype::CNAME | Rtype::RRSIG | Rtype::NSEC));
        if let (Some(cname), Some(other)) = (cname, other) {
            let (later, earlier) =
                if order_of(cname.place) > order_of(other.place) { (cname, other) } else { (other, cname) };
            found.push(self.fault_of(index, FaultKind::CnameAndOther, later).beside(earlier.place));
        }
        for fault in found {
            self.fault(fault);
        }
        if !duplicates.is_empty() {
            duplicates.sort_unstable();
            order.retain(|i| duplicates.binary_search(i).is_err());
        }
    }

    /// Checks the records of one type.
    fn check_set(
        &self,
        index: usize,
        set: &[u32],
        is_apex: bool,
        found: &mut Vec<ZoneFault>,
        duplicates: &mut Vec<u32>,
    ) {
        let record = |i: u32| &self.records[i as usize];
        let first = record(set[0]);
        if first.rtype == Rtype::SOA && !is_apex {
            let misplaced = set.iter().map(|i| self.fault_of(index, FaultKind::SoaBelowApex, record(*i)));
            found.extend(misplaced);
        }
        if set.len() == 1 {
            return;
        }
        let from = duplicates.len();
        self.find_duplicates(set, |earlier, later| {
            found.push(self.fault_of(index, FaultKind::Duplicate, record(later)).beside(record(earlier).place));
            duplicates.push(later);
        });
        let twice = &mut duplicates[from..];
        twice.sort_unstable();
        let single = match first.rtype {
            Rtype::SOA => Some(FaultKind::SecondSoa),
            Rtype::CNAME => Some(FaultKind::CnameAndOther),
            Rtype::DNAME => Some(FaultKind::SecondDname),
            _ => None,
        };
        let different = set[1..].iter().filter(|i| twice.binary_search(i).is_err());
        if let Some(kind) = single {
            found.extend(different.map(|i| self.fault_of(index, kind, record(*i)).beside(first.place)));
        }
        if let Some(&other) = set.iter().find(|i| record(**i).ttl != first.ttl) {
            found.push(self.fault_of(index, FaultKind::MixedTtl, record(other)).beside(first.place));
        }
    }

    /// Calls back with each record that repeats an earlier one of its set, and that one.
    fn find_duplicates(&self, set: &[u32], mut found: impl FnMut(u32, u32)) {
        let rdata = |i: u32| self.rdata(&self.records[i as usize]);
        let canonical = Canonical::of(self.records[set[0] as usize].rtype);
        if set.len() <= PAIRWISE_MAX {
            for (n, &later) in set.iter().enumerate() {
                if let Some(&earlier) = set[..n].iter().find(|i| canonical.same(rdata(**i), rdata(later))) {
                    found(earlier, later);
                }
            }
            return;
        }
        let mut sorted = set.to_vec();
        if canonical.has_names() {
            let order = |a: u32, b: u32| canonical.bytes(rdata(a)).cmp(canonical.bytes(rdata(b)));
            sorted.sort_unstable_by(|a, b| order(*a, *b).then(a.cmp(b)));
        } else {
            sorted.sort_unstable_by(|a, b| rdata(*a).cmp(rdata(*b)).then(a.cmp(b)));
        }
        for same in sorted.chunk_by(|a, b| canonical.same(rdata(*a), rdata(*b))) {
            for &later in &same[1..] {
                found(same[0], later);
            }
        }
    }

    /// Whether the apex has what it must.
    pub(super) fn check_apex(&mut self) {
        let apex = self.find(self.folded_origin.as_wire()).map(|index| &self.nodes[index]);
        let has = |wanted| apex.is_some_and(|apex| self.records_of(apex).any(|(_, r)| r.rtype == wanted));
        let missing = [(FaultKind::NoSoa, Rtype::SOA), (FaultKind::NoNs, Rtype::NS)].map(|m| (m, has(m.1)));
        for ((kind, rtype), is_there) in missing {
            if !is_there {
                self.fault(ZoneFault::new(kind, self.origin().clone(), rtype));
            }
        }
    }

    /// Appends a node in the form of [`super::Zone::bytes`]; returns how many records it has.
    pub(super) fn write_node(&mut self, index: usize, order: &[u32], out: &mut Vec<u8>) -> usize {
        let owner = self.owner(&self.nodes[index]);
        // At most 255 bytes.
        out.push(u8::try_from(owner.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(owner);
        let sets_at = out.len();
        out.extend_from_slice(&[0; 2]);
        let (mut sets, mut kept) = (0u16, 0);
        let mut too_large = None;
        for set in order.chunk_by(|a, b| self.records[*a as usize].rtype == self.records[*b as usize].rtype) {
            let records = || set.iter().map(|i| &self.records[*i as usize]);
            let Some(first) = records().next() else { continue };
            let ttl = records().map(|r| r.ttl).min().unwrap_or(first.ttl);
            out.extend_from_slice(&first.rtype.0.to_le_bytes());
            out.extend_from_slice(&ttl.to_le_bytes());
            let count_at = out.len();
            out.extend_from_slice(&[0; 2]);
            let (mut count, mut size) = (0u16, 0usize);
            for record in records() {
                let rdata = self.rdata(record);
                size += rdata.len() + 12;
                if size > RRSET_SIZE_BYTES_MAX {
                    too_large = too_large.or_else(|| Some(self.fault_of(index, FaultKind::RrsetTooLarge, record)));
                    break;
                }
                count += 1;
                // Data is at most 65,535 bytes.
                out.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_le_bytes());
                out.extend_from_slice(rdata);
            }
            out[count_at..count_at + 2].copy_from_slice(&count.to_le_bytes());
            kept += usize::from(count);
            sets += 1;
        }
        out[sets_at..sets_at + 2].copy_from_slice(&sets.to_le_bytes());
        if let Some(fault) = too_large {
            self.fault(fault);
        }
        kept
    }
}

fn order_of(place: Place) -> (u16, u32) {
    (place.file, place.at)
}
