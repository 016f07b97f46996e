//! New files: probed first, judged, then put in force as a whole or not at all.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::diff::{Change, Detail, How, What, endpoint_details, named_changes, node_details, pool_details};
use super::event::{By, Kind};
use super::guard::{Consent, Refused, guard_pools, guard_zones};
use super::round::Round;
use super::targets::{Links, Targets};
use super::world::{Effects, PoolState, Save, World, ZoneState, moves, note_change, standings, zone_states};
use crate::health::Flip;
use crate::model::check::WatchId;
use crate::model::node::{Node, Setup, ZoneSetup};
use crate::model::pool::{Pool, PoolId};
use crate::model::time::Moment;
use crate::policy;

/// A reload whose new targets are being probed while the old answers stay.
#[derive(Debug)]
pub(super) struct Pending {
    setup: Setup,
    consent: Consent,
    by: Option<By>,
    pub(super) targets: Targets,
    links: Vec<Vec<Links>>,
    /// Of the targets that are new.
    pub(super) round: Round,
    /// Their first verdicts, to be told once they matter.
    pub(super) flips: Vec<(WatchId, usize, Flip)>,
}

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Zones, pools and endpoints that are other than before.
    pub changes: Vec<Change>,
    /// How many targets are probed that were not.
    pub checks_started: usize,
    /// How many targets are probed no longer.
    pub checks_stopped: usize,
    /// Who asked for it, where it was somebody.
    pub by: Option<By>,
    /// Settings of `pharos.toml` that are other than at start and wait for a restart.
    pub restart_needed: Vec<&'static str>,
}

impl World {
    /// Begins a reload; one that is under way is forgotten.
    pub(super) fn begin_reload(
        &mut self,
        setup: Setup,
        consent: Consent,
        by: Option<By>,
        now: Moment,
        effects: &mut Effects,
    ) {
        let older = self.pending.as_ref();
        let consent = older.map_or(consent, |older| consent.in_place_of(older.consent, &setup, &older.setup));
        let (targets, links) = Targets::plan(&setup, &self.targets);
        let new = targets.watches().filter(|(id, _)| !self.targets.contains(*id));
        let round = Round::new(new, now);
        // An id is never given twice, not even when this reload comes to nothing.
        self.targets.skip_to(&targets);
        effects.watches |= round.left() > 0 || self.pending.is_some();
        self.pending = Some(Pending { setup, consent, by, targets, links, round, flips: Vec::new() });
    }

    /// Forgets the reload that is under way.
    pub(super) fn forget_reload(&mut self, effects: &mut Effects) {
        effects.watches |= self.pending.take().is_some();
    }

    /// Whether a reload can be finished: everything that it watches was observed.
    pub(super) fn is_reload_settled(&self, now: Moment) -> bool {
        self.is_ready() && self.pending.as_ref().is_some_and(|pending| pending.round.is_over(now))
    }

    /// Puts the reload in force, or refuses it. None where none is under way.
    pub(super) fn finish_reload(&mut self, now: Moment, effects: &mut Effects) -> Option<Result<Applied, Refused>> {
        let Pending { setup, consent, by, mut targets, links, round: _, flips } = self.pending.take()?;
        self.guard_drill_of(&setup, now, effects);
        targets.inherit(&self.targets, now);
        let pairs = Pairs::of(&self.zones, &setup.zones);
        let mut links: Vec<_> = links.into_iter().map(Some).collect();
        let (mut news, holds) = self.compile_changed(&setup, &pairs, &targets, &mut links, now);
        effects.watches = true;
        let pools: HashMap<_, _> = news.values().flat_map(|zone| &zone.pools).map(|pool| (&pool.id, pool)).collect();
        let allowed = guard_zones(self, &setup, consent).and_then(|()| guard_pools(self, &pools, consent));
        if let Err(refused) = allowed {
            effects.events.push(Kind::Refused(refused.clone()));
            return Some(Err(refused));
        }
        let applied = Applied { by, ..self.compare(&pairs, &setup, &targets) };
        effects.events.push(Kind::Applied(applied.clone()));
        effects.events.extend(holds);
        let mut changed = HashMap::new();
        for (_, old) in pairs.changed(&self.zones, &setup.zones) {
            for old in old.iter().flat_map(|old| &old.pools) {
                let Some(new) = pools.get(&old.id) else { continue };
                let mut since = old.changed;
                for kind in moves(&old.id, &old.compiled, &new.compiled) {
                    note_change(&mut since, &kind, now);
                    effects.events.push(kind);
                }
                changed.insert(old.id.clone(), since);
            }
        }
        for pool in news.values_mut().flat_map(|zone| &mut zone.pools) {
            pool.changed = changed.get(&pool.id).copied().unwrap_or_default();
        }
        effects.replaced = true;
        effects.save = effects.save.max(Save::Soon);
        let mut olds: Vec<_> = std::mem::take(&mut self.zones).into_iter().map(Some).collect();
        let zones = pairs.olds.iter().enumerate().filter_map(|(place, old)| {
            if let Some(new) = news.remove(&place) {
                return Some(new);
            }
            let mut kept = olds[(*old)?].take()?;
            for (pool, links) in kept.pools.iter_mut().zip(links[place].take()?) {
                pool.links = links;
            }
            Some(kept)
        });
        self.zones = zones.collect();
        (self.targets, self.node) = (targets, setup.node);
        for (id, judge, flip) in &flips {
            self.tell_flip(*id, *judge, flip, effects);
        }
        self.find_ends(now);
        self.tell_pools_down(effects);
        let turns = self.isolation.plan(&self.targets, !self.node.witness.is_empty());
        self.tell_isolation(turns, effects);
        Some(Ok(applied))
    }
}

impl World {
    /// What a reload would change, or why it would be refused, as far as that can be known before its new
    /// targets are probed: of pools that have some, nothing is foreseen.
    pub(super) fn preview(&self, setup: &Setup, consent: Consent, now: Moment) -> Result<Applied, Refused> {
        let (mut targets, links) = Targets::plan(setup, &self.targets);
        targets.inherit(&self.targets, now);
        let pairs = Pairs::of(&self.zones, &setup.zones);
        let mut links: Vec<_> = links.into_iter().map(Some).collect();
        let (news, _) = self.compile_changed(setup, &pairs, &targets, &mut links, now);
        let is_known = |pool: &&PoolState| {
            let links = pool.links.iter().flatten().flatten();
            links.into_iter().all(|link| self.targets.contains(link.id))
        };
        let pools = news.values().flat_map(|zone| &zone.pools).filter(is_known);
        guard_zones(self, setup, consent)?;
        guard_pools(self, &pools.map(|pool| (&pool.id, pool)).collect(), consent)?;
        Ok(self.compare(&pairs, setup, &targets))
    }

    /// What the zones that are new or other than before come to, by their places, and the holds that begin
    /// or end with that. Takes the links that it needs.
    fn compile_changed(
        &self,
        setup: &Setup,
        pairs: &Pairs,
        targets: &Targets,
        links: &mut [Option<Vec<Links>>],
        now: Moment,
    ) -> (HashMap<usize, ZoneState>, Vec<Kind>) {
        let mut holds = Vec::new();
        let mut news = HashMap::new();
        for (place, old) in pairs.changed(&self.zones, &setup.zones) {
            let olds = old.iter().flat_map(|old| &old.pools);
            let olds: HashMap<_, _> = olds.map(|old| (&old.id, &old.memory)).collect();
            let states = zone_states(
                std::slice::from_ref(&setup.zones[place]),
                links[place].take().into_iter().collect(),
                |id| olds.get(id).map(|memory| (*memory).clone()).unwrap_or_default(),
                |id, pool, links, memory| {
                    let standings = standings(id, pool, links, targets, &self.overrides);
                    let (compiled, changes) = policy::advance(pool, &standings, memory, now);
                    holds.extend(changes.into_iter().map(|change| Kind::Hold { pool: id.clone(), change }));
                    compiled
                },
            );
            news.extend(states.into_iter().map(|state| (place, state)));
        }
        (news, holds)
    }

    /// What differs: the node first, then its zones.
    fn compare(&self, pairs: &Pairs, setup: &Setup, targets: &Targets) -> Applied {
        let details = node_details(&self.node, &setup.node);
        let node = (!details.is_empty()).then_some(Change { how: How::Changed, what: What::Node, details });
        let shared = targets.shared_with(&self.targets);
        Applied {
            changes: node
                .into_iter()
                .chain(named_changes(&self.node, &setup.node))
                .chain(pairs.changes(&self.zones, &setup.zones))
                .collect(),
            checks_started: targets.len() - shared,
            checks_stopped: self.targets.len() - shared,
            by: None,
            restart_needed: restart_needed(&self.started, &setup.node),
        }
    }
}

/// Which zones of a setup take the place of which zones of the world.
struct Pairs {
    /// For each zone of the setup, the place of that name in the world.
    olds: Vec<Option<usize>>,
}

impl Pairs {
    fn of(olds: &[ZoneState], news: &[Arc<ZoneSetup>]) -> Self {
        let by_name = LazyCell::new(|| {
            let places = olds.iter().enumerate().map(|(place, old)| (old.setup.name(), place));
            places.collect::<HashMap<_, _>>()
        });
        // Nearly always there is the same zone in the same place.
        let is_at = |place: usize, new| olds.get(place).is_some_and(|old| Arc::ptr_eq(&old.setup, new));
        let olds = news
            .iter()
            .enumerate()
            .map(|(place, new)| if is_at(place, new) { Some(place) } else { by_name.get(new.name()).copied() });
        Self { olds: olds.collect() }
    }

    /// Places in the setup of zones that are new or other than before, with what was there before. All
    /// others have the same pools, whose state stays as it is: it is current at any time.
    fn changed<'w>(
        &self,
        olds: &'w [ZoneState],
        news: &[Arc<ZoneSetup>],
    ) -> impl Iterator<Item = (usize, Option<&'w ZoneState>)> {
        let pairs = self.olds.iter().map(|old| old.map(|old| &olds[old])).enumerate();
        pairs.filter(|(place, old)| !old.is_some_and(|old| Arc::ptr_eq(&old.setup, &news[*place])))
    }

    /// What differs.
    fn changes(&self, olds: &[ZoneState], news: &[Arc<ZoneSetup>]) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut note = |how, what, details| changes.push(Change { how, what, details });
        for (place, old) in self.changed(olds, news) {
            let new = &news[place];
            let id = |pool: &Pool| PoolId { zone: new.name().clone(), pool: pool.name.clone() };
            let Some(old) = old.map(|old| &old.setup) else {
                note(How::Added, What::Zone(new.name().clone()), Vec::new());
                continue;
            };
            if !old.records.is_same(&new.records) {
                note(How::Changed, What::Zone(new.name().clone()), Vec::new());
            }
            for pool in &new.pools {
                match old.pools.iter().find(|p| p.name == pool.name) {
                    Some(before) => pool_changes(&id(pool), before, pool, &mut note),
                    None => note(How::Added, What::Pool(id(pool)), Vec::new()),
                }
            }
            for gone in old.pools.iter().filter(|p| new.pools.iter().all(|n| n.name != p.name)) {
                note(How::Removed, What::Pool(id(gone)), Vec::new());
            }
        }
        let kept: HashSet<_> = self.olds.iter().flatten().collect();
        for (_, gone) in olds.iter().enumerate().filter(|(place, _)| !kept.contains(place)) {
            note(How::Removed, What::Zone(gone.setup.name().clone()), Vec::new());
        }
        changes
    }
}

fn pool_changes(id: &PoolId, before: &Pool, after: &Pool, note: &mut impl FnMut(How, What, Vec<Detail>)) {
    let bare = |pool: &Pool| Pool { endpoints: Vec::new(), ..pool.clone() };
    if bare(before) != bare(after) {
        note(How::Changed, What::Pool(id.clone()), pool_details(before, after));
    }
    for endpoint in &after.endpoints {
        let what = || What::Endpoint(id.clone(), endpoint.name.clone());
        match before.endpoints.iter().find(|e| e.name == endpoint.name) {
            None => note(How::Added, what(), Vec::new()),
            Some(old) if old != endpoint => note(How::Changed, what(), endpoint_details(old, endpoint)),
            Some(_) => {}
        }
    }
    for gone in before.endpoints.iter().filter(|e| after.endpoints.iter().all(|n| n.name != e.name)) {
        note(How::Removed, What::Endpoint(id.clone(), gone.name.clone()), Vec::new());
    }
}

/// Keys that take effect at start only, and are other than they were then.
fn restart_needed(started: &Node, after: &Node) -> Vec<&'static str> {
    // The name, the region, witnesses, sinks and drills take effect at once.
    let Node {
        name: _,
        region: _,
        witness: _,
        drills: _,
        state,
        dns,
        admin,
        admin_tokens,
        admin_hosts,
        udp_threads,
        coalesce,
        udp_gso,
        sinks: _,
    } = after;
    let (tokens, before) = (admin_tokens.as_ref(), started.admin_tokens.as_ref());
    let keys = [
        ("state", *state != started.state),
        ("listen.dns", *dns != started.dns),
        ("listen.admin", *admin != started.admin),
        ("admin.read_token", tokens.map(|t| &t.read) != before.map(|t| &t.read)),
        ("admin.write_token", tokens.map(|t| &t.write) != before.map(|t| &t.write)),
        ("admin.hosts", *admin_hosts != started.admin_hosts),
        ("listen.udp_threads", *udp_threads != started.udp_threads),
        ("listen.coalesce", *coalesce != started.coalesce),
        ("listen.udp_gso", *udp_gso != started.udp_gso),
    ];
    keys.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

impl Applied {
    /// Whether it changed anything.
    pub(super) fn is_news(&self) -> bool {
        !self.changes.is_empty() || self.checks_started + self.checks_stopped > 0 || !self.restart_needed.is_empty()
    }
}

impl fmt::Display for Applied {
    /// One line for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        if self.changes.is_empty() {
            f.write_str("nothing changed")?;
        }
        for (index, change) in self.changes.iter().take(SHOWN).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{change}")?;
        }
        if let Some(more @ 1..) = self.changes.len().checked_sub(SHOWN) {
            write!(f, " and {more} more")?;
        }
        if self.checks_started + self.checks_stopped > 0 {
            write!(f, "; checks: {} started, {} stopped", self.checks_started, self.checks_stopped)?;
        }
        if !self.restart_needed.is_empty() {
            write!(f, "; waits for a restart: {}", self.restart_needed.join(", "))?;
        }
        Ok(())
    }
}
