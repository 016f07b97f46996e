//! A pool, its standings and its memory to what is answered.

use std::sync::Arc;

use super::failback::{self, HoldChange};
use super::field::Field;
use super::memory::{Hold, PoolMemory, address};
use super::plan::{Compiled, Family, Mode, Plan};
use super::selector::{self, Choice, Selector, SelectorSpec, Steered, Steering, sticky_key};
use super::trace::{Reason, Seat, Stage};
use super::{all_down, dual_stack, min_healthy, priority, shuffle, sticky, weight};
use crate::health::{Force, Standing, Verdict};
use crate::model::pool::{Filter, Pool};
use crate::model::time::Moment;

/// How the selector draws among the seats that are left, and the effective weight of each.
pub(super) struct Drawn {
    pub(super) mode: selector::Mode,
    pub(super) weights: Vec<u32>,
}

/// Takes a change in: holds begin and end, the pool is compiled, and what is answered from now on is
/// remembered. `standings` has one entry per endpoint, with one per address.
pub fn advance(
    pool: &Pool,
    standings: &[Vec<Standing>],
    memory: &mut PoolMemory,
    now: Moment,
) -> (Compiled, Vec<HoldChange>) {
    memory.retain(pool);
    let joined = dual_stack::join(pool, standings);
    let changes = failback::advance(pool, &joined, memory, now);
    let compiled = plans(pool, &joined, memory);
    memory.remember(pool, &compiled);
    (compiled, changes)
}

/// Compiles a pool as it stands. Everything that is answered follows from the arguments.
#[must_use]
pub fn compile(pool: &Pool, standings: &[Vec<Standing>], memory: &PoolMemory) -> Compiled {
    plans(pool, &dual_stack::join(pool, standings), memory)
}

impl PoolMemory {
    /// Ends all holds that run, on command.
    pub fn release(&mut self) -> Vec<HoldChange> {
        failback::release(self)
    }
}

fn plans(pool: &Pool, joined: &[Vec<Standing>], memory: &PoolMemory) -> Compiled {
    let plan = |family| plan(Field::new(pool, family, joined, memory));
    let ((v4, a), (v6, aaaa)) = (plan(Family::V4), plan(Family::V6));
    Compiled { steered: Arc::new(Steered { a: v4, aaaa: v6 }), a, aaaa }
}

fn plan(mut field: Field<'_>) -> (Steering, Plan) {
    if field.seats.is_empty() {
        let plan = Plan { mode: Mode::Absent, suspect: false, in_use: Vec::new(), steps: Vec::new() };
        return (Steering::Nodata, plan);
    }
    let (mode, drawn) = if narrow_to_healthy(&mut field) {
        min_healthy::apply(&mut field, |field, seat| {
            let held = field.memory.is_held(&field.member(seat));
            field.standing(seat).is_counted() && !held
        });
        (Mode::Healthy, Some(filters(&mut field)))
    } else {
        all_down::apply(&mut field)
    };
    let suspect = is_suspect(&field, mode);
    let steering = match (mode, drawn) {
        (Mode::Static, _) => Steering::Static,
        (_, Some(drawn)) => pick(&field, drawn, suspect),
        (_, None) => Steering::Nodata,
    };
    let in_use = if matches!(steering, Steering::Pick(_)) { field.seats } else { Vec::new() };
    (steering, Plan { mode, suspect, in_use, steps: field.steps })
}

/// Orders, verdicts and holds; whether somebody is left.
fn narrow_to_healthy(field: &mut Field<'_>) -> bool {
    field.drop_where(Stage::Override, |field, seat| match field.standing(seat).force {
        Some(Force::Down) => Some(Reason::ForcedDown),
        Some(Force::Drain) => Some(Reason::Drained),
        Some(Force::Up) | None => None,
    });
    field.drop_where(Stage::Health, |field, seat| {
        let standing = field.standing(seat);
        let why = if standing.verdict == Verdict::Unknown { Reason::Unknown } else { Reason::Down };
        (!standing.is_eligible()).then_some(why)
    });
    let all_held = field.seats.iter().all(|seat| field.memory.is_held(&field.member(*seat)));
    if !all_held {
        field.drop_where(Stage::Failback, |field, seat| match field.memory.holds().get(&field.member(seat)) {
            Some(Hold::Until(_)) => Some(Reason::Held),
            Some(Hold::Manual) => Some(Reason::HeldManually),
            Some(Hold::Lost) | None => None,
        });
    }
    !field.seats.is_empty()
}

/// The pool's own policy. The last filter chooses, if one of those that choose stands there.
pub(super) fn filters(field: &mut Field<'_>) -> Drawn {
    let mut mode = selector::Mode::Uniform;
    for filter in &field.pool.policy {
        match filter {
            Filter::Priority => priority::apply(field),
            Filter::Weight => mode = weight::apply(field),
            Filter::Sticky => mode = sticky::apply(field),
            Filter::Shuffle => mode = shuffle::apply(field),
        }
    }
    // All 0 is all equal; a 0 beside others has left where weights matter.
    let weights = field.seats.iter().map(|seat| field.endpoint(*seat).weight.max(1)).collect();
    Drawn { mode, weights }
}

/// How the pool's policy draws.
pub(super) fn draw_mode(pool: &Pool) -> selector::Mode {
    match pool.policy.last() {
        Some(Filter::Weight) => selector::Mode::Weighted,
        Some(Filter::Sticky) => selector::Mode::Sticky,
        Some(Filter::Shuffle) => selector::Mode::Shuffle,
        Some(Filter::Priority) | None => selector::Mode::Uniform,
    }
}

/// Whether the answer may change soon: somebody in use is failing, or a hold runs out.
fn is_suspect(field: &Field<'_>, mode: Mode) -> bool {
    let failing = field.seats.iter().any(|seat| {
        let standing = field.standing(*seat);
        standing.failing && standing.force.is_none()
    });
    let ending = field
        .memory
        .holds()
        .iter()
        .any(|(member, hold)| Family::of(member.ip) == field.family && matches!(hold, Hold::Until(_)));
    failing || ending || matches!(mode, Mode::LastGood | Mode::All)
}

/// Gathers the seats by endpoint and makes the selector.
fn pick(field: &Field<'_>, drawn: Drawn, suspect: bool) -> Steering {
    let pool = field.pool;
    let mut choices: Vec<(usize, Choice)> = Vec::new();
    for (Seat { endpoint, address: at }, weight) in field.seats.iter().zip(drawn.weights) {
        let ip = address(pool, Seat { endpoint: *endpoint, address: *at });
        match choices.last_mut() {
            Some((last, choice)) if last == endpoint => choice.addresses.push(ip),
            _ => {
                let key = sticky_key(pool.endpoints[*endpoint].name.as_str());
                choices.push((*endpoint, Choice { weight, key, addresses: vec![ip] }));
            }
        }
    }
    let spec = SelectorSpec {
        rtype: field.family.rtype(),
        ttl: if suspect { pool.ttl_suspect.unwrap_or(pool.ttl) } else { pool.ttl },
        take: pool.answers,
        mode: drawn.mode,
        choices: choices.into_iter().map(|(_, choice)| choice).collect(),
    };
    Selector::new(spec).map_or(Steering::Nodata, Steering::Pick)
}
