//! What is probed, and the trackers of it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::key::key;
use super::recent::{Recent, Recents};
use crate::health::{Flip, Tracker, Verdict};
use crate::model::check::{Cadence, Pace, Probe, Watch, WatchId};
use crate::model::node::Setup;
use crate::model::observation::Observation;
use crate::model::pool::Address;
use crate::model::time::Moment;
use crate::policy::Family;

/// After this many intervals without an observation, a verdict is stale.
const STALE_AFTER: u32 = 3;

/// A pool by its places in the setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) zone: usize,
    pub(super) pool: usize,
}

/// Where the verdict of an address is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) id: WatchId,
    pub(super) judge: usize,
}

/// Per endpoint, per address; none where nothing is watched.
pub(super) type Links = Vec<Vec<Option<Link>>>;

/// One view of a target's observations: two checks may ask the same and differ in `fall`.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) watch: Arc<Watch>,
    pub(super) tracker: Tracker,
    /// Since when it is asked at this interval, on the clock that only goes forward; zero: from the start.
    paced: Duration,
}

/// One probe, and all who look at what it sees.
#[derive(Debug)]
pub(super) struct Target {
    /// What it is known by in the state file.
    key: String,
    judges: Vec<Judge>,
    users: Vec<Place>,
    recent: Recents,
}

/// What an observation did to the judges of a target.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By the place of the judge.
    pub(super) flips: Vec<(usize, Flip)>,
    /// Whether a failure streak began or ended.
    pub(super) turned: bool,
    /// Whether a streak is other than before.
    pub(super) counted: bool,
}

/// A watch, known by its probe alone.
#[derive(Debug)]
struct Asked(Arc<Watch>);

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.0.probe == other.0.probe
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.probe.hash(state);
    }
}

impl Borrow<Probe> for Asked {
    fn borrow(&self) -> &Probe {
        &self.0.probe
    }
}

/// All targets of a setup.
#[derive(Debug, Default)]
pub(super) struct Targets {
    by_id: BTreeMap<WatchId, Target>,
    by_probe: HashMap<Asked, WatchId>,
    next: u32,
}

impl Targets {
    /// The targets of `setup`, under the ids that `before` has for the same probes, with new
    /// trackers. The links are by zone, then by pool.
    pub(super) fn plan(setup: &Setup, before: &Self) -> (Self, Vec<Vec<Links>>) {
        let mut targets = Self { next: before.next, ..Self::default() };
        let mut links = Vec::with_capacity(setup.zones.len());
        for (zone, z) in setup.zones.iter().enumerate() {
            let mut of_zone = Vec::with_capacity(z.pools.len());
            for (pool, p) in z.pools.iter().enumerate() {
                let place = Place { zone, pool };
                let mut link = |a: &Address| a.watch.as_ref().map(|watch| targets.link(watch, place, before));
                let of_pool = p.endpoints.iter().map(|e| e.addresses.iter().map(&mut link).collect());
                of_zone.push(of_pool.collect());
            }
            links.push(of_zone);
        }
        (targets, links)
    }

    fn link(&mut self, watch: &Arc<Watch>, place: Place, before: &Self) -> Link {
        let known = self.by_probe.get(&watch.probe).copied();
        let id = known.unwrap_or_else(|| {
            let id = before.by_probe.get(&watch.probe).copied().unwrap_or_else(|| {
                let id = WatchId(self.next);
                self.next = self.next.wrapping_add(1);
                id
            });
            self.by_probe.insert(Asked(Arc::clone(watch)), id);
            id
        });
        let target = self.by_id.entry(id).or_insert_with(|| Target {
            key: key(&watch.probe),
            judges: Vec::new(),
            users: Vec::new(),
            recent: Recents::default(),
        });
        if target.users.last() != Some(&place) {
            target.users.push(place);
        }
        let same = |judge: &Judge| judge.watch.cadence == watch.cadence;
        let judge = target.judges.iter().position(same).unwrap_or_else(|| {
            target.judges.push(Judge { watch: Arc::clone(watch), tracker: Tracker::new(), paced: Duration::ZERO });
            target.judges.len() - 1
        });
        Link { id, judge }
    }

    /// Takes over what `before` knows of the same probes: from the judge of the same `fall` and
    /// `rise` where there is one, else from any.
    pub(super) fn inherit(&mut self, before: &Self, now: Moment) {
        for (id, target) in &mut self.by_id {
            let Some(old) = before.by_id.get(id) else { continue };
            target.recent = old.recent.clone();
            for judge in &mut target.judges {
                let counts = |cadence: &Cadence| (cadence.fall, cadence.rise);
                let same = |o: &&Judge| counts(&o.watch.cadence) == counts(&judge.watch.cadence);
                if let Some(from) = old.judges.iter().find(same).or_else(|| old.judges.first()) {
                    judge.tracker = from.tracker.clone();
                    let same_pace = from.watch.cadence.interval == judge.watch.cadence.interval;
                    judge.paced = if same_pace { from.paced } else { now.mono };
                }
            }
        }
    }

    pub(super) fn judge(&self, link: Link) -> Option<&Judge> {
        self.by_id.get(&link.id)?.judges.get(link.judge)
    }

    pub(super) fn tracker(&self, link: Link) -> Option<&Tracker> {
        self.judge(link).map(|judge| &judge.tracker)
    }

    /// Whose every verdict is stale.
    pub(super) fn stale(&self, now: Moment) -> impl Iterator<Item = WatchId> {
        let all = move |target: &Target| target.judges.iter().all(|judge| judge.is_stale(now));
        self.by_id.iter().filter(move |(_, target)| all(target)).map(|(id, _)| *id)
    }

    pub(super) fn contains(&self, id: WatchId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn target(&self, id: WatchId) -> Option<&Target> {
        self.by_id.get(&id)
    }

    pub(super) fn target_mut(&mut self, id: WatchId) -> Option<&mut Target> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn users(&self, id: WatchId) -> &[Place] {
        self.by_id.get(&id).map_or(&[], |target| &target.users)
    }

    /// Every judge, with what its target is known by in the state file.
    pub(super) fn judges_mut(&mut self) -> impl Iterator<Item = (&str, &mut Judge)> {
        self.by_id.values_mut().flat_map(|t| t.judges.iter_mut().map(|judge| (t.key.as_str(), judge)))
    }

    /// As [`Targets::judges_mut`], with the links that lead there.
    pub(super) fn judges(&self) -> impl Iterator<Item = (Link, &str, &Judge)> {
        self.by_id.iter().flat_map(|(id, t)| {
            let judges = t.judges.iter().enumerate();
            judges.map(|(judge, found)| (Link { id: *id, judge }, t.key.as_str(), found))
        })
    }

    /// What must be probed, by rising id.
    pub(super) fn watches(&self) -> impl Iterator<Item = (WatchId, Arc<Watch>)> {
        self.by_id.iter().filter_map(|(id, target)| Some((*id, target.watch()?)))
    }

    /// Gives no id that `other` has given.
    pub(super) fn skip_to(&mut self, other: &Self) {
        self.next = other.next;
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whose probes are in both.
    pub(super) fn shared_with(&self, other: &Self) -> usize {
        self.by_id.keys().filter(|id| other.by_id.contains_key(id)).count()
    }
}

impl Target {
    /// The watch that asks often enough for all judges.
    fn watch(&self) -> Option<Arc<Watch>> {
        let (first, rest) = self.judges.split_first()?;
        if rest.is_empty() {
            return Some(Arc::clone(&first.watch));
        }
        let cadence = self.judges.iter().map(|judge| judge.watch.cadence).reduce(|one, two| Cadence {
            interval: one.interval.min(two.interval),
            fall: one.fall.min(two.fall),
            rise: one.rise.min(two.rise),
            recheck: one.recheck.min(two.recheck),
        })?;
        Some(Arc::new(Watch { check: first.watch.check.clone(), probe: first.watch.probe.clone(), cadence }))
    }

    /// Shows the observation to every judge.
    pub(super) fn observe(&mut self, seen: &Arc<Observation>, now: Moment) -> Seen {
        let Seen { mut flips, mut turned, mut counted } = Seen::default();
        self.recent.note(seen);
        for (index, judge) in self.judges.iter_mut().enumerate() {
            let (failing, streak) = (judge.tracker.is_failing(), judge.tracker.streak());
            if let Some(flip) = judge.tracker.observe(&judge.watch.cadence, seen, now) {
                flips.push((index, flip));
            }
            turned |= failing != judge.tracker.is_failing();
            counted |= streak != judge.tracker.streak();
        }
        Seen { flips, turned, counted }
    }

    /// Shows the observation to every judge without letting it count; when to look again.
    pub(super) fn note(&mut self, seen: &Arc<Observation>, now: Moment) -> Pace {
        self.recent.note(seen);
        self.judges.iter_mut().for_each(|judge| judge.tracker.note(seen, now));
        let soonest = self.judges.iter().map(|judge| judge.watch.cadence.recheck).min();
        soonest.map_or(super::PACE_OF_NOBODY, |after| Pace { after, more: 0 })
    }

    /// What its last probes took.
    pub(super) fn recent(&self) -> Vec<Recent> {
        self.recent.to_vec()
    }

    /// Whether all judges have this verdict.
    pub(super) fn is_all(&self, verdict: Verdict) -> bool {
        self.judges.iter().all(|judge| judge.tracker.verdict() == verdict)
    }

    /// The family of the address that is probed.
    pub(super) fn family(&self) -> Option<Family> {
        self.judges.first().map(|judge| Family::of(judge.watch.probe.target.ip()))
    }

    /// One per cadence; links count them.
    pub(super) fn judges(&self) -> &[Judge] {
        &self.judges
    }

    /// As [`Target::judges`].
    pub(super) fn judges_mut(&mut self) -> &mut [Judge] {
        &mut self.judges
    }

    /// When it must be probed next: as soon as any judge asks for it.
    pub(super) fn pace(&self, starting: bool) -> Pace {
        let paces = self.judges.iter().map(|judge| judge.tracker.pace(&judge.watch.cadence, starting));
        let soonest = paces.reduce(|one, two| Pace { after: one.after.min(two.after), more: one.more.max(two.more) });
        soonest.unwrap_or(super::PACE_OF_NOBODY)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.judges.iter().all(|judge| judge.tracker.is_settled())
    }
}

impl Judge {
    /// Whether nothing was observed for [`STALE_AFTER`] intervals: the prober is in trouble, and the
    /// verdict may no longer be true.
    pub(super) fn is_stale(&self, now: Moment) -> bool {
        let Watch { check: _, probe, cadence } = &*self.watch;
        // A first observation is due at once, so there is always a moment to count from.
        let latest = self.tracker.observed().map_or(Duration::ZERO, |observed| observed.mono);
        now.mono.saturating_sub(latest.max(self.paced)) > cadence.interval * STALE_AFTER + probe.timeout
    }
}

impl Link {
    /// Whether the judge of that index of that target is its.
    pub(super) fn is(self, id: WatchId, judge: usize) -> bool {
        self.id == id && self.judge == judge
    }
}
