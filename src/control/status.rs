//! A view of the world for people and programs, built when somebody asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::drill::DrillStatus;
use super::event::Answer;
use super::recent::Recent;
use super::targets::Target;
use super::world::{PoolState, World};
use crate::dns::Name;
use crate::health::{Override, Scope, Verdict};
use crate::model::check::{Cadence, WatchId};
use crate::model::observation::Observation;
use crate::model::pool::{Address, Endpoint, Failback, Filter, Pool, PoolId};
use crate::model::time::Moment;
use crate::model::{CheckName, EndpointName, Region};
use crate::policy::{Compiled, Family, Hold, Member, Seat};

/// The node at one moment.
#[derive(Debug, Clone)]
pub struct Status {
    /// `node.name`.
    pub node: Arc<str>,
    /// `node.region`.
    pub region: Option<Region>,
    /// When.
    pub at: SystemTime,
    /// When this run began.
    pub started: SystemTime,
    /// The snapshot in force.
    pub snapshot: SnapshotStatus,
    /// Whether queries may be answered.
    pub ready: bool,
    /// Families over which the node is cut off.
    pub isolated: Vec<Family>,
    /// Targets that a reload under way waits for; none when there is no reload.
    pub reload_waits: Option<usize>,
    /// All zones, with their pools.
    pub zones: Vec<ZoneStatus>,
    /// All overrides in force.
    pub overrides: Vec<(Scope, Override)>,
    /// The drill that fails a region now.
    pub drill: Option<DrillStatus>,
}

/// The snapshot in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Rises by one with each that is published.
    pub generation: u64,
    /// When it was published.
    pub published: SystemTime,
}

/// A zone.
#[derive(Debug, Clone)]
pub struct ZoneStatus {
    /// Its name.
    pub name: Name,
    /// Records of its master file.
    pub records: usize,
    /// Its pools, in the order of the file.
    pub pools: Vec<PoolStatus>,
}

/// A pool.
#[derive(Debug, Clone)]
pub struct PoolStatus {
    /// Its zone and name.
    pub id: PoolId,
    /// The names it answers.
    pub names: Vec<Name>,
    /// Its policy.
    pub policy: Vec<Filter>,
    /// How an endpoint comes back.
    pub failback: Failback,
    /// What is answered to A.
    pub a: AnswerStatus,
    /// What is answered to AAAA.
    pub aaaa: AnswerStatus,
    /// How it came to that: a plan of steps per family, whose seats are the places of
    /// `endpoints` and their `addresses`.
    pub compiled: Arc<Compiled>,
    /// Its endpoints, in the order of the file.
    pub endpoints: Vec<EndpointStatus>,
}

/// What a family is answered with.
#[derive(Debug, Clone)]
pub struct AnswerStatus {
    /// State of affairs and addresses.
    pub answer: Answer,
    /// In seconds; none where it is the master file's or there is no answer.
    pub ttl: Option<u32>,
    /// Whether `ttl_suspect` holds, if the pool has one.
    pub suspect: bool,
    /// When it changed last in this run; none where it has not.
    pub changed: Option<SystemTime>,
}

/// An endpoint.
#[derive(Debug, Clone)]
pub struct EndpointStatus {
    /// Its name.
    pub name: EndpointName,
    /// Its region.
    pub region: Option<Region>,
    /// Its priority.
    pub priority: u32,
    /// Its weight.
    pub weight: u32,
    /// The override that rules it.
    pub order: Option<(Scope, Override)>,
    /// Its addresses, in the order of the file.
    pub addresses: Vec<AddressStatus>,
}

/// An address of an endpoint.
#[derive(Debug, Clone)]
pub struct AddressStatus {
    /// What is answered.
    pub ip: IpAddr,
    /// Whether an answer may hold it now.
    pub in_use: bool,
    /// What its check says; none where nothing is checked.
    pub check: Option<CheckStatus>,
    /// The hold on it.
    pub hold: Option<HoldStatus>,
}

/// What a check says.
#[derive(Debug, Clone)]
pub struct CheckStatus {
    /// The check.
    pub name: CheckName,
    /// The probe, which others may share.
    pub watch: WatchId,
    /// What is connected to.
    pub target: SocketAddr,
    /// How often, and how many make a verdict.
    pub cadence: Cadence,
    /// The node's own verdict.
    pub verdict: Verdict,
    /// Since when; none while it is unknown.
    pub since: Option<SystemTime>,
    /// Observations in a row against the verdict.
    pub streak: u32,
    /// Whether nothing was observed for three intervals.
    pub stale: bool,
    /// The last observation of this run.
    pub last: Option<Arc<Observation>>,
    /// The last failure of this run.
    pub last_failure: Option<Arc<Observation>>,
    /// What the last probes of this run took, oldest first.
    pub recent: Vec<Recent>,
}

/// A hold on an address that failed while it was in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStatus {
    /// It will be held when it comes back.
    Pending,
    /// It is back, and held for so long still.
    Left(Duration),
    /// It is back, and held until it is told.
    Manual,
}

impl Status {
    /// A pool by its name.
    #[must_use]
    pub fn pool(&self, id: &PoolId) -> Option<&PoolStatus> {
        self.pools().find(|pool| pool.id == *id)
    }

    /// All pools.
    pub fn pools(&self) -> impl Iterator<Item = &PoolStatus> {
        self.zones.iter().flat_map(|zone| &zone.pools)
    }
}

impl World {
    /// The view.
    pub(super) fn status(&self, snapshot: SnapshotStatus, started: SystemTime, now: Moment) -> Status {
        let zones = self.zones.iter().map(|zone| ZoneStatus {
            name: zone.setup.name().clone(),
            records: zone.setup.records.record_count(),
            pools: zone.setup.pools.iter().zip(&zone.pools).map(|(p, state)| self.pool_status(p, state, now)).collect(),
        });
        Status {
            node: Arc::clone(&self.node.name),
            region: self.node.region.clone(),
            at: now.wall,
            started,
            snapshot,
            ready: self.is_ready(),
            isolated: Family::ALL.into_iter().filter(|family| self.isolation.is_cut(*family)).collect(),
            reload_waits: self.pending.as_ref().map(|pending| pending.round.left()),
            zones: zones.collect(),
            overrides: self.overrides.iter().map(|(scope, order)| (scope.clone(), order.clone())).collect(),
            drill: self.drill_status(),
        }
    }

    fn pool_status(&self, pool: &Pool, state: &PoolState, now: Moment) -> PoolStatus {
        let endpoints = pool.endpoints.iter().enumerate();
        PoolStatus {
            id: state.id.clone(),
            names: pool.names.clone(),
            policy: pool.policy.clone(),
            failback: pool.failback,
            a: answer(state, Family::V4),
            aaaa: answer(state, Family::V6),
            compiled: Arc::clone(&state.compiled),
            endpoints: endpoints
                .map(|(place, endpoint)| self.endpoint_status(pool, place, endpoint, state, now))
                .collect(),
        }
    }

    fn endpoint_status(
        &self,
        pool: &Pool,
        place: usize,
        endpoint: &Endpoint,
        state: &PoolState,
        now: Moment,
    ) -> EndpointStatus {
        let ruling = self.overrides.ruling(&state.id, endpoint);
        let addresses = endpoint.addresses.iter().enumerate().map(|(index, address)| {
            let seat = Seat { endpoint: place, address: index };
            let member = Member { endpoint: endpoint.name.clone(), ip: address.ip };
            AddressStatus {
                ip: address.ip,
                in_use: state.compiled.plan(Family::of(address.ip)).in_use.contains(&seat),
                check: self.check_status(address, state, seat, now),
                hold: state.memory.holds().get(&member).and_then(|hold| match hold {
                    Hold::Lost => (pool.failback != Failback::AT_ONCE).then_some(HoldStatus::Pending),
                    Hold::Manual => Some(HoldStatus::Manual),
                    Hold::Until(end) => Some(HoldStatus::Left(end.saturating_sub(now.mono))),
                }),
            }
        });
        EndpointStatus {
            name: endpoint.name.clone(),
            region: endpoint.region.clone(),
            priority: endpoint.priority,
            weight: endpoint.weight,
            order: ruling.map(|(scope, order)| (scope.clone(), order.clone())),
            addresses: addresses.collect(),
        }
    }

    fn check_status(&self, address: &Address, state: &PoolState, seat: Seat, now: Moment) -> Option<CheckStatus> {
        let watch = address.watch.as_ref()?;
        let link = state.links[seat.endpoint][seat.address]?;
        let judge = self.targets.judge(link)?;
        let tracker = &judge.tracker;
        Some(CheckStatus {
            name: watch.check.clone(),
            watch: link.id,
            target: watch.probe.target,
            cadence: watch.cadence,
            verdict: tracker.verdict(),
            since: tracker.since().map(|since| since.wall),
            streak: tracker.streak(),
            stale: judge.is_stale(now),
            last: tracker.last().cloned(),
            last_failure: tracker.last_failure().cloned(),
            recent: self.targets.target(link.id).map(Target::recent).unwrap_or_default(),
        })
    }
}

fn answer(state: &PoolState, family: Family) -> AnswerStatus {
    let compiled = &state.compiled;
    AnswerStatus {
        changed: state.changed[family.index()],
        answer: Answer::of(compiled, family),
        ttl: compiled.steering(family).ttl(),
        suspect: compiled.plan(family).suspect,
    }
}
