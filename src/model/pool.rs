//! Pools: names that are answered with addresses of endpoints that work.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::check::Watch;
use super::{EndpointName, PoolName, Region};
use crate::dns::Name;

/// Names one pool of the node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId {
    /// The zone it steers names of.
    pub zone: Name,
    /// Its name there.
    pub pool: PoolName,
}

impl fmt::Display for PoolId {
    /// `app.example.com/app`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.zone.bare(), self.pool)
    }
}

/// A set of endpoints, and how to choose among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name, unique in the zone.
    pub name: PoolName,
    /// `names`: the owner names it answers, absolute; at least one. May be wildcards.
    pub names: Vec<Name>,
    /// `policy`: filters in the order they apply. Default none: all healthy endpoints.
    pub policy: Vec<Filter>,
    /// `ttl` in seconds. Default 30, from 0 to 2^31-1.
    pub ttl: u32,
    /// `ttl_suspect` in seconds, while a failure streak or a failback hold is running.
    pub ttl_suspect: Option<u32>,
    /// `answers`: addresses per answer; 0 is all that remain. Default 1, and 0 with no policy.
    pub answers: usize,
    /// `all_down`. Default last-good.
    pub all_down: AllDown,
    /// `failback`. Default auto, at once.
    pub failback: Failback,
    /// `min_healthy`: a region (a priority tier, for endpoints without a region) counts only while
    /// this many of its endpoints are healthy. Default 1.
    pub min_healthy: usize,
    /// `dual_stack`. Default apart.
    pub dual_stack: DualStack,
    /// Its endpoints in the order of the file; at least one.
    pub endpoints: Vec<Endpoint>,
}

/// One step of a policy. Each narrows what the one before left; the last three choose, and so only
/// one of them can stand, at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Keeps the lowest priority number that has a healthy endpoint.
    Priority,
    /// Chooses at random by weight, anew for each query.
    Weight,
    /// Chooses by rendezvous hash of the client's network (/24, /48), weights respected.
    Sticky,
    /// Chooses uniformly at random and shuffles.
    Shuffle,
}

/// What to answer when no endpoint is healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllDown {
    /// The last answer given while something was healthy, also across a restart.
    LastGood,
    /// As if all were healthy.
    All,
    /// The master file's records at the name.
    Static,
    /// NODATA.
    Nodata,
}

/// How an endpoint that was in use comes back after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failback {
    /// By itself, or when told.
    pub mode: FailbackMode,
    /// `hold`: uninterrupted health required first (mode auto). Default 0.
    pub hold: Duration,
}

impl Failback {
    /// By itself, without a hold: the default.
    pub const AT_ONCE: Self = Self { mode: FailbackMode::Auto, hold: Duration::ZERO };
}

/// See [`Failback`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailbackMode {
    /// After the hold.
    Auto,
    /// Only on command; until then the survivors answer, as long as there are any.
    Manual,
}

/// Whether the two address families of an endpoint share their fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DualStack {
    /// Each stands by itself.
    Apart,
    /// Both are down when either is.
    Together,
}

/// One place that serves the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name, unique in the pool.
    pub name: EndpointName,
    /// `region`. Default none.
    pub region: Option<Region>,
    /// `address`: at least one, each with what is watched for it.
    pub addresses: Vec<Address>,
    /// `priority`: lower is preferred. Default 1.
    pub priority: u32,
    /// `weight`. Default 100; 0 is a reserve, used when no endpoint with a weight remains.
    pub weight: u32,
}

/// An address that may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What the answer says.
    pub ip: IpAddr,
    /// What decides its health; none: it is always healthy. With `check_address`, the addresses of
    /// one endpoint share one watch.
    pub watch: Option<Arc<Watch>>,
}
