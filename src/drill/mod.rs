//! Drills: a region fails on purpose, and what that does is measured and reported.
//!
//! Control fails the region and ends that in time, whatever becomes of this room. Here the node's own
//! listeners are asked over UDP, resolvers are asked, and what was seen becomes a [`Report`] in the state
//! folder. Plans of `pharos.toml` begin drills by the clock, where the node is fit for one.
//!
//! Absent on purpose: deciding what may fail, and any way to touch the application.

mod api;
mod asker;
mod desk;
mod markdown;
mod measure;
mod plan;
mod report;
mod runner;
mod schedule;
pub(crate) mod sight;
mod store;
mod timeline;

pub use desk::{Ask, Desk, Drills, open};
pub use report::{PoolReport, Queries, Recovery, Report, ResolverReport, Seen, State};
pub use runner::NotBegun;

impl Report {
    /// One page for people.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markdown::of(self)
    }
}
