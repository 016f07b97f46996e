//! `/metrics` of the program: counts of what was asked and what happened, exact and by their labels; and what is
//! made of them in `deploy/`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../support/mod.rs"]
mod support;

mod deploy;
mod failover;
mod files;
mod load;
mod queries;
mod watched;
