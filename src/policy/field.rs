//! Who is still in the running while a pool is compiled.

use super::memory::{Member, PoolMemory, member};
use super::plan::Family;
use super::trace::{Reason, Seat, Stage, Step};
use crate::health::Standing;
use crate::model::pool::{Endpoint, Pool};

/// The seats of one family that are left, and how it came to that.
pub(super) struct Field<'a> {
    pub(super) pool: &'a Pool,
    pub(super) family: Family,
    pub(super) memory: &'a PoolMemory,
    standings: &'a [Vec<Standing>],
    /// Who is left, in the order of the pool.
    pub(super) seats: Vec<Seat>,
    pub(super) steps: Vec<Step>,
}

impl<'a> Field<'a> {
    /// All seats of a family.
    pub(super) fn new(pool: &'a Pool, family: Family, standings: &'a [Vec<Standing>], memory: &'a PoolMemory) -> Self {
        Self { pool, family, memory, standings, seats: seats(pool, family), steps: Vec::new() }
    }

    pub(super) fn endpoint(&self, seat: Seat) -> &'a Endpoint {
        &self.pool.endpoints[seat.endpoint]
    }

    pub(super) fn standing(&self, seat: Seat) -> Standing {
        self.standings[seat.endpoint][seat.address]
    }

    pub(super) fn member(&self, seat: Seat) -> Member {
        member(self.pool, seat)
    }

    /// All seats of the family, those that left too.
    pub(super) fn everyone(&self) -> Vec<Seat> {
        seats(self.pool, self.family)
    }

    /// Lets those leave that have a reason to; notes the step.
    pub(super) fn drop_where(&mut self, stage: Stage, reason: impl Fn(&Self, Seat) -> Option<Reason>) {
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for seat in &self.seats {
            match reason(self, *seat) {
                Some(why) => dropped.push((*seat, why)),
                None => kept.push(*seat),
            }
        }
        self.seats.clone_from(&kept);
        self.steps.push(Step { stage, kept, dropped });
    }

    /// Notes a step in which nobody left.
    pub(super) fn note(&mut self, stage: Stage) {
        self.steps.push(Step { stage, kept: self.seats.clone(), dropped: Vec::new() });
    }
}

fn seats(pool: &Pool, family: Family) -> Vec<Seat> {
    let endpoints = pool.endpoints.iter().enumerate();
    endpoints
        .flat_map(|(endpoint, e)| {
            let addresses = e.addresses.iter().enumerate();
            let own = addresses.filter(|(_, a)| Family::of(a.ip) == family);
            own.map(move |(address, _)| Seat { endpoint, address }).collect::<Vec<_>>()
        })
        .collect()
}
