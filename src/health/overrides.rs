//! All orders in force.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Override, Scope};
use crate::model::pool::{Endpoint, PoolId};
use crate::model::time::Moment;

/// Overrides that can be in force at a time. People set them by hand: what comes near this number
/// is a script that has gone wrong.
pub const OVERRIDES_MAX: usize = 1024;

/// No room for a further override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{OVERRIDES_MAX} overrides are in force already")]
pub struct TooMany;

/// The overrides in force, at most one per scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<Scope, Override>);

impl Overrides {
    /// Puts an override in force, in place of the one of the same scope; returns that one.
    ///
    /// # Errors
    /// [`TooMany`] where [`OVERRIDES_MAX`] others are in force.
    pub fn set(&mut self, scope: Scope, order: Override) -> Result<Option<Override>, TooMany> {
        if self.0.len() >= OVERRIDES_MAX && !self.0.contains_key(&scope) {
            return Err(TooMany);
        }
        Ok(self.0.insert(scope, order))
    }

    /// Takes the override of exactly this scope out of force.
    pub fn clear(&mut self, scope: &Scope) -> Option<Override> {
        self.0.remove(scope)
    }

    /// Takes out what has expired.
    pub fn expire(&mut self, now: Moment) -> Vec<(Scope, Override)> {
        let over = |order: &Override| order.expires.is_some_and(|end| end.mono <= now.mono);
        let (gone, left) = std::mem::take(&mut self.0).into_iter().partition(|(_, order)| over(order));
        self.0 = left;
        Vec::from_iter::<BTreeMap<_, _>>(gone)
    }

    /// When the next one expires, on the clock that only goes forward.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.0.values().filter_map(|order| order.expires).map(|end| end.mono).min()
    }

    /// The one that rules an endpoint: the most specific of those that cover it.
    #[must_use]
    pub fn ruling(&self, pool: &PoolId, endpoint: &Endpoint) -> Option<(&Scope, &Override)> {
        if self.0.is_empty() {
            return None; // the usual case, in which nothing needs to be cloned
        }
        let own = Scope::Endpoint { pool: pool.clone(), endpoint: endpoint.name.clone() };
        let region = || self.0.get_key_value(&Scope::Region(endpoint.region.clone()?));
        let whole = || self.0.get_key_value(&Scope::Pool(pool.clone()));
        self.0.get_key_value(&own).or_else(region).or_else(whole)
    }

    /// All of them, endpoints first, then regions, then pools.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &Override)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::dns::Name;
    use crate::health::Force;
    use crate::model::{EndpointName, PoolName, Region};

    fn at(secs: u64) -> Moment {
        let mono = Duration::from_secs(secs);
        Moment { mono, wall: SystemTime::UNIX_EPOCH + mono }
    }

    fn order(force: Force, expires: Option<u64>) -> Override {
        Override {
            force,
            reason: "test".into(),
            author: "me".into(),
            set: SystemTime::UNIX_EPOCH,
            expires: expires.map(at),
        }
    }

    fn endpoint(name: &str, region: Option<&str>) -> Endpoint {
        Endpoint {
            name: EndpointName::new(name),
            region: region.map(Region::new),
            addresses: Vec::new(),
            priority: 1,
            weight: 1,
        }
    }

    #[test]
    fn the_most_specific_wins() {
        let zone = Name::parse("example").expect("a name");
        let pool = PoolId { zone: zone.clone(), pool: PoolName::new("app") };
        let mut overrides = Overrides::default();
        let force = |overrides: &Overrides, name, region| {
            overrides.ruling(&pool, &endpoint(name, region)).map(|(_, order)| order.force)
        };
        assert_eq!(force(&overrides, "a", Some("eu")), None);
        let whole = Scope::Pool(pool.clone());
        overrides.set(whole.clone(), order(Force::Drain, None)).expect("room");
        overrides.set(Scope::Region(Region::new("eu")), order(Force::Down, None)).expect("room");
        let own = Scope::Endpoint { pool: pool.clone(), endpoint: EndpointName::new("a") };
        overrides.set(own.clone(), order(Force::Up, None)).expect("room");
        assert_eq!(force(&overrides, "a", Some("eu")), Some(Force::Up));
        assert_eq!(force(&overrides, "b", Some("eu")), Some(Force::Down));
        assert_eq!(force(&overrides, "b", Some("us")), Some(Force::Drain));
        assert_eq!(force(&overrides, "b", None), Some(Force::Drain));
        assert_eq!(overrides.ruling(&PoolId { zone, pool: PoolName::new("other") }, &endpoint("a", None)), None);
        assert!(overrides.clear(&own).is_some());
        assert_eq!(force(&overrides, "a", Some("eu")), Some(Force::Down));
        assert!(overrides.clear(&own).is_none());
    }

    #[test]
    fn they_expire_in_time() {
        let mut overrides = Overrides::default();
        overrides.set(Scope::Region(Region::new("a")), order(Force::Down, Some(10))).expect("room");
        overrides.set(Scope::Region(Region::new("b")), order(Force::Down, Some(5))).expect("room");
        overrides.set(Scope::Region(Region::new("c")), order(Force::Down, None)).expect("room");
        assert_eq!(overrides.next_expiry(), Some(Duration::from_secs(5)));
        assert!(overrides.expire(at(4)).is_empty());
        assert_eq!(overrides.expire(at(5)).len(), 1);
        assert_eq!(overrides.next_expiry(), Some(Duration::from_secs(10)));
        assert_eq!(overrides.expire(at(20)).len(), 1);
        assert_eq!((overrides.next_expiry(), overrides.iter().count()), (None, 1));
    }

    #[test]
    fn their_number_is_bounded() {
        let mut overrides = Overrides::default();
        let scope = |n: usize| Scope::Region(Region::new(&n.to_string()));
        for n in 0..OVERRIDES_MAX {
            overrides.set(scope(n), order(Force::Down, None)).expect("room");
        }
        assert_eq!(overrides.set(scope(OVERRIDES_MAX), order(Force::Up, None)), Err(TooMany));
        assert!(overrides.set(scope(0), order(Force::Up, None)).expect("in its place").is_some());
    }
}
