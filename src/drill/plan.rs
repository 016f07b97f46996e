//! What a drill looks at: of each pool that has the region, one name and one type.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::asker::Slot;
use super::sight::Question;
use crate::control::{DrillOrder, PoolStatus, Status};
use crate::dns::Name;
use crate::health::Verdict;
use crate::model::Region;
use crate::model::pool::{FailbackMode, PoolId};
use crate::policy::{Family, Steering};

/// Names that are asked. The same region of many pools comes and goes with the same checks.
pub(super) const NAMES_MAX: usize = 64;
/// Between two queries for one name.
const EVERY: Duration = Duration::from_millis(20);
/// Between two queries at all: 1,000 a second, far less than a node notices.
const GAP_MIN: Duration = Duration::from_millis(1);
/// Listeners that are asked in turn.
const SERVERS_MAX: usize = 8;

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) order: DrillOrder,
    /// The target for the changed answer and its TTL.
    pub(super) rto: Option<Duration>,
    pub(super) resolvers: Vec<SocketAddr>,
    /// The name of the plan that began it.
    pub(super) scheduled: Option<Arc<str>>,
}

/// One pool under watch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watched {
    pub(super) pool: PoolId,
    pub(super) question: Question,
    /// The region's addresses in it, of the type that is asked.
    pub(super) failing: BTreeSet<IpAddr>,
    /// Those of them that an answer could hold before the region failed.
    pub(super) in_use: BTreeSet<IpAddr>,
    /// Whether its answers are drawn, so that one differs from the next with nothing changed.
    pub(super) varies: bool,
    /// What the checks of the region need to bring it back, at most.
    pub(super) rises_within: Duration,
    /// What it is held for after that; none: until somebody lets it return.
    pub(super) hold: Option<Duration>,
}

/// What a view of the node says of a pool under watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct View {
    /// Whether a check of the region is down there.
    pub(super) is_down: bool,
    /// Whether answers can hold again what they could before.
    pub(super) is_in_use: bool,
}

impl Watched {
    /// Whether answers that can hold these addresses can hold those of the region again.
    pub(super) fn is_back_in(&self, addresses: &[IpAddr]) -> bool {
        !self.in_use.is_empty() && self.in_use.iter().all(|ip| addresses.contains(ip))
    }

    /// What is so now.
    pub(super) fn view(&self, status: &Status) -> View {
        // A reload may have removed it.
        let Some(pool) = status.pool(&self.pool) else { return View::default() };
        let family = Family::ALL.into_iter().find(|family| family.rtype() == self.question.rtype);
        let answered: Vec<_> =
            family.map(|family| pool.compiled.steering(family).addresses().collect()).unwrap_or_default();
        let wanted = if self.in_use.is_empty() { &self.failing } else { &self.in_use };
        let mut addresses = pool.endpoints.iter().flat_map(|e| &e.addresses).filter(|a| wanted.contains(&a.ip));
        let is_down = addresses.any(|a| a.check.as_ref().is_some_and(|check| check.verdict == Verdict::Down));
        View { is_down, is_in_use: self.is_back_in(&answered) }
    }
}

/// The place of the one that resolvers are asked for: only what is in use can be seen to go.
pub(super) fn told_by_resolvers(watched: &[Watched]) -> usize {
    watched.iter().position(|watched| !watched.in_use.is_empty()).unwrap_or_default()
}

/// The pools to be watched, and how many more have the region.
pub(super) fn watched(status: &Status, region: &Region) -> (Vec<Watched>, usize) {
    let mut all: Vec<_> = status.pools().filter_map(|pool| watch(pool, region)).collect();
    let more = all.len().saturating_sub(NAMES_MAX);
    all.truncate(NAMES_MAX);
    (all, more)
}

/// None where no check decides on the region there.
fn watch(pool: &PoolStatus, region: &Region) -> Option<Watched> {
    let endpoints = pool.endpoints.iter().filter(|endpoint| endpoint.region.as_ref() == Some(region));
    let addresses: Vec<_> = endpoints.flat_map(|e| &e.addresses).filter(|a| a.check.is_some()).collect();
    let of = |family: Family| addresses.iter().filter(move |a| Family::of(a.ip) == family);
    // What is in use shows more than what is in reserve.
    let by_use = |wanted: bool| Family::ALL.into_iter().find(|family| of(*family).any(|a| a.in_use || !wanted));
    let family = by_use(true).or_else(|| by_use(false))?;
    let rises = of(family).filter_map(|address| {
        let check = address.check.as_ref()?;
        // A probe may have just begun when the region stops to fail.
        Some(check.cadence.interval.saturating_mul(check.cadence.rise.saturating_add(1)))
    });
    Some(Watched {
        pool: pool.id.clone(),
        question: Question { name: name_to_ask(pool)?, rtype: family.rtype() },
        failing: of(family).map(|address| address.ip).collect(),
        in_use: of(family).filter(|address| address.in_use).map(|address| address.ip).collect(),
        varies: match pool.compiled.steering(family) {
            Steering::Pick(selector) => selector.shares().is_some(),
            Steering::Static | Steering::Nodata => false,
        },
        rises_within: rises.max().unwrap_or_default(),
        hold: (pool.failback.mode == FailbackMode::Auto).then_some(pool.failback.hold),
    })
}

/// A name of the pool; for a wildcard alone, one that it covers.
fn name_to_ask(pool: &PoolStatus) -> Option<Name> {
    let is_wild = |name: &Name| name.labels().next() == Some(b"*");
    if let Some(name) = pool.names.iter().find(|name| !is_wild(name)) {
        return Some(name.clone());
    }
    let below = pool.names.first()?.parent()?;
    Name::parse_relative(b"pharos-drill", &below).ok()
}

/// Whom to ask, from where the node listens: an address of this machine instead of all of them.
pub(super) fn servers(listeners: &[SocketAddr]) -> Vec<SocketAddr> {
    let reachable = |listener: &SocketAddr| match listener.ip() {
        ip if !ip.is_unspecified() => *listener,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, listener.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, listener.port()).into(),
    };
    let mut servers = Vec::new();
    for server in listeners.iter().map(reachable) {
        if !servers.contains(&server) && servers.len() < SERVERS_MAX {
            servers.push(server);
        }
    }
    servers
}

/// Each name in its turn, at each server in its turn; and how long to wait between two.
pub(super) fn slots(watched: &[Watched], servers: &[SocketAddr]) -> (Vec<Slot>, Duration) {
    let rounds = servers.iter().enumerate().map(|(round, _)| round);
    let slots = rounds.flat_map(|round| {
        watched.iter().enumerate().map(move |(place, watched)| Slot {
            // Different names ask different servers in one round, so that none is asked by all at once.
            server: servers[(round + place) % servers.len()],
            question: watched.question.clone(),
        })
    });
    let count = u32::try_from(watched.len()).unwrap_or(u32::MAX).max(1);
    (slots.collect(), (EVERY / count).max(GAP_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Rtype;
    use crate::model::PoolName;

    fn one(name: &str) -> Watched {
        let zone = Name::parse("example").unwrap();
        Watched {
            pool: PoolId { zone, pool: PoolName::new("app") },
            question: Question { name: Name::parse(name).unwrap(), rtype: Rtype::A },
            failing: BTreeSet::new(),
            in_use: BTreeSet::new(),
            varies: false,
            rises_within: Duration::ZERO,
            hold: None,
        }
    }

    #[test]
    fn wildcard_listeners_are_asked_on_loopback() {
        let listeners = ["0.0.0.0:53", "[::]:53", "127.0.0.1:53", "192.0.2.1:5300"].map(|text| text.parse().unwrap());
        let asked: Vec<_> = servers(&listeners).iter().map(ToString::to_string).collect();
        assert_eq!(asked, ["127.0.0.1:53", "[::1]:53", "192.0.2.1:5300"]);
    }

    #[test]
    fn resolvers_are_asked_for_what_is_in_use() {
        let used = Watched { in_use: [Ipv4Addr::LOCALHOST.into()].into(), ..one("b") };
        assert_eq!(told_by_resolvers(&[one("a"), used.clone(), used]), 1);
        assert_eq!(told_by_resolvers(&[one("a"), one("b")]), 0, "a reserve is better than nothing");
    }

    #[test]
    fn a_region_is_back_with_all_that_was_in_use() {
        let ip = |n: u8| IpAddr::from([192, 0, 2, n]);
        let watched = Watched { failing: [ip(1), ip(2), ip(3)].into(), in_use: [ip(1), ip(2)].into(), ..one("a") };
        assert!(watched.is_back_in(&[ip(9), ip(2), ip(1)]) && !watched.is_back_in(&[ip(9), ip(1), ip(3)]));
        assert!(!one("a").is_back_in(&[ip(1)]), "a reserve has nothing to come back to");
    }

    #[test]
    fn each_name_is_asked_at_each_server() {
        let servers: Vec<SocketAddr> = ["192.0.2.1:53", "192.0.2.2:53"].map(|text| text.parse().unwrap()).into();
        let (slots, gap) = slots(&[one("a"), one("b"), one("c")], &servers);
        let shown: Vec<_> = slots.iter().map(|slot| format!("{} {}", slot.server.ip(), slot.question.name)).collect();
        assert_eq!(
            shown,
            ["192.0.2.1 a.", "192.0.2.2 b.", "192.0.2.1 c.", "192.0.2.2 a.", "192.0.2.1 b.", "192.0.2.2 c."]
        );
        assert_eq!(gap, EVERY / 3);
    }

    #[test]
    fn the_rate_is_bounded() {
        let many: Vec<_> = (0..NAMES_MAX).map(|n| one(&format!("n{n}"))).collect();
        assert_eq!(slots(&many, &["192.0.2.1:53".parse().unwrap()]).1, GAP_MIN);
    }
}
