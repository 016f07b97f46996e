//! From text to model: master files, TOML, diagnostics.

pub mod diag;
pub mod master;
