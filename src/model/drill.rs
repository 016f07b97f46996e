//! Drills that the configuration plans.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron;

use super::Region;

/// The shortest drill, planned or not: checks that ask every few hundred milliseconds see it.
pub const LASTS_MIN: Duration = Duration::from_secs(1);
/// The longest.
pub const LASTS_MAX: Duration = Duration::from_secs(3600);
/// Resolvers of one drill: each is asked twice a second, and the first few tell all.
pub const RESOLVERS_MAX: usize = 8;

/// `[drill.NAME]`: a region that fails on purpose, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillPlan {
    /// Its name.
    pub name: Arc<str>,
    /// `region`: what fails.
    pub region: Region,
    /// `cron`, in UTC: five fields, or six with seconds first.
    pub cron: Cron,
    /// `for`. Default 2 min, from [`LASTS_MIN`] to [`LASTS_MAX`].
    pub lasts: Duration,
    /// `rto`: the target for the changed answer and its TTL. Default none.
    pub rto: Option<Duration>,
    /// `resolvers` that are watched, too. Default none.
    pub resolvers: Vec<SocketAddr>,
    /// `reason`. Default `planned drill NAME`.
    pub reason: Arc<str>,
}
