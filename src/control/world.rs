//! All that the node knows, and what follows from each thing that happens.
//!
//! Pure but for its size: no channels, files or clocks. Each input changes the world and adds to
//! [`Effects`]; the task that owns it carries them out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::PACE_OF_NOBODY;
use super::drill::DrillOrder;
use super::drilling::Drill;
use super::event::{Answer, Kind, OverrideChange};
use super::isolation::Isolation;
use super::reload::Pending;
use super::round::Round;
use super::saved::Saved;
use super::targets::{Link, Links, Place, Seen, Targets};
use super::watchdog::Watchdog;
use crate::health::{Flip, Overrides, Standing, Tracker, outcome};
use crate::model::CheckName;
use crate::model::check::{Pace, Watch, WatchId};
use crate::model::node::{Node, Setup, ZoneSetup};
use crate::model::observation::{Failure, Observation};
use crate::model::pool::{Address, Endpoint, Pool, PoolId};
use crate::model::time::Moment;
use crate::policy::{self, Compiled, Family, Member, PoolMemory};

/// The world; see the module.
#[derive(Debug)]
pub(super) struct World {
    pub(super) node: Node,
    /// What the node was started with: listeners and the state folder are still these.
    pub(super) started: Node,
    pub(super) zones: Vec<ZoneState>,
    pub(super) targets: Targets,
    pub(super) overrides: Overrides,
    /// The round at start; none when it is over and answers may be given.
    pub(super) round: Option<Round>,
    /// A reload whose new targets are being probed.
    pub(super) pending: Option<Pending>,
    pub(super) isolation: Isolation,
    pub(super) watchdog: Watchdog,
    /// Who was told to be down for long.
    pub(super) lasting: BTreeSet<(PoolId, Member)>,
    /// A region that fails on purpose.
    pub(super) drill: Option<Drill>,
    /// One that ran when the process before this one ended, until that is told.
    pub(super) cut_short: Option<DrillOrder>,
    /// Pools in which a hold runs, and when the next one ends.
    ends: BTreeMap<Place, Duration>,
}

/// A zone, and what its pools come to.
#[derive(Debug)]
pub(super) struct ZoneState {
    pub(super) setup: Arc<ZoneSetup>,
    pub(super) pools: Vec<PoolState>,
}

/// A pool, and what it comes to.
#[derive(Debug)]
pub(super) struct PoolState {
    pub(super) id: PoolId,
    pub(super) links: Links,
    pub(super) memory: PoolMemory,
    pub(super) compiled: Arc<Compiled>,
    /// When the answer of each family changed last in this run.
    pub(super) changed: [Option<SystemTime>; 2],
}

/// What is to be done about a change.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// To be told and logged, in this order.
    pub(super) events: Vec<Kind>,
    /// Zones whose answers changed.
    pub(super) touched: BTreeSet<usize>,
    /// The zones themselves are others.
    pub(super) replaced: bool,
    /// What must be probed changed.
    pub(super) watches: bool,
    /// The round at start is over.
    pub(super) ready: bool,
    /// How urgently the world should be saved.
    pub(super) save: Save,
}

/// How urgently the world should be saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Save {
    /// Nothing changed.
    #[default]
    No,
    /// Only what is known became fresher.
    Eventually,
    /// Something changed that a restart should know.
    Soon,
    /// Somebody ordered something.
    Now,
}

impl World {
    /// The world at start, which the targets are then probed for.
    pub(super) fn new(setup: Setup, saved: &Saved, now: Moment) -> Self {
        let (mut targets, links) = Targets::plan(&setup, &Targets::default());
        for (key, judge) in targets.judges_mut() {
            if let Some(tracker) = saved.tracker(key, &judge.watch, now) {
                judge.tracker = tracker;
            }
        }
        let round = Some(Round::new(targets.watches(), now));
        let overrides = saved.overrides(now);
        let mut memories = saved.memories(now);
        let Setup { node, zones } = setup;
        let memory = |id: &PoolId| memories.remove(id).unwrap_or_default();
        let zones = zone_states(&zones, links, memory, |id, pool, links, memory| {
            policy::compile(pool, &standings(id, pool, links, &targets, &overrides), memory)
        });
        let mut isolation = Isolation::default();
        // Nothing has been observed, so nothing turns.
        isolation.plan(&targets, !node.witness.is_empty());
        Self {
            started: node.clone(),
            node,
            zones,
            targets,
            overrides,
            round,
            pending: None,
            isolation,
            drill: None,
            cut_short: saved.drill(),
            watchdog: Watchdog::default(),
            lasting: BTreeSet::new(),
            ends: BTreeMap::new(),
        }
    }

    /// Whether answers may be given.
    pub(super) fn is_ready(&self) -> bool {
        self.round.is_none()
    }

    /// Everything that must be probed: for what is in force, and for a reload under way.
    pub(super) fn watches(&self) -> Arc<[(WatchId, Arc<Watch>)]> {
        let mut watches: BTreeMap<_, _> = self.targets.watches().collect();
        if let Some(pending) = &self.pending {
            for (id, watch) in pending.targets.watches() {
                watches.entry(id).or_insert(watch);
            }
        }
        watches.into_iter().collect()
    }

    /// Takes in what a probe saw, and says when its target must be probed next.
    pub(super) fn report(&mut self, id: WatchId, seen: Observation, now: Moment, effects: &mut Effects) -> Pace {
        let seen = Arc::new(seen);
        match self.withhold(id, &seen, now, effects) {
            Some(pace) => pace,
            None => self.count(id, &seen, now, effects),
        }
    }

    /// As [`World::report`], of what counts.
    pub(super) fn count(&mut self, id: WatchId, seen: &Arc<Observation>, now: Moment, effects: &mut Effects) -> Pace {
        let seen = &self.drilled(id, seen, now);
        let awaited = self.round.as_ref().is_some_and(|round| round.awaits(id))
            || self.pending.as_ref().is_some_and(|pending| pending.round.awaits(id));
        let own = self.targets.contains(id);
        let targets = match &mut self.pending {
            Some(pending) if !own => &mut pending.targets,
            _ => &mut self.targets,
        };
        let Some(target) = targets.target_mut(id) else { return PACE_OF_NOBODY };
        let Seen { flips, turned, counted } = target.observe(seen, now);
        let settled = target.is_settled();
        let pace = target.pace(awaited && !settled);
        effects.save = effects.save.max(if counted || !flips.is_empty() { Save::Soon } else { Save::Eventually });
        if own {
            // What the node could not ask says nothing of the target, and makes no verdict fresher.
            let heard = !matches!(seen.result, Err(Failure::Local(_)));
            if heard && self.watchdog.hear(id) {
                self.tell_stale(id, false, effects);
            }
            for (judge, flip) in &flips {
                self.tell_flip(id, *judge, flip, effects);
            }
            if !flips.is_empty() && !matches!(seen.result, Ok(()) | Err(Failure::Drill)) {
                self.settle_if_down(id, effects);
            }
            if turned || !flips.is_empty() {
                for place in self.targets.users(id).to_vec() {
                    self.refresh(place, now, effects);
                }
            }
        } else if let Some(pending) = &mut self.pending {
            pending.flips.extend(flips.into_iter().map(|(judge, flip)| (id, judge, flip)));
        }
        if settled {
            if let Some(pending) = &mut self.pending {
                pending.round.settle(id);
            }
            if let Some(round) = &mut self.round {
                round.settle(id);
            }
            self.end_round(now, effects);
        }
        self.settle_drill(effects);
        pace
    }

    /// Does what has become due.
    pub(super) fn tick(&mut self, now: Moment, effects: &mut Effects) {
        self.end_round(now, effects);
        self.end_drill_in_time(now, effects);
        for (scope, order) in self.overrides.expire(now) {
            effects.save = Save::Now;
            let told = Kind::Override { scope: scope.clone(), order, change: OverrideChange::Expired, by: None };
            effects.events.push(told);
            self.refresh_scope(&scope, now, effects);
        }
        let due: Vec<_> = self.ends.iter().filter(|(_, end)| **end <= now.mono).map(|(place, _)| *place).collect();
        for place in due {
            self.refresh(place, now, effects);
        }
        if self.is_ready() && self.watchdog.is_due(now) {
            let (stale, fresh) = self.watchdog.sweep(&self.targets, now);
            stale.into_iter().for_each(|id| self.tell_stale(id, true, effects));
            fresh.into_iter().for_each(|id| self.tell_stale(id, false, effects));
            self.tell_lasting(now, effects);
        }
    }

    /// When [`World::tick`] must be called next.
    pub(super) fn wake(&self, now: Moment) -> Option<Duration> {
        let rounds = [self.round.as_ref(), self.pending.as_ref().map(|pending| &pending.round)];
        // A round of a reload may be over and wait for something else than time.
        let rounds = rounds.into_iter().flatten().filter(|round| !round.is_over(now)).map(Round::deadline);
        let sweep = self.is_ready().then(|| self.watchdog.next());
        let drill = self.drill.as_ref().and_then(Drill::until);
        rounds.chain(drill).chain(self.overrides.next_expiry()).chain(self.ends.values().copied()).chain(sweep).min()
    }

    /// All pools with their places.
    pub(super) fn pools(&self) -> impl Iterator<Item = (Place, &Pool, &PoolState)> {
        self.zones.iter().enumerate().flat_map(|(zone, z)| {
            let pools = z.setup.pools.iter().zip(&z.pools).enumerate();
            pools.map(move |(pool, (p, state))| (Place { zone, pool }, p, state))
        })
    }

    /// Compiles one pool again.
    pub(super) fn refresh(&mut self, place: Place, now: Moment, effects: &mut Effects) {
        if !self.is_ready() {
            return; // too early to judge: the round at start compiles all pools when it ends
        }
        self.guard_drill(place, now, effects);
        let zone = &mut self.zones[place.zone];
        let (pool, state) = (&zone.setup.pools[place.pool], &mut zone.pools[place.pool]);
        let standings = standings(&state.id, pool, &state.links, &self.targets, &self.overrides);
        let (compiled, changes) = policy::advance(pool, &standings, &mut state.memory, now);
        if !changes.is_empty() || !compiled.is_same(&state.compiled) {
            effects.save = effects.save.max(Save::Soon);
        }
        effects.events.extend(changes.into_iter().map(|change| Kind::Hold { pool: state.id.clone(), change }));
        for kind in moves(&state.id, &state.compiled, &compiled) {
            note_change(&mut state.changed, &kind, now);
            effects.events.push(kind);
        }
        if !compiled.is_same(&state.compiled) {
            effects.touched.insert(place.zone);
        }
        match state.memory.next_end(now) {
            Some(end) => self.ends.insert(place, end),
            None => self.ends.remove(&place),
        };
        state.compiled = Arc::new(compiled);
    }

    /// Notes when holds end, after the pools were replaced.
    pub(super) fn find_ends(&mut self, now: Moment) {
        let ends = self.pools().filter_map(|(place, _, state)| Some((place, state.memory.next_end(now)?)));
        self.ends = ends.collect();
    }

    /// Ends the round at start when it is over: only now there is something to judge by.
    pub(super) fn end_round(&mut self, now: Moment, effects: &mut Effects) {
        let Some(round) = self.round.take_if(|round| round.is_over(now)) else { return };
        effects.ready = true;
        effects.events.push(Kind::Ready { targets: self.targets.len(), missing: round.left() });
        for zone in 0..self.zones.len() {
            effects.touched.insert(zone);
            for pool in 0..self.zones[zone].pools.len() {
                self.refresh(Place { zone, pool }, now, effects);
            }
        }
        // What was answered before was nobody's answer.
        let was_asked =
            |kind: &Kind| !matches!(kind, Kind::Answer { after, .. } if after.mode == policy::Mode::Healthy);
        effects.events.retain(was_asked);
        self.tell_pools_down(effects);
        self.tell_cut_short(effects);
    }

    pub(super) fn tell_flip(&self, id: WatchId, judge: usize, flip: &Flip, effects: &mut Effects) {
        let uses = self.uses(id).filter(|(link, ..)| link.is(id, judge));
        effects.events.extend(uses.map(|(_, state, endpoint, address, check)| Kind::Endpoint {
            pool: state.id.clone(),
            endpoint: endpoint.name.clone(),
            region: endpoint.region.clone(),
            ip: address.ip,
            check: check.clone(),
            flip: flip.clone(),
        }));
    }

    pub(super) fn tell_stale(&self, id: WatchId, stale: bool, effects: &mut Effects) {
        effects.events.extend(self.uses(id).map(|(_, state, endpoint, address, check)| Kind::Stale {
            pool: state.id.clone(),
            endpoint: endpoint.name.clone(),
            ip: address.ip,
            check: check.clone(),
            stale,
        }));
    }

    /// Every address whose verdict comes from a target.
    pub(super) fn uses(
        &self,
        id: WatchId,
    ) -> impl Iterator<Item = (Link, &PoolState, &Endpoint, &Address, &CheckName)> {
        self.targets.users(id).iter().flat_map(move |place| {
            let zone = &self.zones[place.zone];
            let (pool, state) = (&zone.setup.pools[place.pool], &zone.pools[place.pool]);
            let endpoints = pool.endpoints.iter().zip(&state.links);
            let seats = endpoints.flat_map(|(e, links)| e.addresses.iter().zip(links).map(move |(a, l)| (e, a, l)));
            seats.filter_map(move |(endpoint, address, link)| {
                let link = link.filter(|link| link.id == id)?;
                Some((link, state, endpoint, address, &address.watch.as_ref()?.check))
            })
        })
    }
}

/// Notes when the answer of a family changed.
pub(super) fn note_change(changed: &mut [Option<SystemTime>; 2], kind: &Kind, now: Moment) {
    if let Kind::Answer { family, .. } = kind {
        changed[family.index()] = Some(now.wall);
    }
}

/// What policies see of a pool's endpoints.
pub(super) fn standings(
    id: &PoolId,
    pool: &Pool,
    links: &Links,
    targets: &Targets,
    overrides: &Overrides,
) -> Vec<Vec<Standing>> {
    standings_by(id, pool, links, overrides, |link| targets.tracker(link))
}

/// As [`standings`], with trackers from wherever.
pub(super) fn standings_by<'t>(
    id: &PoolId,
    pool: &Pool,
    links: &Links,
    overrides: &Overrides,
    tracker: impl Fn(Link) -> Option<&'t Tracker>,
) -> Vec<Vec<Standing>> {
    let endpoints = pool.endpoints.iter().zip(links);
    endpoints
        .map(|(endpoint, links)| {
            let force = overrides.ruling(id, endpoint).map(|(_, order)| order.force);
            links.iter().map(|link| outcome(link.and_then(&tracker), force)).collect()
        })
        .collect()
}

/// Gathers zones, links, memories and what `compile` makes of them.
pub(super) fn zone_states(
    zones: &[Arc<ZoneSetup>],
    links: Vec<Vec<Links>>,
    mut memory: impl FnMut(&PoolId) -> PoolMemory,
    mut compile: impl FnMut(&PoolId, &Pool, &Links, &mut PoolMemory) -> Compiled,
) -> Vec<ZoneState> {
    let zones = zones.iter().zip(links);
    zones
        .map(|(setup, links)| {
            let pools = setup.pools.iter().zip(links).map(|(pool, links)| {
                let id = PoolId { zone: setup.name().clone(), pool: pool.name.clone() };
                let mut memory = memory(&id);
                let compiled = Arc::new(compile(&id, pool, &links, &mut memory));
                PoolState { id, links, memory, compiled, changed: [None; 2] }
            });
            ZoneState { pools: pools.collect(), setup: Arc::clone(setup) }
        })
        .collect()
}

/// What moved between two states of a pool: whether it works, and what it answers.
pub(super) fn moves(id: &PoolId, before: &Compiled, after: &Compiled) -> Vec<Kind> {
    let mut moved = Vec::new();
    for family in Family::ALL {
        let (old, new) = (Answer::of(before, family), Answer::of(after, family));
        let works = |answer: &Answer| matches!(answer.mode, policy::Mode::Healthy | policy::Mode::Absent);
        if works(&old) != works(&new) || (!works(&new) && old.mode != new.mode) {
            moved.push(Kind::Pool { pool: id.clone(), family, mode: new.mode });
        }
        let is_static = |answer: &Answer| answer.mode == policy::Mode::Static;
        if old.addresses != new.addresses || is_static(&old) != is_static(&new) {
            moved.push(Kind::Answer { pool: id.clone(), family, before: old, after: new });
        }
    }
    moved
}

impl Answer {
    pub(super) fn of(compiled: &Compiled, family: Family) -> Self {
        Self { mode: compiled.plan(family).mode, addresses: compiled.steering(family).addresses().collect() }
    }
}
