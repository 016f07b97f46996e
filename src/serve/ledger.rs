//! What all threads answered, summed when somebody asks.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::page::{RCODES, Shelf};
use crate::answer::Transport;
use crate::dns::Rcode;
use crate::snapshot::{Roll, Row};

/// Rows that are nobody's own.
const SHARED: [Row; 2] = [Row::NONE, Row::OTHER];

/// The counters of all threads that answer; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Arc<Shelf>>>>);

/// What was answered since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// Queries by how they came, the zone they were about and the code of the reply; none that are 0, and
    /// none of zones that are gone.
    pub queries: Vec<Queries>,
    /// How often an address of a pool was in a reply.
    pub members: Vec<(Row, u64)>,
    /// Replies that were cut, by how they went.
    pub truncated: Vec<(Transport, u64)>,
}

/// One count of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queries {
    /// How they came.
    pub transport: Transport,
    /// The zone.
    pub zone: Row,
    /// How they were answered.
    pub rcode: Rcode,
    /// How many.
    pub count: u64,
}

impl Ledger {
    /// Called once for each thread: the only lock, which no query meets.
    pub(super) fn add(&self, shelf: Arc<Shelf>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(shelf);
    }

    /// What was counted so far in these rows, which are best those of the snapshot in force.
    #[must_use]
    pub fn read(&self, roll: &Roll) -> Answered {
        let shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut answered = Answered::default();
        for transport in Transport::ALL {
            let shelves = || shelves.iter().filter(|shelf| shelf.transport == transport);
            let pages: Vec<_> = shelves().map(|shelf| shelf.page.load_full()).collect();
            let sum = |row, holder| {
                pages.iter().filter_map(|page| page.zones.read(row, holder)).fold([0; RCODES], |mut sum, one| {
                    sum.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
                    sum
                })
            };
            let mut add = |zone, rcode, count| {
                if count > 0 {
                    answered.queries.push(Queries { transport, zone, rcode, count });
                }
            };
            let own = roll.zones.holders().map(|(row, holder)| (row, holder.number));
            for (row, holder) in SHARED.map(|row| (row, 0)).into_iter().chain(own) {
                (0..).zip(sum(row, holder)).for_each(|(code, count)| add(row, Rcode(code), count));
            }
            add(Row::NONE, Rcode::BADVERS, sum(Row::BADVERS, 0).iter().sum());
            let cut = shelves().map(|shelf| shelf.truncated.load(Ordering::Relaxed)).sum();
            answered.truncated.push((transport, cut));
        }
        answered.members = members(&shelves, roll);
        answered
    }
}

fn members(shelves: &[Arc<Shelf>], roll: &Roll) -> Vec<(Row, u64)> {
    let mut members = BTreeMap::new();
    for page in shelves.iter().map(|shelf| shelf.page.load_full()) {
        let own = roll.members.holders().map(|(row, holder)| (row, holder.number));
        for (row, holder) in own.chain([(Row::OTHER, 0)]) {
            let count = page.members.read(row, holder).map_or(0, |[count]| count);
            *members.entry(row).or_default() += count;
        }
    }
    members.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Witness;
    use crate::dns::Name;
    use crate::serve::page::Clerk;

    fn zone(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn roll(before: &Roll, zones: &[&str]) -> Arc<Roll> {
        Arc::new(before.next(zones.iter().map(|name| zone(name)), []))
    }

    /// Counts so many replies of that code.
    fn answer(clerk: &mut Clerk, row: Row, code: u8, times: u64) {
        for _ in 0..times {
            clerk.begin();
            clerk.zone(row);
            clerk.end(&[0, 0, 0x84, 0x80 | code]);
        }
    }

    fn count(ledger: &Ledger, roll: &Roll, name: &str) -> u64 {
        let row = roll.zones.row(&zone(name));
        ledger.read(roll).queries.iter().filter(|queries| queries.zone == row).map(|queries| queries.count).sum()
    }

    #[test]
    fn counters_survive_what_comes_and_goes_beside_them() {
        let ledger = Ledger::default();
        let mut now = roll(&Roll::default(), &["a.test", "b.test"]);
        let mut clerks = [Transport::Udp, Transport::Tcp].map(|transport| Clerk::new(transport, &now));
        clerks.iter().for_each(|clerk| ledger.add(Arc::clone(clerk.shelf())));
        for clerk in &mut clerks {
            answer(clerk, now.zones.row(&zone("a.test")), 0, 3);
            answer(clerk, now.zones.row(&zone("b.test")), 3, 2);
        }
        let names: Vec<String> = (0..100).map(|n| format!("z{n}.test")).collect();
        let many: Vec<&str> = names.iter().map(String::as_str).chain(["b.test"]).collect();
        now = roll(&now, &many);
        for (clerk, told) in clerks.iter_mut().zip(1..) {
            clerk.follow(&now);
            answer(clerk, now.zones.row(&zone("b.test")), 0, told);
            answer(clerk, now.zones.row(&zone("z99.test")), 0, 1);
        }
        assert_eq!(count(&ledger, &now, "b.test"), 2 * 2 + 1 + 2);
        assert_eq!(count(&ledger, &now, "z99.test"), 2);
        let udp = ledger.read(&now).queries.into_iter().find(|queries| queries.rcode == Rcode::NXDOMAIN).unwrap();
        assert_eq!((udp.transport, udp.count), (Transport::Udp, 2));
    }

    #[test]
    fn a_row_that_changes_hands_begins_at_zero_for_each_thread_when_it_takes_it_up() {
        let ledger = Ledger::default();
        let names: Vec<String> = (0..crate::snapshot::ZONES_MAX).map(|n| format!("z{n}.test")).collect();
        let mut full: Vec<&str> = names.iter().map(String::as_str).collect();
        let before = roll(&Roll::default(), &full);
        let mut clerks = [Transport::Udp; 2].map(|transport| Clerk::new(transport, &before));
        clerks.iter().for_each(|clerk| ledger.add(Arc::clone(clerk.shelf())));
        let row = before.zones.row(&zone("z7.test"));
        clerks.iter_mut().for_each(|clerk| answer(clerk, row, 0, 5));
        full[7] = "new.test";
        let after = roll(&before, &full);
        assert_eq!(after.zones.row(&zone("new.test")), row, "no other was free");
        clerks[0].follow(&after);
        answer(&mut clerks[0], row, 0, 1);
        assert_eq!(count(&ledger, &after, "new.test"), 1, "the other thread still counts for the one before");
        clerks[1].follow(&after);
        answer(&mut clerks[1], row, 0, 1);
        assert_eq!(count(&ledger, &after, "new.test"), 2);
        let over: Vec<&str> = full.iter().copied().chain(["over.test"]).collect();
        assert_eq!(roll(&after, &over).zones.row(&zone("over.test")), Row::OTHER);
    }

    #[test]
    fn what_has_no_zone_and_what_does_not_fit_the_header_is_counted_too() {
        let ledger = Ledger::default();
        let now = roll(&Roll::default(), &[]);
        let mut clerk = Clerk::new(Transport::Udp, &now);
        ledger.add(Arc::clone(clerk.shelf()));
        answer(&mut clerk, Row::NONE, 5, 1);
        answer(&mut clerk, Row::OTHER, 0, 2);
        answer(&mut clerk, Row::BADVERS, 0, 3);
        clerk.begin();
        clerk.end(&[]);
        clerk.end(&[0, 0, 0x86, 0x80]);
        let read = ledger.read(&now);
        let queries: Vec<_> = read.queries.iter().map(|one| (one.zone, one.rcode, one.count)).collect();
        let (none, other) = (Row::NONE, Row::OTHER);
        assert_eq!(
            queries,
            [
                (none, Rcode::NOERROR, 1),
                (none, Rcode::REFUSED, 1),
                (other, Rcode::NOERROR, 2),
                (none, Rcode::BADVERS, 3)
            ]
        );
        assert_eq!(read.truncated, [(Transport::Udp, 1), (Transport::Tcp, 0)]);
    }
}
