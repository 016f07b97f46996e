//! What a pool must remember from one change to the next, and across restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::plan::{Compiled, Family, Mode};
use super::selector::Steering;
use super::trace::Seat;
use crate::model::EndpointName;
use crate::model::pool::Pool;
use crate::model::time::Moment;

/// One address of one endpoint, by name: places change when files are edited.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// One of its addresses.
    pub ip: IpAddr,
}

/// What keeps a member that failed while it was in use from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// It is down; when it comes back, it will be held.
    Lost,
    /// It is back, and held until this moment of the clock that only goes forward.
    Until(Duration),
    /// It is back, and held until somebody says otherwise.
    Manual,
}

impl Hold {
    /// Whether it keeps a healthy member from being answered.
    #[must_use]
    pub fn is_running(self) -> bool {
        self != Self::Lost
    }
}

/// The memory of one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolMemory {
    /// Per family, what could be answered when somebody was healthy last, with effective weights.
    last_good: [Vec<(Member, u32)>; 2],
    /// Who could be answered and was healthy at the last change.
    serving: BTreeSet<Member>,
    /// Who went down while in use and has not returned to it.
    pub(super) holds: BTreeMap<Member, Hold>,
}

impl PoolMemory {
    /// Takes up what an earlier run left. Whoever was in the last good answer was in use.
    #[must_use]
    pub fn restore(last_good: [Vec<(Member, u32)>; 2], holds: BTreeMap<Member, Hold>) -> Self {
        let serving = last_good.iter().flatten().map(|(member, _)| member.clone()).collect();
        Self { last_good, serving, holds }
    }

    /// The last good answer of a family: members and their effective weights.
    #[must_use]
    pub fn last_good(&self, family: Family) -> &[(Member, u32)] {
        &self.last_good[family.index()]
    }

    /// Who went down while in use and has not returned to it.
    #[must_use]
    pub fn holds(&self) -> &BTreeMap<Member, Hold> {
        &self.holds
    }

    /// Puts the hold of a member back to what it was: what happened since was not meant to count.
    pub fn restore_hold(&mut self, member: &Member, hold: Option<Hold>) {
        match hold {
            Some(hold) => self.holds.insert(member.clone(), hold),
            None => self.holds.remove(member),
        };
    }

    /// When the next hold ends, after `now`.
    #[must_use]
    pub fn next_end(&self, now: Moment) -> Option<Duration> {
        let end = |hold: &Hold| if let Hold::Until(end) = hold { Some(*end) } else { None };
        self.holds.values().filter_map(end).filter(|end| *end > now.mono).min()
    }

    /// Whether a hold keeps this member from being answered.
    pub(super) fn is_held(&self, member: &Member) -> bool {
        self.holds.get(member).is_some_and(|hold| hold.is_running())
    }

    /// Whether the member is answered as one that is healthy.
    #[must_use]
    pub fn is_serving(&self, member: &Member) -> bool {
        self.serving.contains(member)
    }

    /// Forgets who is no longer in the pool.
    pub(super) fn retain(&mut self, pool: &Pool) {
        let is_there = |member: &Member| seat_of(pool, member).is_some();
        self.last_good.iter_mut().for_each(|good| good.retain(|(member, _)| is_there(member)));
        self.serving.retain(is_there);
        self.holds.retain(|member, _| is_there(member));
    }

    /// Notes what is answered from now on.
    pub(super) fn remember(&mut self, pool: &Pool, compiled: &Compiled) {
        self.serving.clear();
        for family in Family::ALL {
            let plan = compiled.plan(family);
            if plan.mode != Mode::Healthy {
                continue;
            }
            let weight = |seat: Seat| match compiled.steering(family) {
                Steering::Pick(selector) => {
                    let ip = address(pool, seat);
                    let choices = &selector.spec().choices;
                    choices.iter().find(|c| c.addresses.contains(&ip)).map_or(1, |choice| choice.weight)
                }
                Steering::Static | Steering::Nodata => 1,
            };
            let members = plan.in_use.iter().map(|seat| (member(pool, *seat), weight(*seat)));
            self.last_good[family.index()] = members.collect();
            self.serving.extend(plan.in_use.iter().map(|seat| member(pool, *seat)));
        }
    }
}

/// The name of a seat.
pub(super) fn member(pool: &Pool, seat: Seat) -> Member {
    Member { endpoint: pool.endpoints[seat.endpoint].name.clone(), ip: address(pool, seat) }
}

/// The address of a seat.
pub(super) fn address(pool: &Pool, seat: Seat) -> IpAddr {
    pool.endpoints[seat.endpoint].addresses[seat.address].ip
}

/// Where a member sits today.
pub(super) fn seat_of(pool: &Pool, member: &Member) -> Option<Seat> {
    let endpoint = pool.endpoints.iter().position(|e| e.name == member.endpoint)?;
    let address = pool.endpoints[endpoint].addresses.iter().position(|a| a.ip == member.ip)?;
    Some(Seat { endpoint, address })
}
