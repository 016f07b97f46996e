//! `/v1/sinks`.

use serde::Deserialize;

use super::{Millis, Text, Time};

/// Where events are sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Sink {
    pub(crate) name: Text,
    #[serde(rename = "type")]
    pub(crate) kind: Text,
    /// `ok`, `failing`, `open`.
    pub(crate) state: Text,
    #[serde(default)]
    pub(crate) pending: u64,
    #[serde(default)]
    pub(crate) delivered: u64,
    #[serde(default)]
    pub(crate) failed: u64,
    #[serde(default)]
    pub(crate) last_error: Option<Text>,
    #[serde(default)]
    pub(crate) last_delivered: Option<Time>,
}

/// What became of a test.
#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) delivered: bool,
    #[serde(default)]
    pub(crate) took_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) error: Option<Text>,
}
