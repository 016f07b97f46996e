//! What still holds of what was told: some things end while nobody looks.

use super::event::{Kind, ip_version};
use super::record::{Record, Topic};
use super::world::{Effects, PoolState, World};
use crate::health::Verdict;
use crate::model::pool::{Address, Pool};
use crate::policy::{Family, Mode};

/// Something that was told to be the case, and is over.
pub(super) struct Over {
    /// The kind of the event that says so.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl World {
    /// What became of what this record began; none where it holds.
    pub(super) fn over(&self, record: &Record) -> Option<Over> {
        match record.topic {
            Topic::Endpoint => self.endpoint_over(record),
            Topic::Pool => self.pool_over(record),
            Topic::Node => {
                let of = |family: &Family| record.subject.ends_with(&format!("/{}", ip_version(*family)));
                let family = Family::ALL.into_iter().find(of)?;
                let text = format!("the node is not cut off over {}", ip_version(family));
                (!self.isolation.is_cut(family)).then_some(Over { kind: "isolation-ended", text })
            }
            // A reload that is applied says so itself; at a start the files are read anew.
            Topic::Config => {
                Some(Over { kind: "reload-applied", text: "the files are in force since the start".to_owned() })
            }
            Topic::Answer | Topic::Override | Topic::Drill => None,
        }
    }

    fn endpoint_over(&self, record: &Record) -> Option<Over> {
        let (pool, name) = (record.pool_id()?, record.endpoint.as_deref()?);
        let who = match record.address {
            Some(ip) => format!("endpoint {name} ({ip}) of {pool}"),
            None => format!("endpoint {name} of {pool}"),
        };
        let gone =
            || Some(Over { kind: "endpoint-gone", text: format!("{who} is no longer configured to be checked") });
        let Some((pool, state)) = self.pool_of(record) else { return gone() };
        let Some(place) = pool.endpoints.iter().position(|endpoint| endpoint.name.as_str() == name) else {
            return gone();
        };
        let is_meant = |address: &Address| record.address.is_none_or(|ip| address.ip == ip);
        let addresses = pool.endpoints[place].addresses.iter().zip(&state.links[place]);
        let mut judges = addresses.filter(|(address, _)| is_meant(address)).filter_map(|(_, link)| *link);
        let Some(link) = judges.next() else { return gone() };
        let judge = self.targets.judge(link)?;
        if record.subject.starts_with("check/") {
            let text = format!("{who} is being observed again");
            return (!self.watchdog.is_stale(link.id)).then_some(Over { kind: "check-fresh", text });
        }
        (judge.tracker.verdict() == Verdict::Up).then(|| Over { kind: "endpoint-up", text: format!("{who} is up") })
    }

    fn pool_over(&self, record: &Record) -> Option<Over> {
        let id = record.pool_id()?;
        let Some((_, state)) = self.pool_of(record) else {
            return Some(Over { kind: "pool-gone", text: format!("pool {id} is no longer configured") });
        };
        let family = |family: &Family| record.subject.ends_with(&format!("/{}", family.rtype()));
        let family = Family::ALL.into_iter().find(family)?;
        let works = matches!(state.compiled.plan(family).mode, Mode::Healthy | Mode::Absent);
        let text = format!("pool {id} has a healthy endpoint for {}", family.rtype());
        works.then_some(Over { kind: "pool-up", text })
    }

    fn pool_of(&self, record: &Record) -> Option<(&Pool, &PoolState)> {
        let (zone, name) = (record.zone.as_deref()?, record.pool.as_deref()?);
        let mut pools = self.pools().map(|(_, pool, state)| (pool, state));
        pools.find(|(pool, state)| pool.name.as_str() == name && state.id.zone.bare() == zone)
    }

    /// At a start nothing moves to being down, and yet it may be.
    pub(super) fn tell_pools_down(&self, effects: &mut Effects) {
        let told = |kind: &Kind, state: &PoolState, of: Family| matches!(kind, Kind::Pool { pool, family, .. } if *pool == state.id && *family == of);
        let mut down = Vec::new();
        for (_, _, state) in self.pools() {
            for family in Family::ALL {
                let mode = state.compiled.plan(family).mode;
                let works = matches!(mode, Mode::Healthy | Mode::Absent);
                if !works && !effects.events.iter().any(|kind| told(kind, state, family)) {
                    down.push(Kind::Pool { pool: state.id.clone(), family, mode });
                }
            }
        }
        effects.events.extend(down);
    }
}
