//! From observations to verdicts, and from verdicts to what policies see.
//!
//! Two steps, kept apart: [`Tracker`] folds what this node observed of a target into its own
//! [`Verdict`]; [`outcome()`] adds what an operator ordered and gives a [`Standing`]. Policies know
//! only standings. Today a node's own verdict is the only vote. Moments are arguments: nothing here
//! reads a clock.

mod outcome;
mod override_;
mod overrides;
mod track;

pub use outcome::{Standing, outcome};
pub use override_::{Force, Override, Scope};
pub use overrides::{OVERRIDES_MAX, Overrides, TooMany};
pub use track::{Flip, RECHECK_AT_START, Tracker, Verdict};
