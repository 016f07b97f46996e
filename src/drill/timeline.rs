//! What one pool was answered over time, and what that comes to. Moments are arguments.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::report::{Queries, Seen};
use super::sight::Sight;

/// Entries of the sequence kept for a pool. A drill makes two or three; what comes near this number flaps.
const SEEN_MAX: usize = 256;

/// The answers of one pool.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Addresses that the region has in it.
    failing: BTreeSet<IpAddr>,
    /// Whether its answers are drawn, so that one differs from the next with nothing changed.
    varies: bool,
    /// Whether the verdict has turned: before that, a drawn answer without the region is chance.
    detected: bool,
    /// Whether answers could hold all of the region, as told when it was told last.
    in_use: bool,
    before: Vec<IpAddr>,
    during: BTreeSet<IpAddr>,
    after: Vec<IpAddr>,
    /// With which an address of the region was answered; none where that never was.
    ttl: Option<Duration>,
    /// The first answer without the region, and none with it since.
    answer: Option<Duration>,
    ended: Option<Duration>,
    failback: Option<Duration>,
    seen: Vec<Seen>,
    queries: Queries,
}

impl Timeline {
    /// Of a pool in which the region has these addresses. `varies`: its answers are drawn.
    pub(super) fn new(failing: BTreeSet<IpAddr>, varies: bool) -> Self {
        Self {
            failing,
            varies,
            detected: false,
            in_use: false,
            before: Vec::new(),
            during: BTreeSet::new(),
            after: Vec::new(),
            ttl: None,
            answer: None,
            ended: None,
            failback: None,
            seen: Vec::new(),
            queries: Queries::default(),
        }
    }

    /// Before the region fails.
    pub(super) fn note_before(&mut self, sight: &Sight) {
        if !sight.is_good() {
            return;
        }
        self.before = sight.addresses().to_vec();
        self.note_ttl(sight);
    }

    /// While it fails and afterwards; `at`: since it began to.
    pub(super) fn note(&mut self, at: Duration, sight: &Sight) {
        self.queries.sent += 1;
        self.queries.answered += u64::from(*sight != Sight::Silence);
        self.queries.bad += u64::from(!sight.is_good());
        self.note_seen(at, sight);
        if !sight.is_good() {
            return;
        }
        let addresses = sight.addresses();
        let has_region = self.has_region(addresses);
        let Some(ended) = self.ended.filter(|ended| *ended <= at) else {
            self.note_ttl(sight);
            if has_region {
                self.answer = None;
                self.during.clear();
            } else if self.detected || !self.varies {
                self.answer.get_or_insert(at);
                self.during.extend(addresses);
            }
            return;
        };
        let is_as_before = if self.varies { has_region } else { addresses == self.before };
        if is_as_before && self.is_moved() {
            self.failback.get_or_insert(at - ended);
        }
        self.after = addresses.to_vec();
    }

    /// The first verdict turned.
    pub(super) fn detect(&mut self) {
        self.detected = true;
    }

    /// Whether answers can hold all of the region's addresses that they could hold before. It is the way
    /// back of answers that are drawn: chance may hide the region for long after it has returned.
    pub(super) fn note_use(&mut self, at: Duration, in_use: bool) {
        self.in_use = in_use;
        if let Some(ended) = self.ended
            && self.varies
            && in_use
            && self.is_moved()
        {
            self.failback.get_or_insert(at.saturating_sub(ended));
        }
    }

    /// The region fails no longer.
    pub(super) fn end(&mut self, at: Duration) {
        self.ended.get_or_insert(at);
        // One that is taken back is in use again before that is told.
        self.note_use(at, self.in_use);
    }

    /// Whether the answer had something of the region, and has lost it.
    pub(super) fn is_moved(&self) -> bool {
        self.ttl.is_some() && self.answer.is_some()
    }

    /// Whether there is an answer to come back that has not.
    pub(super) fn is_away(&self) -> bool {
        self.is_moved() && self.failback.is_none()
    }

    /// The largest TTL with which the region was answered; none where it was not.
    pub(super) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// From the beginning to the answer without the region.
    pub(super) fn answer(&self) -> Option<Duration> {
        self.answer.filter(|_| self.ttl.is_some())
    }

    /// From the end to the answer of before.
    pub(super) fn failback(&self) -> Option<Duration> {
        self.failback
    }

    /// What was asked.
    pub(super) fn queries(&self) -> Queries {
        self.queries
    }

    /// Before, in its place, and afterwards.
    pub(super) fn answers(&self) -> [Vec<IpAddr>; 3] {
        [self.before.clone(), self.during.iter().copied().collect(), self.after.clone()]
    }

    /// One after the other.
    pub(super) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    fn has_region(&self, addresses: &[IpAddr]) -> bool {
        addresses.iter().any(|address| self.failing.contains(address))
    }

    fn note_ttl(&mut self, sight: &Sight) {
        let Sight::Reply { addresses, ttl, .. } = sight else { return };
        if self.has_region(addresses) {
            self.ttl = Some(self.ttl.map_or(*ttl, |known| known.max(*ttl)));
        }
    }

    /// Where answers are drawn, one with the region after one with it is no news.
    fn note_seen(&mut self, at: Duration, sight: &Sight) {
        let (addresses, rcode) = (sight.addresses(), sight.rcode());
        if let Some(last) = self.seen.last() {
            let is_same = last.addresses == addresses && last.rcode == rcode;
            let is_alike = self.varies
                && last.rcode == rcode
                && self.has_region(&last.addresses) == self.has_region(addresses)
                && last.addresses.is_empty() == addresses.is_empty();
            if is_same || is_alike || self.seen.len() >= SEEN_MAX {
                return;
            }
        }
        self.seen.push(Seen { at, addresses: addresses.to_vec(), rcode });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn ip(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn sight(ttl: u64, last: &[u8]) -> Sight {
        Sight::Reply { rcode: 0, addresses: last.iter().map(|n| ip(*n)).collect(), ttl: Duration::from_secs(ttl) }
    }

    /// A pool whose region has 1, before which this was answered.
    fn timeline(before: &[Sight]) -> Timeline {
        let mut timeline = Timeline::new([ip(1)].into(), false);
        before.iter().for_each(|sight| timeline.note_before(sight));
        timeline
    }

    #[test]
    fn there_and_back() {
        let mut timeline = timeline(&[sight(30, &[1])]);
        timeline.note(ms(1), &sight(30, &[1]));
        timeline.note(ms(21), &sight(5, &[1]));
        timeline.note(ms(41), &sight(30, &[2]));
        timeline.note(ms(61), &sight(30, &[2]));
        assert!(timeline.is_away());
        timeline.end(ms(70));
        timeline.note(ms(81), &sight(30, &[2]));
        timeline.note(ms(101), &sight(30, &[1]));
        timeline.note(ms(121), &sight(30, &[1]));
        assert_eq!((timeline.answer(), timeline.failback()), (Some(ms(41)), Some(ms(31))));
        assert_eq!(timeline.ttl(), Some(Duration::from_secs(30)), "who asked before the suspicion holds it longest");
        assert_eq!(timeline.answers(), [vec![ip(1)], vec![ip(2)], vec![ip(1)]]);
        let seen: Vec<_> = timeline.seen().iter().map(|seen| (seen.at, seen.addresses.clone())).collect();
        assert_eq!(seen, [(ms(1), vec![ip(1)]), (ms(41), vec![ip(2)]), (ms(101), vec![ip(1)])]);
        assert_eq!(timeline.queries(), Queries { sent: 7, answered: 7, bad: 0 });
        assert!(!timeline.is_away());
    }

    #[test]
    fn an_answer_that_goes_back_has_not_changed_yet() {
        let mut timeline = timeline(&[sight(30, &[1])]);
        timeline.note(ms(10), &sight(30, &[2]));
        timeline.note(ms(20), &sight(30, &[1]));
        assert_eq!(timeline.answer(), None);
        timeline.note(ms(30), &sight(30, &[3]));
        assert_eq!((timeline.answer(), timeline.answers()[1].clone()), (Some(ms(30)), vec![ip(3)]));
    }

    #[test]
    fn what_is_drawn_has_changed_with_the_last_of_the_region() {
        let mut timeline = drawn();
        timeline.detect();
        for (at, last) in [(1, 2), (2, 1), (3, 3), (4, 2), (5, 3)] {
            timeline.note(ms(at), &sight(30, &[last]));
        }
        timeline.end(ms(6));
        timeline.note(ms(7), &sight(30, &[2]));
        assert_eq!((timeline.answer(), timeline.failback()), (Some(ms(3)), None));
        timeline.note(ms(9), &sight(30, &[1]));
        assert_eq!(timeline.failback(), Some(ms(3)));
        assert_eq!(timeline.answers()[1], [ip(2), ip(3)]);
        assert_eq!(timeline.seen().len(), 4, "{:?}", timeline.seen());
    }

    /// As [`timeline`], drawn among 1 and others.
    fn drawn() -> Timeline {
        let mut timeline = Timeline::new([ip(1)].into(), true);
        timeline.note_before(&sight(30, &[1]));
        timeline
    }

    #[test]
    fn what_is_drawn_is_chance_until_the_verdict_turns() {
        let mut timeline = drawn();
        timeline.note(ms(1), &sight(30, &[2]));
        assert!(!timeline.is_moved() && timeline.answer().is_none());
        timeline.detect();
        timeline.note(ms(400), &sight(30, &[2]));
        assert_eq!((timeline.is_moved(), timeline.answer()), (true, Some(ms(400))));
    }

    #[test]
    fn what_is_drawn_is_back_once_it_may_be_drawn() {
        let mut timeline = drawn();
        timeline.detect();
        timeline.note_use(ms(3), false);
        timeline.note(ms(4), &sight(30, &[3]));
        timeline.end(ms(6));
        timeline.note(ms(7), &sight(30, &[3]));
        assert!(timeline.is_away(), "the same as before the end says nothing");
        timeline.note_use(ms(600), true);
        assert_eq!((timeline.is_away(), timeline.failback()), (false, Some(ms(594))));
    }

    #[test]
    fn what_is_taken_back_may_be_in_use_before_its_end_is_told() {
        let mut timeline = drawn();
        timeline.detect();
        timeline.note_use(ms(3), false);
        timeline.note(ms(4), &sight(30, &[3]));
        timeline.note_use(ms(6), true);
        assert_eq!(timeline.failback(), None);
        timeline.end(ms(6));
        assert_eq!(timeline.failback(), Some(ms(0)));
    }

    #[test]
    fn all_addresses_return_together() {
        let mut timeline = timeline(&[sight(30, &[1, 2])]);
        timeline.note(ms(1), &sight(30, &[2]));
        timeline.end(ms(2));
        timeline.note(ms(3), &sight(30, &[1, 2]));
        assert_eq!((timeline.answer(), timeline.failback()), (Some(ms(1)), Some(ms(1))));
    }

    #[test]
    fn no_answer_is_no_change() {
        let mut timeline = timeline(&[Sight::Silence, sight(30, &[1])]);
        let refused = Sight::Reply { rcode: 2, addresses: vec![], ttl: Duration::ZERO };
        for (at, sight) in [(1, Sight::Silence), (2, refused), (3, sight(30, &[]))] {
            timeline.note(ms(at), &sight);
        }
        assert_eq!((timeline.answer(), timeline.queries()), (None, Queries { sent: 3, answered: 2, bad: 3 }));
        let rcodes: Vec<_> = timeline.seen().iter().map(|seen| seen.rcode.as_str()).collect();
        assert_eq!(rcodes, ["TIMEOUT", "SERVFAIL", "NOERROR"]);
    }

    #[test]
    fn a_reserve_has_nothing_to_change() {
        let mut timeline = timeline(&[sight(30, &[2])]);
        timeline.note(ms(1), &sight(30, &[2]));
        timeline.end(ms(2));
        timeline.note(ms(3), &sight(30, &[2]));
        assert_eq!((timeline.answer(), timeline.failback(), timeline.ttl()), (None, None, None));
        assert!(!timeline.is_away());
    }

    #[test]
    fn the_sequence_is_bounded() {
        let mut timeline = timeline(&[sight(30, &[1])]);
        for at in 0..2000 {
            timeline.note(ms(at), &sight(30, &[u8::try_from(at % 2).unwrap()]));
        }
        assert_eq!(timeline.seen().len(), SEEN_MAX);
    }
}
