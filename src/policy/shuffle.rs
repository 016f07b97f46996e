//! `shuffle`: uniform, in random order; weights do not matter.

use super::field::Field;
use super::selector::Mode;
use super::trace::Stage;

pub(super) fn apply(field: &mut Field<'_>) -> Mode {
    field.note(Stage::Shuffle);
    Mode::Shuffle
}
