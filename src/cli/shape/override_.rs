//! `/v1/overrides`.

use serde::{Deserialize, Serialize};

use super::{Text, Time};

/// What an order is about, as the API writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// `app.example.com/app/us-east`
    Endpoint(String),
    Region(String),
    /// `app.example.com/app`
    Pool(String),
}

/// What an operator ordered.
#[derive(Debug, Deserialize)]
pub(crate) struct Override {
    /// `endpoint us-east of app.example.com/app`
    pub(crate) scope: Text,
    #[serde(default)]
    pub(crate) target: Option<Scope>,
    /// `up`, `down`, `drain`.
    pub(crate) force: Text,
    pub(crate) reason: Text,
    pub(crate) author: Text,
    pub(crate) set: Time,
    #[serde(default)]
    pub(crate) expires: Option<Time>,
}

/// What became of an order.
#[derive(Debug, Deserialize)]
pub(crate) struct Cleared {
    #[serde(rename = "override")]
    pub(crate) order: Override,
    /// False: a restart would lose it.
    pub(crate) saved: bool,
}
