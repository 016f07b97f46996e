//! What is no fault of a zone and most likely not what was meant: data that nobody can see, and
//! servers without an address.

use super::builder::{RawNode, ZoneBuilder, has};
use super::fault::{FaultKind, ZoneFault};
use crate::dns::{LabelIter, NAME_MAX, Name, Rtype, fold_into, is_within};

impl ZoneBuilder {
    pub(super) fn lint(&mut self) {
        self.mark_servers();
        let mut found = Vec::new();
        if self.has & (has::CUT | has::DNAME) != 0 {
            found.extend((0..self.nodes.len()).filter_map(|index| self.lint_hidden(index)));
        }
        for index in 0..self.nodes.len() {
            self.lint_targets(index, &mut found);
        }
        for fault in found {
            self.fault(fault);
        }
    }

    /// Marks the names that delegations point to.
    fn mark_servers(&mut self) {
        if self.has & has::CUT == 0 {
            return;
        }
        for number in 0..self.records.len() {
            let record = &self.records[number];
            if record.rtype != Rtype::NS {
                continue;
            }
            let mut buffer = [0; NAME_MAX];
            let found = self.fold_target(self.rdata(record), &mut buffer).and_then(|target| self.find(target));
            if let Some(index) = found {
                self.nodes[index].has |= has::SERVER;
            }
        }
    }

    /// A target within the zone, folded.
    fn fold_target<'b>(&self, target: &[u8], buffer: &'b mut [u8; NAME_MAX]) -> Option<&'b [u8]> {
        let folded = buffer.get_mut(..target.len())?;
        fold_into(target, folded);
        (target.len() > 1 && is_within(folded, self.folded_origin.as_wire())).then_some(folded)
    }

    /// The nodes of a name and its ancestors, from below; the apex is not among them.
    fn climb<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = (&'n [u8], Option<&RawNode>)> {
        let mut rest = name;
        std::iter::from_fn(move || {
            let this = rest;
            let first = LabelIter::over(this).next()?;
            rest = &this[first.len() + 1..];
            (this.len() > self.folded_origin.as_wire().len()).then(|| (this, self.find(this).map(|i| &self.nodes[i])))
        })
    }

    /// A record of this name that no query can reach.
    fn lint_hidden(&self, index: usize) -> Option<ZoneFault> {
        let node = &self.nodes[index];
        let mut kind = None;
        for (_, above) in self.climb(self.owner(node)).skip(1) {
            match above.map_or(0, |above| above.has) {
                // The highest of them decides.
                bits if bits & has::CUT != 0 => kind = Some(FaultKind::BelowCut),
                bits if bits & has::DNAME != 0 => kind = Some(FaultKind::BelowDname),
                _ => {}
            }
        }
        let is_below = kind.is_some();
        if kind.is_none() && node.has & has::CUT != 0 {
            kind = Some(FaultKind::BelowCut);
        }
        let kind = kind?;
        let (_, record) = self.records_of(node).find(|(_, record)| match record.rtype {
            Rtype::NS | Rtype::DS if !is_below => false,
            rtype if rtype.is_address() && kind == FaultKind::BelowCut => node.has & has::SERVER == 0,
            _ => true,
        })?;
        Some(self.fault_of(index, kind, record))
    }

    /// Records of this name that point to where no address is.
    fn lint_targets(&self, index: usize, found: &mut Vec<ZoneFault>) {
        for (_, record) in self.records_of(&self.nodes[index]) {
            let skip = match record.rtype {
                Rtype::NS => 0,
                Rtype::MX => 2,
                Rtype::SRV => 6,
                _ => continue,
            };
            let mut buffer = [0; NAME_MAX];
            let target = self.rdata(record).get(skip..).unwrap_or_default();
            let Some(folded) = self.fold_target(target, &mut buffer) else { continue };
            let Some(kind) = self.judge(index, record.rtype, folded) else { continue };
            let target = Name::from_wire(target).unwrap_or_else(|_| Name::root());
            found.push(self.fault_of(index, kind, record).points_to(target));
        }
    }

    /// What is wrong with a target within the zone.
    fn judge(&self, index: usize, rtype: Rtype, target: &[u8]) -> Option<FaultKind> {
        let bits = self.find(target).map(|at| self.nodes[at].has);
        let mut below = self.climb(target).filter_map(|(name, node)| Some((name, node?)));
        if let Some((cut, _)) = below.find(|(_, node)| node.has & has::CUT != 0) {
            // Addresses below a cut are another zone's, unless the cut needs them to be found.
            let is_own = rtype == Rtype::NS && self.owner(&self.nodes[index]) == cut;
            return (is_own && bits.unwrap_or(0) & has::ADDRESS == 0).then_some(FaultKind::TargetNoAddress);
        }
        if self.climb(target).skip(1).any(|(_, node)| node.is_some_and(|node| node.has & has::DNAME != 0)) {
            return None;
        }
        let bits = match bits {
            Some(bits) => bits,
            None => self.wildcard_bits(target),
        };
        match bits {
            bits if bits & has::ADDRESS != 0 => None,
            bits if bits & has::ALIAS != 0 => Some(FaultKind::TargetAlias),
            _ => Some(FaultKind::TargetNoAddress),
        }
    }

    /// What the wildcard has that answers for a name that is not there (RFC 4592).
    fn wildcard_bits(&self, target: &[u8]) -> u8 {
        let apex = self.folded_origin.as_wire();
        let above = self.climb(target).skip(1).map(|(name, node)| (name, node.is_some())).chain([(apex, true)]);
        for (ancestor, exists) in above {
            let mut wildcard = [0; NAME_MAX];
            wildcard[..2].copy_from_slice(b"\x01*");
            if let Some(tail) = wildcard.get_mut(2..2 + ancestor.len()) {
                tail.copy_from_slice(ancestor);
                if let Some(found) = self.find(&wildcard[..2 + ancestor.len()]) {
                    return self.nodes[found].has;
                }
            }
            if exists {
                return 0;
            }
        }
        0
    }
}
