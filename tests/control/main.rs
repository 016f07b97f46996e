//! The control task from outside: reports and orders go in, answers and events come out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod drill;
mod figures;
mod fixture;
mod isolation;
mod reload;
mod restart;
mod steer;
mod story;
