//! Notifications, seen by those who get them.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod delivery;
mod mail;
mod reload;
mod secrets;
mod services;
