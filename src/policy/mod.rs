//! From a pool and its verdicts to a selector.

pub mod selector;
