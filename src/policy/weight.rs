//! `weight`: random by weight; a weight of 0 is a reserve.

use super::field::Field;
use super::selector::Mode;
use super::trace::{Reason, Stage};

/// Lets the reserves leave while somebody with a weight is left.
pub(super) fn apply(field: &mut Field<'_>) -> Mode {
    drop_reserves(field, Stage::Weight);
    Mode::Weighted
}

/// For every chooser that respects weights.
pub(super) fn drop_reserves(field: &mut Field<'_>, stage: Stage) {
    let some_weigh = field.seats.iter().any(|seat| field.endpoint(*seat).weight > 0);
    field.drop_where(stage, |field, seat| (some_weigh && field.endpoint(seat).weight == 0).then_some(Reason::Reserve));
}
