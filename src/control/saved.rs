//! What must survive a restart, as the file `health.json` holds it.
//!
//! Verdicts are found again by what is asked (`key.rs`), pools by their names. Verdicts older than
//! [`VERDICT_AGE_MAX`] (or two intervals) say nothing about now and are ignored; what an operator ordered and what was
//! answered last stay true.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::drill::DrillOrder;
use super::drilling::Drill;
use super::orders::expiry;
use super::targets::Judge;
use super::world::World;
use crate::dns::Name;
use crate::health::{Force, Override, Overrides, Scope, Tracker, Verdict};
use crate::model::check::Watch;
use crate::model::pool::PoolId;
use crate::model::time::Moment;
use crate::model::{EndpointName, PoolName, Region};
use crate::policy::{Family, Hold, Member, PoolMemory};

/// How old a verdict may be to be taken up, or two intervals where that is more. Longer than a
/// restart or a reboot takes.
pub const VERDICT_AGE_MAX: Duration = Duration::from_secs(600);

/// The form of the file; rises when an older program could not read it.
const VERSION: u32 = 1;

/// What an earlier run left; [`Saved::default`] is nothing.
#[derive(Debug, Default)]
pub struct Saved {
    verdicts: HashMap<String, Vec<VerdictSpec>>,
    pools: Vec<PoolSpec>,
    overrides: Vec<OverrideSpec>,
    drill: Option<DrillSpec>,
}

/// Why a file is not what an earlier run left.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is damaged.
    #[error("it cannot be read: {0}")]
    Damaged(#[from] serde_json::Error),
    /// A later version of pharos wrote it.
    #[error("a later version of pharos wrote it (form {0}, this one knows {VERSION})")]
    Later(u32),
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// The world in the form of the file.
#[derive(Serialize, Deserialize)]
pub(super) struct File {
    version: u32,
    verdicts: Vec<VerdictSpec>,
    pools: Vec<PoolSpec>,
    overrides: Vec<OverrideSpec>,
    /// One that runs: it does not survive a restart, and that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drill: Option<DrillSpec>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DrillSpec {
    id: String,
    region: String,
    lasts_ms: u64,
    author: String,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct VerdictSpec {
    target: String,
    fall: u32,
    rise: u32,
    up: bool,
    streak: u32,
    since_ms: u64,
    observed_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct PoolSpec {
    zone: String,
    pool: String,
    last_good: Vec<GoodSpec>,
    holds: Vec<HoldSpec>,
}

#[derive(Debug, Serialize, Deserialize)]
struct GoodSpec {
    endpoint: String,
    address: IpAddr,
    weight: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct HoldSpec {
    endpoint: String,
    address: IpAddr,
    state: HoldState,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum HoldState {
    Lost,
    Manual,
    /// What was left when the file was written: nobody watched while the node was away.
    LeftMs(u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct OverrideSpec {
    scope: ScopeSpec,
    force: ForceSpec,
    reason: String,
    author: String,
    set_ms: u64,
    expires_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ScopeSpec {
    Endpoint { zone: String, pool: String, endpoint: String },
    Region(String),
    Pool { zone: String, pool: String },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ForceSpec {
    Up,
    Down,
    Drain,
}

impl Saved {
    /// Reads the bytes of a state file.
    ///
    /// # Errors
    /// See [`SavedError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SavedError> {
        let Head { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(SavedError::Later(version));
        }
        let File { version: _, verdicts, pools, overrides, drill } = serde_json::from_slice(bytes)?;
        let mut by_target: HashMap<String, Vec<VerdictSpec>> = HashMap::new();
        for verdict in verdicts {
            by_target.entry(verdict.target.clone()).or_default().push(verdict);
        }
        Ok(Self { verdicts: by_target, pools, overrides, drill })
    }

    /// What is known of a target, if it is young enough.
    pub(super) fn tracker(&self, key: &str, watch: &Watch, now: Moment) -> Option<Tracker> {
        let known = self.verdicts.get(key)?;
        let same = |spec: &&VerdictSpec| (spec.fall, spec.rise) == (watch.cadence.fall, watch.cadence.rise);
        let spec = known.iter().find(same).or_else(|| known.first())?;
        // A clock that was set back makes an age of 0: still a verdict of the last run.
        let observed = past(time(spec.observed_ms), now);
        if now.wall.duration_since(observed.wall).unwrap_or_default() > age_max(watch) {
            return None;
        }
        let verdict = if spec.up { Verdict::Up } else { Verdict::Down };
        Some(Tracker::restore(verdict, spec.streak, past(time(spec.since_ms), now), observed))
    }

    /// The drill that ran when the file was written.
    pub(super) fn drill(&self) -> Option<DrillOrder> {
        let DrillSpec { id, region, lasts_ms, author, reason } = self.drill.as_ref()?;
        Some(DrillOrder {
            id: id.as_str().into(),
            region: Region::new(region),
            lasts: Duration::from_millis(*lasts_ms),
            author: author.as_str().into(),
            reason: reason.as_str().into(),
        })
    }

    /// The memory of each pool.
    pub(super) fn memories(&self, now: Moment) -> HashMap<PoolId, PoolMemory> {
        let pools = self.pools.iter().filter_map(|spec| {
            let mut good: [Vec<_>; 2] = Default::default();
            for GoodSpec { endpoint, address, weight } in &spec.last_good {
                let member = Member { endpoint: EndpointName::new(endpoint), ip: *address };
                let index = usize::from(Family::of(*address) == Family::V6);
                good[index].push((member, *weight));
            }
            let holds = spec.holds.iter().map(|HoldSpec { endpoint, address, state }| {
                let member = Member { endpoint: EndpointName::new(endpoint), ip: *address };
                let hold = match state {
                    HoldState::Lost => Hold::Lost,
                    HoldState::Manual => Hold::Manual,
                    HoldState::LeftMs(left) => Hold::Until(now.mono.saturating_add(Duration::from_millis(*left))),
                };
                (member, hold)
            });
            Some((pool_id(&spec.zone, &spec.pool)?, PoolMemory::restore(good, holds.collect::<BTreeMap<_, _>>())))
        });
        pools.collect()
    }

    /// The overrides; those that expired meanwhile do so now.
    pub(super) fn overrides(&self, now: Moment) -> Overrides {
        let mut overrides = Overrides::default();
        for spec in &self.overrides {
            let Some(scope) = scope(&spec.scope) else { continue };
            let expires = match spec.expires_ms {
                None => None,
                Some(end) => match time(end).duration_since(now.wall) {
                    Ok(left) => expiry(now, left),
                    // It ends at once, and that is told.
                    Err(_) => Some(Moment { mono: now.mono, wall: time(end) }),
                },
            };
            let force = match spec.force {
                ForceSpec::Up => Force::Up,
                ForceSpec::Down => Force::Down,
                ForceSpec::Drain => Force::Drain,
            };
            let (reason, author) = (spec.reason.as_str().into(), spec.author.as_str().into());
            let order = Override { force, reason, author, set: time(spec.set_ms), expires };
            if let Err(error) = overrides.set(scope, order) {
                tracing::warn!("an override of the state file is dropped: {error}");
            }
        }
        overrides
    }
}

/// Between two probes a verdict grows as old as the interval, and that is no fault of it.
fn age_max(watch: &Watch) -> Duration {
    VERDICT_AGE_MAX.max(watch.cadence.interval.saturating_mul(2))
}

impl File {
    /// Copies what is needed; making text of it is left to a thread that may block.
    pub(super) fn of(world: &World, now: Moment) -> Self {
        let verdicts = world.targets.judges().filter_map(|(link, key, judge)| {
            // What a drill makes of it says nothing of the target.
            let real = world.drill.as_ref().and_then(|drill| drill.real(link));
            verdict_spec(key, judge, real.unwrap_or(&judge.tracker))
        });
        let pools = world.pools().map(|(_, _, state)| pool_spec(&state.id, &world.memory_to_save(state), now));
        let overrides = world.overrides.iter().map(|(scope, order)| override_spec(scope, order));
        // One that restores has been told to be over.
        let running = world.drill.as_ref().filter(|drill| drill.until().is_some());
        let drill = running.map(Drill::order).or(world.cut_short.as_ref()).map(drill_spec);
        Self {
            version: VERSION,
            verdicts: verdicts.collect(),
            pools: pools.collect(),
            overrides: overrides.collect(),
            drill,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Only maps with keys that are not text could fail, and there are none.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// None where nothing is known.
fn verdict_spec(key: &str, judge: &Judge, tracker: &Tracker) -> Option<VerdictSpec> {
    let cadence = &judge.watch.cadence;
    Some(VerdictSpec {
        target: key.to_owned(),
        fall: cadence.fall,
        rise: cadence.rise,
        up: tracker.verdict() == Verdict::Up,
        streak: tracker.streak(),
        since_ms: millis(tracker.since()?.wall),
        observed_ms: millis(tracker.observed()?.wall),
    })
}

fn drill_spec(order: &DrillOrder) -> DrillSpec {
    let DrillOrder { id, region, lasts, author, reason } = order;
    DrillSpec {
        id: id.to_string(),
        region: region.to_string(),
        lasts_ms: to_millis(*lasts),
        author: author.to_string(),
        reason: reason.to_string(),
    }
}

fn override_spec(scope: &Scope, order: &Override) -> OverrideSpec {
    OverrideSpec {
        scope: scope_spec(scope),
        force: match order.force {
            Force::Up => ForceSpec::Up,
            Force::Down => ForceSpec::Down,
            Force::Drain => ForceSpec::Drain,
        },
        reason: order.reason.to_string(),
        author: order.author.to_string(),
        set_ms: millis(order.set),
        expires_ms: order.expires.map(|end| millis(end.wall)),
    }
}

fn pool_spec(id: &PoolId, memory: &PoolMemory, now: Moment) -> PoolSpec {
    let good = Family::ALL.iter().flat_map(|family| memory.last_good(*family));
    let good = good.map(|(member, weight)| GoodSpec {
        endpoint: member.endpoint.to_string(),
        address: member.ip,
        weight: *weight,
    });
    let holds = memory.holds().iter().map(|(member, hold)| HoldSpec {
        endpoint: member.endpoint.to_string(),
        address: member.ip,
        state: match hold {
            Hold::Lost => HoldState::Lost,
            Hold::Manual => HoldState::Manual,
            Hold::Until(end) => HoldState::LeftMs(to_millis(end.saturating_sub(now.mono))),
        },
    });
    PoolSpec { zone: id.zone.to_string(), pool: id.pool.to_string(), last_good: good.collect(), holds: holds.collect() }
}

fn pool_id(zone: &str, pool: &str) -> Option<PoolId> {
    Some(PoolId { zone: Name::parse(zone).ok()?, pool: PoolName::new(pool) })
}

fn scope(spec: &ScopeSpec) -> Option<Scope> {
    Some(match spec {
        ScopeSpec::Endpoint { zone, pool, endpoint } => {
            Scope::Endpoint { pool: pool_id(zone, pool)?, endpoint: EndpointName::new(endpoint) }
        }
        ScopeSpec::Region(region) => Scope::Region(Region::new(region)),
        ScopeSpec::Pool { zone, pool } => Scope::Pool(pool_id(zone, pool)?),
    })
}

fn scope_spec(scope: &Scope) -> ScopeSpec {
    match scope {
        Scope::Endpoint { pool, endpoint } => ScopeSpec::Endpoint {
            zone: pool.zone.to_string(),
            pool: pool.pool.to_string(),
            endpoint: endpoint.to_string(),
        },
        Scope::Region(region) => ScopeSpec::Region(region.to_string()),
        Scope::Pool(pool) => ScopeSpec::Pool { zone: pool.zone.to_string(), pool: pool.pool.to_string() },
    }
}

/// A moment of an earlier run; on the clock of this one it lies at its beginning or later.
fn past(wall: SystemTime, now: Moment) -> Moment {
    let age = now.wall.duration_since(wall).unwrap_or_default();
    Moment { mono: now.mono.saturating_sub(age), wall }
}

fn time(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn millis(time: SystemTime) -> u64 {
    to_millis(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
