//! What the node tells about itself: its log.

pub mod log;
mod queue;
