//! `all_down`: what is answered when nobody is healthy. Who is down or drained by order is not.

use super::compile::{Drawn, filters};
use super::field::Field;
use super::memory::seat_of;
use super::min_healthy;
use super::plan::Mode;
use super::trace::{Reason, Stage, Step};
use crate::health::Force;
use crate::model::pool::AllDown;

/// Refills the field, which nobody healthy is left in, and says what came of it.
pub(super) fn apply(field: &mut Field<'_>) -> (Mode, Option<Drawn>) {
    match field.pool.all_down {
        AllDown::Static => (Mode::Static, None),
        AllDown::Nodata => (Mode::Nodata, None),
        AllDown::All => all(field),
        AllDown::LastGood => match last_good(field) {
            Some(drawn) => (Mode::LastGood, Some(drawn)),
            None => all(field),
        },
    }
}

/// The last good answer, as far as its members are still there and not overridden.
fn last_good(field: &mut Field<'_>) -> Option<Drawn> {
    let good = field.memory.last_good(field.family);
    let mut weights: Vec<_> = good
        .iter()
        .filter_map(|(member, weight)| Some((seat_of(field.pool, member)?, *weight)))
        .filter(|(seat, _)| !field.standing(*seat).is_barred())
        .collect();
    if weights.is_empty() {
        return None;
    }
    weights.sort_unstable();
    let kept: Vec<_> = weights.iter().map(|(seat, _)| *seat).collect();
    let others = field.everyone().into_iter().filter(|seat| !kept.contains(seat));
    let dropped = others.map(|seat| (seat, Reason::NotLastGood)).collect();
    field.seats.clone_from(&kept);
    field.steps.push(Step { stage: Stage::LastGood, kept, dropped });
    Some(Drawn { mode: super::compile::draw_mode(field.pool), weights: weights.into_iter().map(|(_, w)| w).collect() })
}

/// Everybody who is not overridden, through the pool's own policy.
fn all(field: &mut Field<'_>) -> (Mode, Option<Drawn>) {
    field.seats = field.everyone();
    field.drop_where(Stage::All, |field, seat| match field.standing(seat).force {
        Some(Force::Down) => Some(Reason::ForcedDown),
        Some(Force::Drain) => Some(Reason::Drained),
        Some(Force::Up) | None => None,
    });
    if field.seats.is_empty() {
        return (Mode::Nodata, None);
    }
    min_healthy::apply(field, |field, seat| field.standing(seat).force != Some(Force::Down));
    let drawn = filters(field);
    (Mode::All, Some(drawn))
}
