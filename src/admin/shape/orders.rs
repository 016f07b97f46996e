//! Overrides and failback.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time;
use crate::admin::ask::{by, pool_id};
use crate::admin::fault::Fault;
use crate::control::{By, Clear, Order, Ordered};
use crate::health::{Force, Override, Scope};
use crate::model::pool::PoolId;
use crate::model::{EndpointName, Region};

/// What an override is about: exactly one of the three.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(in crate::admin) enum ScopeJson {
    /// One endpoint of one pool: `app.example.com/app/us-east`.
    Endpoint(String),
    /// All endpoints of a region, in all pools.
    Region(String),
    /// All endpoints of a pool: `app.example.com/app`.
    Pool(String),
}

/// What holds instead of the verdict.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::admin) enum ForceJson {
    /// Healthy, whatever the checks say.
    Up,
    /// Never answered, even when all else is down.
    Down,
    /// Never answered, and counted healthy.
    Drain,
}

/// Sets an override, in place of one of the same scope.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct SetAsk {
    scope: ScopeJson,
    force: ForceJson,
    /// How long it lasts; null or absent: until it is cleared.
    #[serde(default)]
    for_ms: Option<u64>,
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// Clears an override.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ClearAsk {
    scope: ScopeJson,
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// Lets a pool return whose endpoints are held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct FailbackAsk {
    /// `app.example.com/app`
    pool: String,
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// What a failback did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct FailbackJson {
    /// How many addresses were held.
    pub(in crate::admin) released: usize,
}

/// What became of an override.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct OrderedJson {
    /// The one that was set, or cleared.
    #[serde(rename = "override")]
    order: OverrideJson,
    /// Whether it is on disk. Where it is not, it is in force, and a restart would lose it.
    pub(in crate::admin) saved: bool,
}

/// An override in force.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct OverrideJson {
    /// For people: `endpoint us-east of app.example.com/app`.
    scope: String,
    /// For programs: as it is set.
    target: ScopeJson,
    force: ForceJson,
    reason: String,
    author: String,
    set: String,
    expires: Option<String>,
}

impl SetAsk {
    /// The order.
    pub(in crate::admin) fn lower(self) -> Result<Order, Fault> {
        let Self { scope, force, for_ms, author, reason } = self;
        let By { author, reason } = by(author.as_deref(), reason.as_deref())?;
        if for_ms == Some(0) {
            return Err(Fault::LastsNothing);
        }
        let lasts = for_ms.map(Duration::from_millis);
        Ok(Order { scope: scope.lower()?, force: force.lower(), reason, author, lasts })
    }
}

impl ClearAsk {
    /// The order.
    pub(in crate::admin) fn lower(self) -> Result<Clear, Fault> {
        let Self { scope, author, reason } = self;
        let By { author, reason } = by(author.as_deref(), reason.as_deref())?;
        Ok(Clear { scope: scope.lower()?, reason, author })
    }
}

impl FailbackAsk {
    /// Which pool, and by whose order.
    pub(in crate::admin) fn lower(self) -> Result<(PoolId, By), Fault> {
        let Self { pool, author, reason } = self;
        let by = by(author.as_deref(), reason.as_deref())?;
        Ok((pool_id(&pool).ok_or(Fault::PoolWrong(pool))?, by))
    }
}

impl ScopeJson {
    fn lower(self) -> Result<Scope, Fault> {
        Ok(match self {
            Self::Pool(pool) => Scope::Pool(pool_id(&pool).ok_or(Fault::PoolWrong(pool))?),
            Self::Region(region) => Scope::Region(Region::new(&region)),
            Self::Endpoint(text) => {
                let parts = text.rsplit_once('/').and_then(|(pool, endpoint)| Some((pool_id(pool)?, endpoint)));
                let (pool, endpoint) = parts.ok_or_else(|| Fault::EndpointWrong(text.clone()))?;
                Scope::Endpoint { pool, endpoint: EndpointName::new(endpoint) }
            }
        })
    }

    fn of(scope: &Scope) -> Self {
        match scope {
            Scope::Endpoint { pool, endpoint } => Self::Endpoint(format!("{pool}/{endpoint}")),
            Scope::Region(region) => Self::Region(region.to_string()),
            Scope::Pool(pool) => Self::Pool(pool.to_string()),
        }
    }
}

impl ForceJson {
    fn lower(self) -> Force {
        match self {
            Self::Up => Force::Up,
            Self::Down => Force::Down,
            Self::Drain => Force::Drain,
        }
    }

    fn of(force: Force) -> Self {
        match force {
            Force::Up => Self::Up,
            Force::Down => Self::Down,
            Force::Drain => Self::Drain,
        }
    }
}

impl OrderedJson {
    pub(in crate::admin) fn of(ordered: &Ordered) -> Self {
        let Ordered { scope, order, saved } = ordered;
        Self { order: OverrideJson::of(scope, order), saved: *saved }
    }
}

impl OverrideJson {
    pub(in crate::admin) fn of(scope: &Scope, order: &Override) -> Self {
        let Override { force, reason, author, set, expires } = order;
        Self {
            scope: scope.to_string(),
            target: ScopeJson::of(scope),
            force: ForceJson::of(*force),
            reason: reason.to_string(),
            author: author.to_string(),
            set: time(*set),
            expires: expires.map(|end| time(end.wall)),
        }
    }
}
