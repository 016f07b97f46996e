//! What was received and sent, counted by the thread that did it and summed by whoever asks.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one thread, on cache lines of their own so that no thread slows another.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Tally {
    queries: AtomicU64,
    replies: AtomicU64,
    unanswered: AtomicU64,
    unsent: AtomicU64,
    /// Turns of its loop.
    turns: AtomicU64,
}

/// TCP connections, as their thread says; only it writes.
#[derive(Debug, Default)]
pub(super) struct Visits {
    open: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    evicted: AtomicU64,
    timed_out: AtomicU64,
}

/// TCP connections: how many there are, and what became of those since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Connections at this moment.
    pub open: u64,
    /// That were given a place.
    pub accepted: u64,
    /// That were not, because nobody could be spared for them.
    pub refused: u64,
    /// That had to make room for another.
    pub evicted: u64,
    /// That used up their time: idle, slow to ask, or slow to read.
    pub timed_out: u64,
}

impl Visits {
    /// Says how things stand.
    pub(super) fn tell(&self, now: Connections) {
        let Connections { open, accepted, refused, evicted, timed_out } = now;
        let all = [
            (&self.open, open),
            (&self.accepted, accepted),
            (&self.refused, refused),
            (&self.evicted, evicted),
            (&self.timed_out, timed_out),
        ];
        all.into_iter().for_each(|(counter, now)| counter.store(now, Ordering::Relaxed));
    }

    /// How things stood last.
    pub(super) fn read(&self) -> Connections {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Connections {
            open: read(&self.open),
            accepted: read(&self.accepted),
            refused: read(&self.refused),
            evicted: read(&self.evicted),
            timed_out: read(&self.timed_out),
        }
    }
}

/// Messages since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages received.
    pub queries: u64,
    /// Replies that the system took; some messages deserve none.
    pub replies: u64,
    /// Messages that deserve no reply. Counted by itself: what is left of queries without replies goes up and
    /// down for who reads the others while they rise.
    pub unanswered: u64,
    /// Replies that the system refused to send.
    pub unsent: u64,
}

impl Tally {
    /// Adds to the counters. Only the thread that owns the tally calls it, so a load and a store are
    /// enough, which cost nothing beside an atomic addition.
    #[inline]
    pub(super) fn add(&self, more: Counts) {
        let Counts { queries, replies, unanswered, unsent } = more;
        let all = [
            (&self.queries, queries),
            (&self.replies, replies),
            (&self.unanswered, unanswered),
            (&self.unsent, unsent),
        ];
        for (counter, more) in all {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        }
    }

    /// Counts a turn of the loop, whether there was something to do or not. As for [`Tally::add`], only the
    /// thread that owns the tally calls it.
    #[inline]
    pub(super) fn turn(&self) {
        self.turns.store(self.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Turns so far.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// What was counted so far.
    pub(super) fn read(&self) -> Counts {
        Counts {
            queries: self.queries.load(Ordering::Relaxed),
            replies: self.replies.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
            unsent: self.unsent.load(Ordering::Relaxed),
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            queries: self.queries + other.queries,
            replies: self.replies + other.replies,
            unanswered: self.unanswered + other.unanswered,
            unsent: self.unsent + other.unsent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_falls_for_who_reads_while_it_rises() {
        const BATCHES: u64 = 2_000_000;
        let batch = Counts { queries: 7, replies: 4, unanswered: 2, unsent: 1 };
        let all = |Counts { queries, replies, unanswered, unsent }| [queries, replies, unanswered, unsent];
        let tally = Tally::default();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..BATCHES).for_each(|_| tally.add(batch)));
            let mut before = all(tally.read());
            while !writer.is_finished() {
                let now = all(tally.read());
                assert!(now.iter().zip(before).all(|(now, before)| *now >= before), "{now:?} after {before:?}");
                before = now;
            }
        });
        assert_eq!(all(tally.read()), all(batch).map(|count| count * BATCHES));
    }
}
