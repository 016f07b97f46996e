//! What the node tells about itself: its log, and figures for monitors.

pub mod log;
pub mod metrics;
mod queue;
