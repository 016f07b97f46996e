//! What an operator ordered.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::pool::PoolId;
use crate::model::time::Moment;
use crate::model::{EndpointName, Region};

/// What holds instead of the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Force {
    /// Healthy, whatever the checks say.
    Up,
    /// Never answered, even when all else is down.
    Down,
    /// Never answered, and counted healthy: `min_healthy` does not give up its region.
    Drain,
}

impl Force {
    /// What it makes of an endpoint, as people say it: `up`, `down`, `drained`.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Drain => "drained",
        }
    }
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Drain => "drain",
        })
    }
}

/// One order, with who gave it and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// What holds.
    pub force: Force,
    /// Why, in the operator's words.
    pub reason: Arc<str>,
    /// Who.
    pub author: Arc<str>,
    /// Since when.
    pub set: SystemTime,
    /// Until when; none: until it is cleared.
    pub expires: Option<Moment>,
}

/// What an override is about. Where several cover an endpoint, the most specific one wins: the
/// endpoint's own, then its region's, then its pool's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One endpoint of one pool.
    Endpoint {
        /// The pool.
        pool: PoolId,
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// Every endpoint that carries the region, in all pools.
    Region(Region),
    /// Every endpoint of one pool.
    Pool(PoolId),
}

impl fmt::Display for Scope {
    /// `endpoint us-east of app.example.com/app`, `region us-east`, `pool app.example.com/app`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { pool, endpoint } => write!(f, "endpoint {endpoint} of {pool}"),
            Self::Region(region) => write!(f, "region {region}"),
            Self::Pool(pool) => write!(f, "pool {pool}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;
    use crate::model::PoolName;

    #[test]
    fn scopes_read_as_people_say_them() {
        let pool = PoolId { zone: Name::parse("app.example.com").expect("a name"), pool: PoolName::new("app") };
        let endpoint = EndpointName::new("us-east");
        for (scope, text) in [
            (Scope::Endpoint { pool: pool.clone(), endpoint }, "endpoint us-east of app.example.com/app"),
            (Scope::Region(Region::new("eu")), "region eu"),
            (Scope::Pool(pool), "pool app.example.com/app"),
        ] {
            assert_eq!(scope.to_string(), text);
        }
    }
}
