//! `priority`: the lowest number that is left.

use super::field::Field;
use super::trace::{Reason, Stage};

pub(super) fn apply(field: &mut Field<'_>) {
    let Some(lowest) = field.seats.iter().map(|seat| field.endpoint(*seat).priority).min() else { return };
    field.drop_where(Stage::Priority, |field, seat| {
        (field.endpoint(seat).priority > lowest).then_some(Reason::Priority { lowest })
    });
}
