//! Drills: a region whose checks fail on purpose, so that people see what a failure would do.
//!
//! Probes go on and the application is not touched: each observation of the region's targets is taken as
//! failed, so verdicts, rechecks, failover and holds take their usual way at their usual pace. Beside them
//! the drill keeps what the checks really say. With that it can be taken back in one step, as if it had
//! never been, and that is what is saved: a restart knows nothing of a drill but that there was one.
//!
//! | phase     | observations count as | ends                                              | then      |
//! |-----------|-----------------------|---------------------------------------------------|-----------|
//! | failing   | failed                | its time is over                                  | restoring |
//! | failing   | failed                | an order; the last healthy endpoint; a reload     | taken back|
//! | restoring | what they are         | verdicts are what the checks really say           | none      |
//! | restoring | what they are         | an order; the last healthy endpoint; a reload     | taken back|
//!
//! Who measures what a drill does is not here. It ends in time by itself, whoever began it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::drill::{DrillChange, DrillEnd, DrillOrder, DrillRefused, DrillStatus, NoSuchDrill};
use super::event::Kind;
use super::guard::{Loss, losses_of};
use super::targets::{Link, Place, Target, Targets};
use super::world::{Effects, PoolState, Save, World, standings, standings_by};
use crate::health::{Flip, Standing, Tracker, Verdict};
use crate::model::Region;
use crate::model::check::WatchId;
use crate::model::node::Setup;
use crate::model::observation::{Failure, Observation};
use crate::model::pool::{Pool, PoolId};
use crate::model::time::Moment;
use crate::policy::{self, Compiled, Family, Hold, Member, PoolMemory};

/// The drill of a world.
#[derive(Debug)]
pub(super) struct Drill {
    order: DrillOrder,
    /// Until when it fails its region; none once it restores.
    until: Option<Moment>,
    /// What the checks really say of what it fails: one per judge of each target.
    real: BTreeMap<WatchId, Vec<Tracker>>,
    /// The region's members as they were before.
    members: Vec<Before>,
    met: Option<bool>,
}

impl Drill {
    /// When it ends by itself, on the clock that only goes forward.
    pub(super) fn until(&self) -> Option<Duration> {
        self.until.map(|until| until.mono)
    }

    pub(super) fn order(&self) -> &DrillOrder {
        &self.order
    }

    /// What the checks really say where it fails them.
    pub(super) fn real(&self, link: Link) -> Option<&Tracker> {
        self.real.get(&link.id)?.get(link.judge)
    }

    /// As [`Drill::real`], and what they say elsewhere.
    fn tracker<'t>(&'t self, link: Link, targets: &'t Targets) -> Option<&'t Tracker> {
        self.real(link).or_else(|| targets.tracker(link))
    }

    /// A pool's memory without what the drill did to it.
    fn restore(&self, id: &PoolId, memory: &mut PoolMemory) {
        for before in self.members.iter().filter(|before| before.pool == *id) {
            let is_down = self.real(before.link).is_some_and(|real| real.verdict() == Verdict::Down);
            // Who served and is really down by now comes back as after any failure.
            let hold = before.hold.or((before.served && is_down).then_some(Hold::Lost));
            memory.restore_hold(&before.member, hold);
        }
    }

    /// Holds of a pool were ended by order: they do not come back with the end of the drill.
    pub(super) fn release(&mut self, id: &PoolId) {
        let of_pool = self.members.iter_mut().filter(|before| before.pool == *id);
        of_pool.for_each(|before| before.hold = before.hold.filter(|hold| !hold.is_running()));
    }

    fn ended(&self, why: DrillEnd) -> Kind {
        // One that was cut short had no time to miss its target.
        let met = self.met.filter(|met| *met || !why.is_cut_short());
        Kind::Drill(DrillChange::Ended { order: self.order.clone(), why, met })
    }
}

/// A member of the region before the drill.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Before {
    pool: PoolId,
    member: Member,
    link: Link,
    hold: Option<Hold>,
    /// Whether it was answered as one that is healthy.
    served: bool,
}

/// What a drill of a region is about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scope {
    targets: BTreeSet<WatchId>,
    places: Vec<Place>,
    members: Vec<Before>,
}

impl World {
    /// Begins to fail a region.
    pub(super) fn begin_drill(
        &mut self,
        order: DrillOrder,
        now: Moment,
        effects: &mut Effects,
    ) -> Result<(), DrillRefused> {
        if let Some(drill) = &self.drill {
            return Err(DrillRefused::Running(Arc::clone(&drill.order.id)));
        }
        if !self.is_ready() {
            return Err(DrillRefused::NotReady);
        }
        if Family::ALL.into_iter().any(|family| self.isolation.is_cut(family)) {
            return Err(DrillRefused::Isolated);
        }
        let scope = self.drill_scope(&order.region)?;
        let losses: Vec<_> = scope.places.iter().flat_map(|place| self.drill_losses(*place, &scope.targets)).collect();
        if !losses.is_empty() {
            return Err(DrillRefused::LastHealthy(losses));
        }
        let targets = scope.targets.iter().filter_map(|id| Some((*id, self.targets.target(*id)?)));
        let trackers = |target: &Target| target.judges().iter().map(|judge| judge.tracker.clone()).collect();
        let real = targets.map(|(id, target)| (id, trackers(target))).collect();
        let until = Moment { mono: now.mono + order.lasts, wall: now.wall + order.lasts };
        effects.save = Save::Now;
        effects.events.push(Kind::Drill(DrillChange::Begun(order.clone())));
        self.drill = Some(Drill { order, until: Some(until), real, members: scope.members, met: None });
        Ok(())
    }

    /// Takes a drill back, as if it had never been.
    pub(super) fn end_drill(
        &mut self,
        id: &Arc<str>,
        why: DrillEnd,
        now: Moment,
        effects: &mut Effects,
    ) -> Result<(), NoSuchDrill> {
        if self.drill.as_ref().is_none_or(|drill| drill.order.id != *id) {
            return Err(NoSuchDrill(Arc::clone(id)));
        }
        self.take_drill_back(why, now, effects);
        Ok(())
    }

    /// Notes what was measured of a running drill.
    pub(super) fn judge_drill(&mut self, id: &str, met: bool) {
        if let Some(drill) = self.drill.as_mut().filter(|drill| *drill.order.id == *id) {
            drill.met = Some(met);
        }
    }

    /// Lets a drill end whose time is over: from here on observations count as what they are.
    pub(super) fn end_drill_in_time(&mut self, now: Moment, effects: &mut Effects) {
        let Some(drill) = self.drill.as_mut().filter(|d| d.until().is_some_and(|until| until <= now.mono)) else {
            return;
        };
        drill.until = None;
        effects.save = effects.save.max(Save::Soon);
        effects.events.push(drill.ended(DrillEnd::Over));
        self.settle_drill(effects);
    }

    /// An observation as it counts; the drill is told what it really is.
    pub(super) fn drilled(&mut self, id: WatchId, seen: &Arc<Observation>, now: Moment) -> Arc<Observation> {
        let Some(drill) = &mut self.drill else { return Arc::clone(seen) };
        let (Some(real), Some(target)) = (drill.real.get_mut(&id), self.targets.target(id)) else {
            return Arc::clone(seen);
        };
        for (tracker, judge) in real.iter_mut().zip(target.judges()) {
            tracker.observe(&judge.watch.cadence, seen, now);
        }
        // What the node could not ask says nothing of the target, not even in a drill.
        if drill.until.is_none() || matches!(seen.result, Err(Failure::Local(_))) {
            return Arc::clone(seen);
        }
        Arc::new(Observation { result: Err(Failure::Drill), ..(**seen).clone() })
    }

    /// Forgets a drill whose region is what the checks really say of it.
    pub(super) fn settle_drill(&mut self, effects: &mut Effects) {
        let Some(drill) = self.drill.as_ref().filter(|drill| drill.until.is_none()) else { return };
        let agrees = |id: &WatchId, real: &[Tracker]| {
            let judges = self.targets.target(*id).map(|target| target.judges()).unwrap_or_default();
            judges.iter().zip(real).all(|(judge, real)| judge.tracker.verdict() == real.verdict())
        };
        if drill.real.iter().all(|(id, real)| agrees(id, real)) {
            self.drill = None;
            effects.save = effects.save.max(Save::Soon);
        }
    }

    /// Takes the drill back before a pool has nobody healthy because of it.
    pub(super) fn guard_drill(&mut self, place: Place, now: Moment, effects: &mut Effects) {
        let Some(drill) = &self.drill else { return };
        let (pool, state) = self.pool(place);
        if !state.links.iter().flatten().flatten().any(|link| drill.real.contains_key(&link.id)) {
            return;
        }
        let seen = standings(&state.id, pool, &state.links, &self.targets, &self.overrides);
        let real = |link| drill.tracker(link, &self.targets);
        let real = standings_by(&state.id, pool, &state.links, &self.overrides, real);
        let compile = |standings: &[Vec<Standing>]| policy::compile(pool, standings, &state.memory);
        if let Some(loss) = losses_of(&state.id, &compile(&real), &compile(&seen)).into_iter().next() {
            self.take_drill_back(DrillEnd::Needed(loss), now, effects);
        }
    }

    /// Takes the drill back where new files change what it is about: it was not judged for them.
    pub(super) fn guard_drill_of(&mut self, setup: &Setup, now: Moment, effects: &mut Effects) {
        let Some(region) = self.drill.as_ref().map(|drill| drill.order.region.clone()) else { return };
        let has_region = |pool: &Pool| pool.endpoints.iter().any(|endpoint| endpoint.region.as_ref() == Some(&region));
        let concerned = |pools: &[Pool]| pools.iter().any(has_region);
        let before = self.zones.iter().map(|zone| &zone.setup).filter(|zone| concerned(&zone.pools));
        let after = setup.zones.iter().filter(|zone| concerned(&zone.pools));
        let is_same = before.map(Arc::as_ptr).eq(after.map(Arc::as_ptr));
        let ids = self.drill.iter().flat_map(|drill| drill.real.keys());
        // A pool without the region may check at one of its targets from now on.
        let mut probes = ids.filter_map(|id| self.targets.target(*id)?.judges().first()).map(|j| &j.watch.probe);
        let others = || setup.zones.iter().filter(|zone| !concerned(&zone.pools)).flat_map(|zone| &zone.pools);
        let watched =
            || others().flat_map(|p| &p.endpoints).flat_map(|e| &e.addresses).filter_map(|a| a.watch.as_ref());
        let is_shared = probes.any(|probe| watched().any(|watch| watch.probe == *probe));
        if !is_same || is_shared {
            self.take_drill_back(DrillEnd::Reloaded, now, effects);
        }
    }

    /// The drill that fails its region now.
    pub(super) fn drill_status(&self) -> Option<DrillStatus> {
        let drill = self.drill.as_ref()?;
        Some(DrillStatus { order: drill.order.clone(), until: drill.until?.wall })
    }

    /// What is to be saved of a pool: nothing that a drill did.
    pub(super) fn memory_to_save(&self, state: &PoolState) -> PoolMemory {
        let mut memory = state.memory.clone();
        if let Some(drill) = &self.drill {
            drill.restore(&state.id, &mut memory);
        }
        memory
    }

    /// Tells that the end of the process before this one cut a drill short. What it made fail fires still,
    /// and is told to work, which is all that can end that: no verdict turns for it.
    pub(super) fn tell_cut_short(&mut self, effects: &mut Effects) {
        let Some(order) = self.cut_short.take() else { return };
        effects.save = Save::Now;
        let targets = self.drill_scope(&order.region).map(|scope| scope.targets).unwrap_or_default();
        effects.events.push(Kind::Drill(DrillChange::Ended { order, why: DrillEnd::Restarted, met: None }));
        for id in targets {
            let judges = self.targets.target(id).map(Target::judges).unwrap_or_default();
            for (at, judge) in judges.iter().enumerate().filter(|(_, judge)| judge.tracker.verdict() == Verdict::Up) {
                if let Some(flip) = flip(&Tracker::new(), &judge.tracker) {
                    self.tell_flip(id, at, &flip, effects);
                }
            }
        }
    }

    fn take_drill_back(&mut self, why: DrillEnd, now: Moment, effects: &mut Effects) {
        let Some(drill) = self.drill.take() else { return };
        effects.save = Save::Now;
        if drill.until.is_some() {
            effects.events.push(drill.ended(why));
        }
        let mut places = BTreeSet::new();
        for (id, real) in &drill.real {
            places.extend(self.targets.users(*id));
            let judges = self.targets.target_mut(*id).map(|target| target.judges_mut()).unwrap_or_default();
            let swapped = judges
                .iter_mut()
                .zip(real)
                .map(|(judge, real)| (std::mem::replace(&mut judge.tracker, real.clone()), real));
            let flips: Vec<_> = swapped.enumerate().filter_map(|(at, (was, is))| Some((at, flip(&was, is)?))).collect();
            for (judge, flip) in &flips {
                self.tell_flip(*id, *judge, flip, effects);
            }
        }
        for state in self.zones.iter_mut().flat_map(|zone| &mut zone.pools) {
            drill.restore(&state.id, &mut state.memory);
        }
        for place in places {
            self.refresh(place, now, effects);
        }
    }

    fn pool(&self, place: Place) -> (&Pool, &PoolState) {
        let zone = &self.zones[place.zone];
        (&zone.setup.pools[place.pool], &zone.pools[place.pool])
    }

    /// What a drill of the region would fail.
    fn drill_scope(&self, region: &Region) -> Result<Scope, DrillRefused> {
        let mut scope = Scope::default();
        let mut known = false;
        for (place, pool, state) in self.pools() {
            let links = pool.endpoints.iter().zip(&state.links);
            for (endpoint, links) in links.filter(|(endpoint, _)| endpoint.region.as_ref() == Some(region)) {
                known = true;
                scope.targets.extend(links.iter().flatten().map(|link| link.id));
                if links.iter().any(Option::is_some) && scope.places.last() != Some(&place) {
                    scope.places.push(place);
                }
                let members = endpoint.addresses.iter().zip(links).filter_map(|(a, link)| Some((a, (*link)?)));
                scope.members.extend(members.map(|(address, link)| {
                    let member = Member { endpoint: endpoint.name.clone(), ip: address.ip };
                    let hold = state.memory.holds().get(&member).copied();
                    let served = state.memory.is_serving(&member);
                    Before { pool: state.id.clone(), member, link, hold, served }
                }));
            }
        }
        if !known {
            return Err(DrillRefused::NoSuchRegion(region.clone()));
        }
        let mut judges = scope.targets.iter().filter_map(|id| self.targets.target(*id)).flat_map(|t| t.judges());
        if !judges.any(|judge| judge.tracker.verdict() == Verdict::Up) {
            return Err(DrillRefused::NothingToFail(region.clone()));
        }
        let mut uses = scope.targets.iter().flat_map(|id| self.uses(*id));
        if let Some((_, state, other, ..)) = uses.find(|(_, _, endpoint, ..)| endpoint.region.as_ref() != Some(region))
        {
            return Err(DrillRefused::Shared(format!("endpoint {} of {}", other.name, state.id).into()));
        }
        Ok(scope)
    }

    /// What a pool would lose if these targets were down.
    fn drill_losses(&self, place: Place, targets: &BTreeSet<WatchId>) -> Vec<Loss> {
        let (pool, state) = self.pool(place);
        let mut standings = standings(&state.id, pool, &state.links, &self.targets, &self.overrides);
        for (standings, links) in standings.iter_mut().zip(&state.links) {
            for (standing, link) in standings.iter_mut().zip(links) {
                if link.is_some_and(|link| targets.contains(&link.id)) {
                    standing.verdict = Verdict::Down;
                }
            }
        }
        let without: Compiled = policy::compile(pool, &standings, &state.memory);
        losses_of(&state.id, &state.compiled, &without)
    }
}

/// The change of a verdict that is put back.
fn flip(was: &Tracker, is: &Tracker) -> Option<Flip> {
    let (from, to) = (was.verdict(), is.verdict());
    let evidence = Arc::clone(is.last()?);
    (from != to).then_some(Flip { from, to, streak: 1, evidence })
}
