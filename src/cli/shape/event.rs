//! `GET /v1/events`.

use serde::Deserialize;

use super::{Text, Time};

/// Something that happened.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) time: Time,
    /// `critical`, `warning`, `info`.
    pub(crate) severity: Text,
    /// `firing`, `resolved`, `note`.
    pub(crate) state: Text,
    pub(crate) text: Text,
}
