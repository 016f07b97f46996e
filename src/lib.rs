//! pharos: an authoritative DNS server that answers with a healthy region.
//!
//! Rooms, by layer; a room imports only from layers below its own, and rooms of one layer do not
//! import each other (`tests/layers.rs` reads the `use` lines):
//!
//! | layer | rooms |
//! |---|---|
//! | 0 | [`dns`] wire words; [`model`] the validated domain |
//! | 1 | [`config`] text to model; [`health`] observations to verdicts |
//! | 2 | [`policy`] pool and verdicts to selector |
//! | 3 | [`snapshot`] the immutable world, answers encoded once |
//! | 4 | [`answer`] snapshot and query to bytes |
//! | 5 | [`control`] the only writer |
//! | 6 | [`serve`] UDP and TCP; [`probe`] checks; [`admin`] HTTP; [`notify`] sinks; [`telemetry`] logs |
//! | 7 | [`app`] bind, spawn, ready, drain; [`cli`]; [`drill`]; [`demo`] |
//!
//! One query: receive, parse, load the snapshot, decide, encode, send. One probe result: observed,
//! tracked, and only a flip compiles a selector and publishes. One edit: loaded whole or not at all.

pub mod admin;
pub mod answer;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod dns;
pub mod drill;
pub mod health;
pub mod model;
pub mod notify;
pub mod policy;
pub mod probe;
pub mod serve;
pub mod snapshot;
pub mod telemetry;
