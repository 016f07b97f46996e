//! Checks: asks targets and reports what was seen. It never judges.
//!
//! One kind of check per file (`tcp`, `http`), what they share around it, and the scheduler.

mod connect;
mod error;
mod evidence;
mod expect;
mod http;
mod shared;
mod target;
mod tcp;
mod tls;

pub use target::{Kit, Target};
