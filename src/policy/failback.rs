//! `failback`: who went down while in use does not come back at once.
//!
//! | hold    | its verdict | then                                                    |
//! |---------|-------------|---------------------------------------------------------|
//! | none    | down        | lost, if it was in use                                  |
//! | lost    | up          | held for `hold`, or until told; none if `hold` is 0     |
//! | held    | down        | lost                                                    |
//! | held    | up          | none, when the time is over                             |
//! | any     | up by order | none                                                    |
//! | held    | up          | none, when nobody else of its family is healthy         |

use std::time::Duration;

use super::memory::{Hold, Member, PoolMemory, member};
use super::plan::Family;
use super::trace::Seat;
use crate::health::{Force, Standing, Verdict};
use crate::model::pool::{Failback, FailbackMode, Pool};
use crate::model::time::Moment;

/// A hold that began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldChange {
    /// It is back, and held.
    Begun {
        /// Who.
        member: Member,
        /// For how long; none: until told.
        hold: Option<Duration>,
    },
    /// It is no longer held.
    Ended {
        /// Who.
        member: Member,
        /// Why.
        why: HoldEnd,
    },
}

/// Why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldEnd {
    /// Its time is over.
    Over,
    /// It went down again.
    Interrupted,
    /// Nobody else is healthy.
    Needed,
    /// An order of an operator stands above it.
    Forced,
    /// On command, or the files ask for no hold any more.
    Released,
}

/// Begins and ends holds after what changed.
pub(super) fn advance(
    pool: &Pool,
    standings: &[Vec<Standing>],
    memory: &mut PoolMemory,
    now: Moment,
) -> Vec<HoldChange> {
    let mut changes = Vec::new();
    for (seat, standing) in seated(pool, standings) {
        let member = member(pool, seat);
        let before = memory.holds.get(&member).copied();
        let after = next(before, memory.is_serving(&member), standing, pool.failback, now);
        match after {
            Some(hold) => memory.holds.insert(member.clone(), hold),
            None => memory.holds.remove(&member),
        };
        changes.extend(change(member, before, after, standing, now));
    }
    for family in Family::ALL {
        free_the_needed(pool, standings, memory, family, &mut changes);
    }
    changes
}

/// Ends all holds that run.
pub(super) fn release(memory: &mut PoolMemory) -> Vec<HoldChange> {
    let held: Vec<_> = memory.holds.iter().filter(|(_, hold)| hold.is_running()).map(|(m, _)| m.clone()).collect();
    memory.holds.retain(|_, hold| !hold.is_running());
    held.into_iter().map(|member| HoldChange::Ended { member, why: HoldEnd::Released }).collect()
}

/// One row of the table.
fn next(before: Option<Hold>, serving: bool, standing: Standing, failback: Failback, now: Moment) -> Option<Hold> {
    if standing.force == Some(Force::Up) {
        return None;
    }
    match (standing.verdict, before) {
        (Verdict::Unknown, _) => before,
        (Verdict::Down, None) => serving.then_some(Hold::Lost),
        (Verdict::Down, Some(_)) => Some(Hold::Lost),
        (Verdict::Up, None) => None,
        (Verdict::Up, Some(hold)) => {
            let fresh = now.mono + failback.hold;
            let end = match (failback.mode, hold) {
                (FailbackMode::Manual, _) => return Some(Hold::Manual),
                (FailbackMode::Auto, Hold::Until(end)) => end.min(fresh),
                (FailbackMode::Auto, Hold::Lost | Hold::Manual) => fresh,
            };
            (end > now.mono).then_some(Hold::Until(end))
        }
    }
}

fn change(
    member: Member,
    before: Option<Hold>,
    after: Option<Hold>,
    standing: Standing,
    now: Moment,
) -> Option<HoldChange> {
    let runs = |hold: Option<Hold>| hold.is_some_and(Hold::is_running);
    match (runs(before), runs(after)) {
        (false, true) => {
            let hold = if let Some(Hold::Until(end)) = after { Some(end.saturating_sub(now.mono)) } else { None };
            Some(HoldChange::Begun { member, hold })
        }
        (true, false) => {
            let why = match (after, before) {
                (Some(_), _) => HoldEnd::Interrupted,
                (None, _) if standing.force == Some(Force::Up) => HoldEnd::Forced,
                (None, Some(Hold::Until(end))) if end <= now.mono => HoldEnd::Over,
                (None, _) => HoldEnd::Released,
            };
            Some(HoldChange::Ended { member, why })
        }
        _ => None,
    }
}

/// Where everybody healthy of a family is held, the holds end: a held endpoint is better than none.
fn free_the_needed(
    pool: &Pool,
    standings: &[Vec<Standing>],
    memory: &mut PoolMemory,
    family: Family,
    changes: &mut Vec<HoldChange>,
) {
    let eligible: Vec<_> = seated(pool, standings)
        .filter(|(_, standing)| standing.is_eligible())
        .map(|(seat, _)| member(pool, seat))
        .filter(|member| Family::of(member.ip) == family)
        .collect();
    if eligible.iter().any(|member| !memory.is_held(member)) {
        return;
    }
    for needed in eligible {
        memory.holds.remove(&needed);
        let begun = |c: &HoldChange| matches!(c, HoldChange::Begun { member, .. } if *member == needed);
        match changes.iter().position(begun) {
            // It never began for anyone to see.
            Some(index) => drop(changes.remove(index)),
            None => changes.push(HoldChange::Ended { member: needed, why: HoldEnd::Needed }),
        }
    }
}

fn seated<'a>(pool: &Pool, standings: &'a [Vec<Standing>]) -> impl Iterator<Item = (Seat, Standing)> + use<'a> {
    debug_assert_eq!(pool.endpoints.len(), standings.len());
    standings.iter().enumerate().flat_map(|(endpoint, own)| {
        own.iter().enumerate().map(move |(address, standing)| (Seat { endpoint, address }, *standing))
    })
}
