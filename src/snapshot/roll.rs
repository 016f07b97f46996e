//! Who has which row in tables of counters.
//!
//! Each thread that answers counts into tables of its own, with a row for each zone and for each address that a
//! pool may answer. The rows are given out here, when the set of zones changes: who stays keeps its row, so
//! that no counter goes back at a reload. A row whose holder is gone is given to another when no other is
//! free, under a new number; by that a thread knows to begin it at zero. Absent on purpose: the counters.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use crate::dns::Name;
use crate::model::pool::PoolId;
use crate::policy::Member;

/// Zones with rows of their own; those beyond share one. What monitors keep for each zone is some ten series,
/// and ten thousand series are what one target should bring at most.
pub const ZONES_MAX: usize = 1_000;
/// Addresses of endpoints with rows of their own; those beyond share one.
pub const MEMBERS_MAX: usize = 2_000;

/// A row in a table of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(u32);

impl Row {
    /// What belongs to no zone.
    pub const NONE: Self = Self(0);
    /// What has no row of its own.
    pub const OTHER: Self = Self(1);
    /// Queries of an EDNS version that nobody knows: their code does not fit the header of a reply, which is
    /// what others are told apart by.
    pub const BADVERS: Self = Self(2);
    /// The first that somebody holds.
    const FIRST: u32 = 3;

    /// Its place in a table.
    #[must_use]
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An address that a pool may answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolMember {
    /// The pool.
    pub pool: PoolId,
    /// The endpoint and the address.
    pub member: Member,
}

/// All rows.
#[derive(Debug, Clone)]
pub struct Roll {
    /// Of zones.
    pub zones: Rows<Name>,
    /// Of addresses.
    pub members: Rows<PoolMember>,
    version: u64,
}

impl Default for Roll {
    fn default() -> Self {
        Self { zones: Rows::new(ZONES_MAX), members: Rows::new(MEMBERS_MAX), version: 0 }
    }
}

impl Roll {
    /// The roll after this one, for these zones and addresses.
    #[must_use]
    pub fn next(&self, zones: impl IntoIterator<Item = Name>, members: impl IntoIterator<Item = PoolMember>) -> Self {
        let mut next = self.clone();
        next.zones.assign(zones);
        next.members.assign(members);
        next.version += 1;
        next
    }

    /// Differs from that of every roll before it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// The rows of one table.
#[derive(Debug, Clone)]
pub struct Rows<K> {
    /// From [`Row::FIRST`] on; none where nobody holds the row.
    holders: Vec<Option<Holder<K>>>,
    by_key: HashMap<K, Row>,
    /// Those that nobody holds, the one free longest first.
    free: VecDeque<Row>,
    /// The last number given.
    number: u64,
    max: usize,
    without: usize,
}

/// Who holds a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder<K> {
    /// Who.
    pub key: K,
    /// Given once and never again; not 0.
    pub number: u64,
}

impl<K: Clone + Eq + Hash> Rows<K> {
    fn new(max: usize) -> Self {
        Self { holders: Vec::new(), by_key: HashMap::new(), free: VecDeque::new(), number: 0, max, without: 0 }
    }

    /// Has these hold rows and nobody else.
    fn assign(&mut self, keys: impl IntoIterator<Item = K>) {
        let keys: Vec<K> = keys.into_iter().collect();
        let present: HashSet<&K> = keys.iter().collect();
        for (row, holder) in (Row::FIRST..).zip(&mut self.holders) {
            if let Some(gone) = holder.take_if(|holder| !present.contains(&holder.key)) {
                self.by_key.remove(&gone.key);
                self.free.push_back(Row(row));
            }
        }
        self.without = 0;
        for key in keys {
            if self.by_key.contains_key(&key) {
                continue;
            }
            let Some(row) = self.take_row() else {
                self.without += 1;
                continue;
            };
            self.number += 1;
            self.holders[row.index() - Row::FIRST as usize] = Some(Holder { key: key.clone(), number: self.number });
            self.by_key.insert(key, row);
        }
    }

    /// A row that nobody holds: one that nobody ever held, as long as there are any.
    fn take_row(&mut self) -> Option<Row> {
        let fresh = u32::try_from(self.holders.len()).ok().filter(|_| self.holders.len() < self.max);
        let Some(fresh) = fresh else { return self.free.pop_front() };
        self.holders.push(None);
        Some(Row(Row::FIRST + fresh))
    }

    /// Whose row it is; [`Row::OTHER`] where it has none of its own.
    #[must_use]
    pub fn row(&self, key: &K) -> Row {
        self.by_key.get(key).copied().unwrap_or(Row::OTHER)
    }

    /// All who hold a row, by rising row.
    pub fn holders(&self) -> impl Iterator<Item = (Row, &Holder<K>)> {
        (Row::FIRST..).zip(&self.holders).filter_map(|(row, holder)| Some((Row(row), holder.as_ref()?)))
    }

    /// Rows that a table must have.
    #[must_use]
    pub fn len(&self) -> usize {
        Row::FIRST as usize + self.holders.len()
    }

    /// Whether nobody holds a row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many share [`Row::OTHER`].
    #[must_use]
    pub fn without(&self) -> usize {
        self.without
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(rows: &Rows<u8>) -> Vec<(u32, u8, u64)> {
        rows.holders().map(|(row, holder)| (row.0, holder.key, holder.number)).collect()
    }

    #[test]
    fn who_stays_keeps_the_row_and_the_number() {
        let mut rows = Rows::new(3);
        rows.assign([7, 8]);
        assert_eq!(held(&rows), [(3, 7, 1), (4, 8, 2)]);
        rows.assign([9, 8]);
        assert_eq!(held(&rows), [(4, 8, 2), (5, 9, 3)], "a fresh row before one that was held");
        assert_eq!((rows.row(&7), rows.row(&8), rows.len()), (Row::OTHER, Row(4), 6));
    }

    #[test]
    fn rows_are_given_again_under_another_number_and_are_never_more_than_allowed() {
        let mut rows = Rows::new(2);
        rows.assign([1, 2]);
        rows.assign([2, 3, 4]);
        assert_eq!(held(&rows), [(3, 3, 3), (4, 2, 2)]);
        assert_eq!((rows.row(&4), rows.without(), rows.len()), (Row::OTHER, 1, 5));
        rows.assign([4]);
        assert_eq!(held(&rows), [(3, 4, 4)], "the row that is free longest");
        assert_eq!((rows.without(), rows.is_empty()), (0, false));
    }
}
