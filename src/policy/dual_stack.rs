//! `dual_stack = "together"`: the families of an endpoint share their fate.

use super::plan::Family;
use crate::health::{Standing, Verdict};
use crate::model::pool::{DualStack, Endpoint, Pool};

/// The standings as the pool's `dual_stack` makes them. A family works while one of its addresses
/// does; with `together`, an endpoint whose one family does not work is out in both.
pub(super) fn join(pool: &Pool, standings: &[Vec<Standing>]) -> Vec<Vec<Standing>> {
    let mut joined = standings.to_vec();
    if pool.dual_stack == DualStack::Together {
        for (endpoint, own) in pool.endpoints.iter().zip(&mut joined) {
            share(endpoint, own);
        }
    }
    joined
}

fn share(endpoint: &Endpoint, standings: &mut [Standing]) {
    let verdicts = Family::ALL.map(|family| family_verdict(endpoint, standings, family));
    let [Some(v4), Some(v6)] = verdicts else { return };
    let shared = worse(v4, v6);
    let failing = standings.iter().any(|s| s.failing);
    for standing in standings {
        standing.failing = failing;
        if standing.verdict == Verdict::Up {
            standing.verdict = shared;
        }
    }
}

/// None where it has no address of the family.
fn family_verdict(endpoint: &Endpoint, standings: &[Standing], family: Family) -> Option<Verdict> {
    let seats = endpoint.addresses.iter().zip(standings);
    let own = seats.filter(|(address, _)| Family::of(address.ip) == family).map(|(_, s)| s.verdict);
    own.reduce(|one, two| if one == Verdict::Up || two == Verdict::Up { Verdict::Up } else { worse(one, two) })
}

fn worse(one: Verdict, two: Verdict) -> Verdict {
    match (one, two) {
        (Verdict::Down, _) | (_, Verdict::Down) => Verdict::Down,
        (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
        (Verdict::Up, Verdict::Up) => Verdict::Up,
    }
}
