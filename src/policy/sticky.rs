//! `sticky`: a client's network keeps its endpoint; weights are respected.

use super::field::Field;
use super::selector::Mode;
use super::trace::Stage;
use super::weight;

pub(super) fn apply(field: &mut Field<'_>) -> Mode {
    weight::drop_reserves(field, Stage::Sticky);
    Mode::Sticky
}
