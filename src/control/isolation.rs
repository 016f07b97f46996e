//! Whether the node itself is cut off: every check of one address family fails, and no witness answers.
//!
//! Checks take turns, so a node that loses its network sees one target fail before it can know of the
//! others. A failure that could turn a verdict therefore counts at once only if something else of its
//! family has worked since the first one; else the witnesses are asked.
//!
//! | worked since | witnesses say | all fail | what a failure comes to                      |
//! |--------------|---------------|----------|----------------------------------------------|
//! | yes          | not asked     | no       | it counts                                    |
//! | no           | nothing yet   | any      | it waits for their word, for [`PATIENCE`]    |
//! | no           | one answers   | any      | it counts: the targets are down              |
//! | no           | none answers  | no       | it waits until something works, or all had   |
//! |              |               |          | their turn ([`Front::turn_time`])            |
//! | no           | none answers  | yes      | the node is cut off: it does not count       |
//!
//! What waits or does not count turns no verdict, so that the answers stay, whatever `all_down` says.
//! Without witnesses nothing of this happens.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Kind, ip_version};
use super::targets::Targets;
use super::world::{Effects, World};
use crate::health::Verdict;
use crate::model::check::{Pace, WatchId};
use crate::model::observation::{Failure, Observation};
use crate::model::time::Moment;
use crate::policy::Family;

/// How long failures wait for the word of the witnesses; several times what asking takes.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest that failures wait for others to have their turn while no witness answers: a witness that is
/// gone must not cost more.
const TURN_MAX: Duration = Duration::from_secs(15);
/// Failures of one target that may wait: more than any `fall`.
const WAITING_MAX: usize = 100;

/// Whom to ask whether the node reaches anybody, and for which families that matters now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witnesses {
    /// `node.witness`.
    pub addresses: Arc<[SocketAddr]>,
    /// Families of which nothing has worked since something failed.
    pub asked: Vec<Family>,
}

/// The node is cut off from now on, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) family: Family,
    pub(super) begun: bool,
    /// How many targets there are.
    pub(super) targets: usize,
}

/// Failures that waited, and count now: of each target in the order in which they came.
pub(super) type Freed = BTreeMap<WatchId, Vec<Arc<Observation>>>;

/// Both families.
#[derive(Debug, Default)]
pub(super) struct Isolation {
    fronts: BTreeMap<Family, Front>,
    has_witness: bool,
}

#[derive(Debug, Default)]
struct Front {
    targets: usize,
    /// What it takes until each target had its turn, time-outs included.
    turn_time: Duration,
    /// Whose last probe failed.
    failing: BTreeSet<WatchId>,
    /// Those of them whose verdict that could turn.
    wavering: BTreeSet<WatchId>,
    /// When the first of those failed, if nothing has worked since.
    since: Option<Duration>,
    /// What the witnesses said last, since then.
    reached: Option<bool>,
    waiting: Freed,
    cut: bool,
    /// Whether it was told that the witnesses do not answer though something works.
    told: bool,
}

/// Whether a failure must wait.
enum Waits {
    Yes,
    /// What waited before it, and counts with it.
    No(Freed),
}

impl Front {
    /// Something worked: whatever failed, it is not the node.
    fn relieve(&mut self, family: Family) -> Freed {
        match self.reached {
            Some(false) if !self.cut && !std::mem::replace(&mut self.told, true) => tracing::warn!(
                "no witness answers though checks over {} pass: see node.witness; a failure may be judged later",
                ip_version(family)
            ),
            Some(true) => self.told = false,
            _ => {}
        }
        (self.since, self.reached) = (None, None);
        std::mem::take(&mut self.waiting)
    }

    /// Looks whether that makes a difference.
    fn turn(&mut self, family: Family) -> Option<Turn> {
        let all_fail = self.targets > 0 && self.failing.len() == self.targets;
        let cut = self.since.is_some() && self.reached == Some(false) && all_fail;
        if cut {
            // What they saw was the node's own trouble.
            self.waiting.clear();
        }
        (std::mem::replace(&mut self.cut, cut) != cut).then_some(Turn { family, begun: cut, targets: self.targets })
    }
}

impl Isolation {
    fn front(&mut self, family: Family) -> &mut Front {
        self.fronts.entry(family).or_default()
    }

    /// Takes in what is probed from now on.
    pub(super) fn plan(&mut self, targets: &Targets, has_witness: bool) -> Vec<Turn> {
        self.has_witness = has_witness;
        let mut ids: BTreeMap<Family, BTreeSet<WatchId>> = BTreeMap::new();
        let mut turns: BTreeMap<Family, Duration> = BTreeMap::new();
        for (id, watch) in targets.watches() {
            let family = Family::of(watch.probe.target.ip());
            ids.entry(family).or_default().insert(id);
            let turn = turns.entry(family).or_default();
            *turn = (*turn).max(watch.cadence.interval + watch.probe.timeout).min(TURN_MAX);
        }
        let turns = Family::ALL.into_iter().filter_map(|family| {
            let front = self.front(family);
            let ids = ids.remove(&family).unwrap_or_default();
            front.targets = ids.len();
            front.turn_time = turns.remove(&family).unwrap_or_default();
            if front.cut {
                // What is new would fail like the others, until it passes.
                front.failing.extend(&ids);
            }
            front.failing.retain(|id| ids.contains(id));
            front.wavering.retain(|id| ids.contains(id));
            front.waiting.retain(|id, _| ids.contains(id));
            if !has_witness || (front.wavering.is_empty() && !front.cut) || front.targets == 0 {
                (front.since, front.reached) = (None, None);
            }
            front.turn(family)
        });
        turns.collect()
    }

    /// Takes in that a target works.
    fn pass(&mut self, family: Family, id: WatchId) -> (Option<Turn>, Freed) {
        let front = self.front(family);
        front.failing.remove(&id);
        front.wavering.remove(&id);
        front.waiting.remove(&id);
        let freed = front.relieve(family);
        (front.turn(family), freed)
    }

    /// Takes in that a target failed; whether that must wait, and if not, what waited before it.
    fn fail(&mut self, family: Family, id: WatchId, seen: &Arc<Observation>, now: Moment) -> (Option<Turn>, Waits) {
        let has_witness = self.has_witness;
        let front = self.front(family);
        front.failing.insert(id);
        front.wavering.insert(id);
        let since = *front.since.get_or_insert(now.mono);
        let waited = now.mono.saturating_sub(since);
        let turn = if has_witness { front.turn(family) } else { None };
        let waits = match front.reached {
            _ if !has_witness => false,
            _ if front.cut => return (turn, Waits::Yes),
            None => waited < PATIENCE,
            Some(false) => waited < front.turn_time,
            Some(true) => false,
        };
        if !waits {
            return (turn, Waits::No(std::mem::take(&mut front.waiting)));
        }
        let waiting = front.waiting.entry(id).or_default();
        if waiting.len() < WAITING_MAX {
            waiting.push(Arc::clone(seen));
        }
        (turn, Waits::Yes)
    }

    /// Takes in that a target is down by count: what it does now turns nothing.
    fn settle(&mut self, family: Family, id: WatchId) -> Option<Turn> {
        let front = self.front(family);
        front.failing.insert(id);
        front.wavering.remove(&id);
        if front.wavering.is_empty() {
            (front.since, front.reached) = (None, None);
        }
        front.turn(family)
    }

    /// Takes in whether a witness answered.
    fn testify(&mut self, family: Family, reached: bool) -> (Option<Turn>, Freed) {
        let has_witness = self.has_witness;
        let front = self.front(family);
        // The word may come late, when something works again or nobody is to be asked any more.
        if front.since.is_none() || !has_witness {
            return (None, Freed::new());
        }
        front.reached = Some(reached);
        let turn = front.turn(family);
        (turn, if reached { std::mem::take(&mut front.waiting) } else { Freed::new() })
    }

    /// Whether the node is cut off.
    pub(super) fn is_cut(&self, family: Family) -> bool {
        self.fronts.get(&family).is_some_and(|front| front.cut)
    }

    /// Families about which the witnesses are to be asked.
    fn asked(&self) -> Vec<Family> {
        let is_asked = |(family, front): (&Family, &Front)| front.since.map(|_| *family);
        if self.has_witness { self.fronts.iter().filter_map(is_asked).collect() } else { Vec::new() }
    }
}

impl World {
    /// Weighs whether what a probe saw counts; if not, when to look again.
    pub(super) fn withhold(
        &mut self,
        id: WatchId,
        seen: &Arc<Observation>,
        now: Moment,
        effects: &mut Effects,
    ) -> Option<Pace> {
        let Some(target) = self.targets.target(id) else { return self.withhold_pending(id, seen, now) };
        let (family, is_down) = (target.family()?, target.is_all(Verdict::Down));
        match seen.result {
            // The node could not even ask, or did not want to: that says nothing of the network.
            Err(Failure::Local(_)) => return None,
            Ok(()) => {
                let (turn, freed) = self.isolation.pass(family, id);
                self.tell_isolation(turn, effects);
                self.count_freed(freed, now, effects);
                return None;
            }
            Err(_) if is_down => {
                self.settle_if_down(id, effects);
                return None;
            }
            Err(_) => {}
        }
        let (turn, waits) = self.isolation.fail(family, id, seen, now);
        self.tell_isolation(turn, effects);
        if let Waits::No(freed) = waits {
            self.count_freed(freed, now, effects);
            return None;
        }
        if self.watchdog.hear(id) {
            self.tell_stale(id, false, effects);
        }
        let pace = self.targets.target_mut(id)?.note(seen, now);
        if self.isolation.is_cut(family) {
            self.give_up_round(family, now, effects);
        }
        Some(pace)
    }

    /// A target of a reload fails while the node is cut off: that says nothing of it.
    fn withhold_pending(&mut self, id: WatchId, seen: &Arc<Observation>, now: Moment) -> Option<Pace> {
        let target = self.pending.as_mut()?.targets.target_mut(id)?;
        let cut = target.family().is_some_and(|family| self.isolation.is_cut(family));
        (cut && seen.result.is_err()).then(|| target.note(seen, now))
    }

    /// A target that is down by count can turn nothing any more.
    pub(super) fn settle_if_down(&mut self, id: WatchId, effects: &mut Effects) {
        let Some(target) = self.targets.target(id).filter(|target| target.is_all(Verdict::Down)) else { return };
        if let Some(family) = target.family() {
            let turn = self.isolation.settle(family, id);
            self.tell_isolation(turn, effects);
        }
    }

    /// There is nothing more to be learned over this family, and answers must not wait for it.
    fn give_up_round(&mut self, family: Family, now: Moment, effects: &mut Effects) {
        let of_family = |id: &WatchId| self.targets.target(*id).and_then(|target| target.family()) == Some(family);
        let ids: Vec<_> = self.targets.watches().map(|(id, _)| id).filter(of_family).collect();
        if let Some(round) = &mut self.round {
            ids.into_iter().for_each(|id| round.settle(id));
        }
        self.end_round(now, effects);
    }

    /// Takes in whether a witness answered.
    pub(super) fn testify(&mut self, family: Family, reached: bool, now: Moment, effects: &mut Effects) {
        let (turn, freed) = self.isolation.testify(family, reached);
        self.tell_isolation(turn, effects);
        self.count_freed(freed, now, effects);
        if self.isolation.is_cut(family) {
            self.give_up_round(family, now, effects);
        }
    }

    fn count_freed(&mut self, freed: Freed, now: Moment, effects: &mut Effects) {
        for (id, seen) in freed.iter().flat_map(|(id, all)| all.iter().map(move |seen| (*id, seen))) {
            // When to look again was said when it came.
            let _ = self.count(id, seen, now, effects);
        }
    }

    /// Whom to ask whether the node is cut off.
    pub(super) fn witnesses(&self) -> Witnesses {
        Witnesses { addresses: Arc::clone(&self.node.witness), asked: self.isolation.asked() }
    }

    pub(super) fn tell_isolation(&self, turns: impl IntoIterator<Item = Turn>, effects: &mut Effects) {
        let told = |Turn { family, begun, targets }| Kind::Isolation { family, begun, targets };
        effects.events.extend(turns.into_iter().map(told));
    }
}
