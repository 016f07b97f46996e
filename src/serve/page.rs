//! What a thread answered, by zone and code and by address of a pool: counted by the thread that did it, read by
//! whoever asks.
//!
//! The thread only ever loads and stores, which costs nothing beside an atomic addition; what is read is
//! some queries old at most. The tables grow, and rows change hands, when the thread takes up a snapshot of
//! other zones, and at no other time.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::answer::{Transport, Witness};
use crate::snapshot::{Roll, Row, Rows};

/// Codes that the header of a reply can hold (RFC 1035, 4.1.1): four bits.
pub(super) const RCODES: usize = 16;

/// The counters of one thread.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) zones: Table<RCODES>,
    pub(super) members: Table<1>,
}

/// Counters in rows of so many.
#[derive(Debug)]
pub(super) struct Table<const WIDTH: usize> {
    /// The numbers of those who hold the rows; 0 for nobody, and for the rows that are nobody's own.
    holders: Box<[AtomicU64]>,
    counts: Box<[AtomicU64]>,
}

impl<const WIDTH: usize> Table<WIDTH> {
    fn new(rows: usize) -> Self {
        let zeros = |n| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self { holders: zeros(rows), counts: zeros(rows * WIDTH) }
    }

    #[inline(always)]
    fn count(&self, at: usize) {
        if let Some(counter) = self.counts.get(at) {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    fn is_too_small_for<K: Clone + Eq + Hash>(&self, rows: &Rows<K>) -> bool {
        self.holders.len() < rows.len()
    }

    /// A table with all that this one has, and room for these rows and some more.
    fn grown<K: Clone + Eq + Hash>(&self, rows: &Rows<K>) -> Self {
        let larger = Self::new(rows.len().next_power_of_two().max(self.holders.len()));
        let copy = |from: &[AtomicU64], to: &[AtomicU64]| {
            from.iter().zip(to).for_each(|(from, to)| to.store(from.load(Ordering::Relaxed), Ordering::Relaxed));
        };
        copy(&self.holders, &larger.holders);
        copy(&self.counts, &larger.counts);
        larger
    }

    /// Begins the rows at zero that have another holder than before.
    fn hand_over<K: Clone + Eq + Hash>(&self, rows: &Rows<K>) {
        for (row, holder) in rows.holders() {
            let Some(number) = self.holders.get(row.index()) else { continue };
            if number.load(Ordering::Relaxed) != holder.number {
                self.row(row).iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
                // Who reads the number sees the zeros.
                number.store(holder.number, Ordering::Release);
            }
        }
    }

    fn row(&self, row: Row) -> &[AtomicU64] {
        self.counts.get(row.index() * WIDTH..(row.index() + 1) * WIDTH).unwrap_or_default()
    }

    /// The counters of a row, as long as this holder has it.
    pub(super) fn read(&self, row: Row, holder: u64) -> Option<[u64; WIDTH]> {
        let held = self.holders.get(row.index())?.load(Ordering::Acquire) == holder;
        let mut counts = [0; WIDTH];
        for (count, counter) in counts.iter_mut().zip(self.row(row)) {
            *count = counter.load(Ordering::Relaxed);
        }
        held.then_some(counts)
    }
}

/// The page of one thread, which it alone writes; it may be replaced by a larger one.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) transport: Transport,
    pub(super) page: ArcSwap<Page>,
    pub(super) truncated: AtomicU64,
}

/// Keeps the page of one thread.
pub(super) struct Clerk {
    shelf: Arc<Shelf>,
    page: Arc<Page>,
    /// Of the roll that the page follows. The roll itself is not held: to free it is not for this thread.
    version: u64,
    /// The zone of the query at hand.
    zone: Row,
}

impl Clerk {
    pub(super) fn new(transport: Transport, roll: &Roll) -> Self {
        let page = Arc::new(Page { zones: Table::new(0), members: Table::new(0) });
        let shelf = Arc::new(Shelf { transport, page: ArcSwap::new(Arc::clone(&page)), truncated: AtomicU64::new(0) });
        let mut clerk = Self { shelf, page, version: roll.version(), zone: Row::NONE };
        clerk.take_up(roll);
        clerk
    }

    /// Where what it counts can be read.
    pub(super) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Takes up these rows, where they are others.
    pub(super) fn follow(&mut self, roll: &Roll) {
        if roll.version() != self.version {
            self.version = roll.version();
            self.take_up(roll);
        }
    }

    fn take_up(&mut self, roll: &Roll) {
        let (zones, members) = (&roll.zones, &roll.members);
        if self.page.zones.is_too_small_for(zones) || self.page.members.is_too_small_for(members) {
            self.page =
                Arc::new(Page { zones: self.page.zones.grown(zones), members: self.page.members.grown(members) });
            self.shelf.page.store(Arc::clone(&self.page));
        }
        self.page.zones.hand_over(zones);
        self.page.members.hand_over(members);
    }

    /// Before a query.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        self.zone = Row::NONE;
    }

    /// After it: counts its reply, if there is one.
    #[inline(always)]
    pub(super) fn end(&self, reply: &[u8]) {
        let Some([_, _, high, low]) = reply.first_chunk::<4>() else { return };
        self.page.zones.count(self.zone.index() * RCODES + usize::from(low & 0xf));
        if high & 0x02 != 0 {
            let truncated = &self.shelf.truncated;
            truncated.store(truncated.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }
}

impl Witness for Clerk {
    #[inline(always)]
    fn zone(&mut self, row: Row) {
        self.zone = row;
    }

    #[inline(always)]
    fn member(&mut self, row: Row) {
        self.page.members.count(row.index());
    }
}
