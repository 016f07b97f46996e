//! From a pool and the standings of its endpoints to what is answered, per address family.
//!
//! Compiled when something changes, never while a query waits. The order of things is always the
//! same: orders of the operator, health, failback holds, `min_healthy`, then the filters of
//! `policy`; what happens when nobody is left is `all_down`'s. One rule per file. Each step leaves a
//! [`Step`] behind, which is all that `status` and `explain` know of the why.
//!
//! Absent on purpose: clocks, random numbers and names that are asked for. A [`Selector`] draws when
//! the query is there.

mod all_down;
mod compile;
mod dual_stack;
mod failback;
mod field;
mod memory;
mod min_healthy;
mod plan;
mod priority;
pub mod selector;
mod shuffle;
mod sticky;
mod trace;
mod weight;

pub use compile::{advance, compile};
pub use failback::{HoldChange, HoldEnd};
pub use memory::{Hold, Member, PoolMemory};
pub use plan::{Compiled, Family, Mode, Plan};
pub use selector::{Choice, Selector, SelectorSpec, Steered, Steering};
pub use trace::{Reason, Seat, Stage, Step};
