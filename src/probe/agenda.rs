//! When each target is probed: a table and no clock, so that it can be tested as one.
//!
//! | state of a target | next probe |
//! |---|---|
//! | new | when it was added |
//! | steady, first time at its interval | a tenth to the whole of the interval later, another part for each |
//! | steady | the interval later, a twentieth more or less, at the tick before that |
//! | steady and its result is late | when the result is there |
//! | streak (`more` > 0) | `after` later, results or not, while at most `more` are in flight |
//! | overdue, because the machine stood still | anywhere in the interval to come |

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::check::{Cadence, Pace, WatchId};

/// Probes of one target in flight: as many as `fall` can ask for.
const IN_FLIGHT_PER_TARGET_MAX: u32 = 100;

/// A probe that is due for longer was not held up by work: the machine slept.
const LATE_MAX: Duration = Duration::from_secs(1);

/// How far one interval may be from the configured one, as a part of it. It keeps targets that came
/// to run in step from staying so.
const JITTER: f64 = 0.05;

/// The least part of an interval between a target's first round and its second.
const FIRST_GAP_MIN: f64 = 0.1;

/// Steady probes start at whole ticks: those of one tick share the wake-up that starts them.
const TICK: Duration = Duration::from_millis(5);

/// All targets and when they are due.
#[derive(Debug)]
pub(super) struct Agenda {
    /// The first tick.
    began: Instant,
    entries: HashMap<WatchId, Entry>,
    /// The entries that are due at some time, by that time.
    order: BTreeSet<(Instant, WatchId)>,
    chance: Chance,
}

#[derive(Debug)]
struct Entry {
    cadence: Cadence,
    pace: Pace,
    /// When the latest probe started; by plan, so that small delays do not add up.
    latest: Option<Instant>,
    /// When the next one starts; none while a result is waited for.
    due: Option<Instant>,
    in_flight: u32,
    /// Whether it has its own place in the interval.
    is_spread: bool,
}

impl Agenda {
    /// An empty one, whose ticks begin now.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, entries: HashMap::new(), order: BTreeSet::new(), chance: Chance::new() }
    }

    /// Takes a target up, to be probed first at this time.
    pub(super) fn add(&mut self, id: WatchId, cadence: Cadence, first: Instant) {
        let pace = Pace { after: cadence.interval, more: 0 };
        let entry = Entry { cadence, pace, latest: None, due: Some(first), in_flight: 0, is_spread: false };
        self.remove(id);
        self.entries.insert(id, entry);
        self.order.insert((first, id));
    }

    /// Forgets a target and its probes in flight.
    pub(super) fn remove(&mut self, id: WatchId) {
        if let Some(due) = self.entries.remove(&id).and_then(|entry| entry.due) {
            self.order.remove(&(due, id));
        }
    }

    /// Takes another cadence up at once: the next probe is planned from the latest one, and where that
    /// lies behind already, anywhere in the new interval.
    pub(super) fn retime(&mut self, id: WatchId, cadence: Cadence, now: Instant) {
        let Self { began: _, entries, order, chance } = self;
        let Some(entry) = entries.get_mut(&id) else { return };
        let old = std::mem::replace(&mut entry.cadence, cadence);
        let is_steady = entry.pace.more == 0;
        if is_steady && entry.pace.after == old.interval {
            entry.pace.after = cadence.interval;
        } else if entry.pace.after == old.recheck {
            entry.pace.after = cadence.recheck;
        }
        let (Some(latest), Some(due)) = (entry.latest, entry.due) else { return };
        let after = entry.pace.after;
        let planned = if is_steady { latest + chance.jittered(after) } else { latest + after };
        let planned = match planned {
            past if past < now && is_steady => now + after.mul_f64(chance.part()),
            planned => planned.max(now),
        };
        order.remove(&(due, id));
        order.insert((planned, id));
        entry.due = Some(planned);
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }

    /// The next target whose probe must start now, taken as started, and when it was due.
    pub(super) fn start(&mut self, now: Instant) -> Option<(WatchId, Instant)> {
        loop {
            let &(due, id) = self.order.first().filter(|(due, _)| *due <= now)?;
            self.order.remove(&(due, id));
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let is_late = now.duration_since(due) > LATE_MAX;
            if is_late && entry.pace.more == 0 && entry.latest.is_some() {
                let later = now + entry.pace.after.mul_f64(self.chance.part());
                entry.due = Some(later);
                self.order.insert((later, id));
                continue;
            }
            entry.due = None;
            entry.latest = Some(if is_late { now } else { due });
            entry.in_flight += 1;
            self.plan(id, now);
            return Some((id, due));
        }
    }

    /// Takes the end of a probe, and the pace that its observation was answered with.
    pub(super) fn finish(&mut self, id: WatchId, pace: Pace, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        entry.pace = pace;
        self.plan(id, now);
    }

    fn plan(&mut self, id: WatchId, now: Instant) {
        let Self { began, entries, order, chance } = self;
        let Some(entry) = entries.get_mut(&id) else { return };
        if let Some(due) = entry.due.take() {
            order.remove(&(due, id));
        }
        let Pace { after, more } = entry.pace;
        let Some(latest) = entry.latest.filter(|_| entry.in_flight < more.clamp(1, IN_FLIGHT_PER_TARGET_MAX)) else {
            return;
        };
        let gap = if more > 0 {
            after
        } else if entry.is_spread || after < entry.cadence.interval {
            chance.jittered(after)
        } else {
            entry.is_spread = true;
            after.mul_f64(FIRST_GAP_MIN + (1.0 - FIRST_GAP_MIN) * place(id))
        };
        let mut due = latest + gap;
        if more == 0 {
            let over = (due - *began).as_nanos() % TICK.as_nanos();
            due -= Duration::from_nanos(u64::try_from(over).unwrap_or_default());
        }
        let due = due.max(now);
        entry.due = Some(due);
        order.insert((due, id));
    }
}

/// A target's place in the interval, from 0 to 1: Fibonacci hashing lays consecutive numbers out
/// evenly, however many there are.
fn place(id: WatchId) -> f64 {
    f64::from(id.0.wrapping_mul(0x9E37_79B9)) / f64::from(u32::MAX)
}

/// Small randomness (xorshift64*), seeded differently in each process.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(RandomState::new().hash_one("agenda") | 1)
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let [a, b, c, d, ..] = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }

    fn jittered(&mut self, after: Duration) -> Duration {
        after.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.part())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: WatchId = WatchId(1);
    const SECOND: Duration = Duration::from_secs(1);
    const STEADY: Pace = Pace { after: Duration::from_secs(10), more: 0 };

    fn cadence(interval: u64) -> Cadence {
        Cadence { interval: SECOND * u32::try_from(interval).unwrap(), fall: 3, rise: 2, recheck: SECOND }
    }

    fn streak(more: u32) -> Pace {
        Pace { after: SECOND, more }
    }

    fn started(agenda: &mut Agenda, now: Instant) -> Option<WatchId> {
        agenda.start(now).map(|(id, _)| id)
    }

    /// An agenda whose target has had its first probe and stands in its interval.
    fn settled(start: Instant) -> Agenda {
        let mut agenda = Agenda::new(start);
        agenda.add(ID, cadence(10), start);
        assert_eq!(started(&mut agenda, start), Some(ID));
        agenda.finish(ID, STEADY, start);
        agenda
    }

    #[tokio::test(start_paused = true)]
    async fn intervals_are_start_to_start_and_hardly_vary() {
        let mut agenda = settled(Instant::now());
        let mut latest = agenda.next().unwrap();
        let mut gaps = Vec::new();
        for _ in 0..200 {
            assert_eq!(started(&mut agenda, latest), Some(ID));
            assert_eq!(agenda.next(), None, "a result is waited for");
            agenda.finish(ID, STEADY, latest + SECOND * 3);
            let due = agenda.next().unwrap();
            gaps.push(due - latest);
            latest = due;
        }
        let bounds = SECOND.mul_f64(9.5)..=SECOND.mul_f64(10.5);
        assert!(gaps.iter().all(|gap| bounds.contains(gap)), "{gaps:?}");
        assert!(gaps.iter().max() > gaps.iter().min());
    }

    #[tokio::test(start_paused = true)]
    async fn targets_spread_over_their_interval_after_the_first_round() {
        let start = Instant::now();
        let mut agenda = Agenda::new(start);
        let ids = || (0..1000).map(WatchId);
        ids().for_each(|id| agenda.add(id, cadence(10), start));
        ids().for_each(|_| assert!(agenda.start(start).is_some(), "all at once at first"));
        ids().for_each(|id| agenda.finish(id, STEADY, start));
        let mut per_second = [0; 11];
        while let Some(due) = agenda.next() {
            agenda.start(due);
            per_second[usize::try_from((due - start).as_secs()).unwrap()] += 1;
        }
        assert_eq!(per_second[0], 0, "no second probe close to the first");
        let even = 100..=125;
        assert!(per_second[1..10].iter().all(|count| even.contains(count)), "{per_second:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_first_round_keeps_its_own_spacing() {
        let start = Instant::now();
        let mut agenda = Agenda::new(start);
        agenda.add(ID, cadence(10), start);
        agenda.start(start);
        let soon = Duration::from_millis(50);
        agenda.finish(ID, Pace { after: soon, more: 2 }, start);
        assert_eq!(agenda.next(), Some(start + soon));
    }

    #[tokio::test(start_paused = true)]
    async fn a_streak_overlaps_as_far_as_it_is_told() {
        let start = Instant::now();
        let mut agenda = settled(start);
        let first = agenda.next().unwrap();
        agenda.start(first);
        // The time-out of 3 s passed: the recheck is due already, and one more a second later.
        let now = first + SECOND * 3;
        agenda.finish(ID, streak(2), now);
        assert_eq!(started(&mut agenda, now), Some(ID));
        assert_eq!(agenda.next(), Some(now + SECOND));
        assert_eq!(started(&mut agenda, now + SECOND), Some(ID));
        assert_eq!(agenda.next(), None, "two are in flight");
        agenda.finish(ID, streak(1), now + SECOND * 3);
        assert_eq!(agenda.next(), None, "the last one that is missing is in flight");
        agenda.finish(ID, STEADY, now + SECOND * 4);
        let due = agenda.next().unwrap();
        assert!(due >= now + SECOND.mul_f64(10.5) && due <= now + SECOND.mul_f64(11.5), "{:?}", due - now);
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_ends_the_streak_ends_the_overlap() {
        let start = Instant::now();
        let mut agenda = settled(start);
        let first = agenda.next().unwrap();
        agenda.start(first);
        agenda.finish(ID, streak(5), first);
        let recheck = agenda.next().unwrap();
        assert_eq!(recheck, first + SECOND);
        agenda.start(recheck);
        agenda.finish(ID, STEADY, recheck);
        assert!(agenda.next().unwrap() > recheck + SECOND * 9, "the second recheck is off");
    }

    #[tokio::test(start_paused = true)]
    async fn probes_in_flight_have_a_bound_whatever_the_pace() {
        let start = Instant::now();
        let mut agenda = settled(start);
        agenda.start(agenda.next().unwrap());
        agenda.finish(ID, streak(100_000), start);
        let mut in_flight = 0;
        while let Some(due) = agenda.next() {
            assert_eq!(started(&mut agenda, due), Some(ID));
            in_flight += 1;
        }
        assert_eq!(in_flight, IN_FLIGHT_PER_TARGET_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_standstill_nothing_comes_in_a_burst() {
        let start = Instant::now();
        let mut agenda = Agenda::new(start);
        let ids = || (0..1000).map(WatchId);
        for id in ids() {
            agenda.add(id, cadence(10), start);
            agenda.start(start);
            agenda.finish(id, STEADY, start);
        }
        let woken = start + Duration::from_secs(3600);
        let at_once = std::iter::from_fn(|| agenda.start(woken)).count();
        assert!(at_once < 10, "{at_once} at once");
        let within_a_second = std::iter::from_fn(|| agenda.start(woken + SECOND)).count();
        assert!((50..200).contains(&within_a_second), "{within_a_second} in the first second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_cadence_holds_at_once() {
        let mut agenda = settled(Instant::now());
        let first = agenda.next().unwrap();
        agenda.start(first);
        agenda.finish(ID, STEADY, first);
        let now = first + SECOND * 2;
        agenda.retime(ID, cadence(5), now);
        let due = agenda.next().unwrap();
        assert!(due >= first + SECOND.mul_f64(4.75) && due <= first + SECOND.mul_f64(5.25));
        agenda.retime(ID, cadence(1), now);
        let due = agenda.next().unwrap();
        assert!(due >= now && due <= now + SECOND, "late already: within the new interval");
        agenda.retime(ID, cadence(60), now);
        let due = agenda.next().unwrap();
        assert!(due >= first + SECOND * 57 && due <= first + SECOND * 63);
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_target_is_never_due() {
        let start = Instant::now();
        let mut agenda = settled(start);
        agenda.remove(ID);
        assert_eq!(agenda.next(), None);
        agenda.finish(ID, STEADY, start);
        assert_eq!(agenda.next(), None);
    }
}
