//! `POST /v1/reload`.

use serde::Deserialize;

use super::{Text, Time};

/// What changed, or would.
#[derive(Debug, Deserialize)]
pub(crate) struct Reload {
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
    #[serde(default)]
    pub(crate) checks_started: usize,
    #[serde(default)]
    pub(crate) checks_stopped: usize,
    /// Keys that are read at start only.
    #[serde(default)]
    pub(crate) restart_needed: Vec<Text>,
    /// Diagnostics of several lines, each printed line by line.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    /// When the changes were put in force without being asked for, where that was just before.
    #[serde(default)]
    pub(crate) taken_up_by_watch: Option<Time>,
}

/// One thing that differs.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    /// `added`, `removed`, `changed`.
    pub(crate) how: Text,
    /// `pool`, `zone`, `endpoint`, `node`.
    pub(crate) what: Text,
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) details: Vec<Detail>,
}

/// One key of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Detail {
    pub(crate) key: Text,
    #[serde(default)]
    pub(crate) before: Option<Text>,
    #[serde(default)]
    pub(crate) after: Option<Text>,
}

/// A configuration with errors.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    #[serde(default)]
    pub(crate) diagnostics: Vec<String>,
}
