//! `/v1/drills`.

use serde::Deserialize;

use super::{Millis, Text, Time};

/// A region failed on purpose.
#[derive(Debug, Deserialize)]
pub(crate) struct Drill {
    pub(crate) id: Text,
    /// `running`, `restoring`, `done`, `aborted`.
    pub(crate) state: Text,
    pub(crate) region: Text,
    pub(crate) author: Text,
    pub(crate) reason: Text,
    #[serde(default)]
    pub(crate) scheduled: Option<Text>,
    pub(crate) begun: Time,
    pub(crate) for_ms: Millis,
    #[serde(default)]
    pub(crate) rto_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) met: Option<bool>,
    #[serde(default)]
    pub(crate) detect_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) answer_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) recovery: Option<Recovery>,
    #[serde(default)]
    pub(crate) restored_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) failback_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) pools: Vec<DrillPool>,
    #[serde(default)]
    pub(crate) resolvers: Vec<Resolver>,
    #[serde(default)]
    pub(crate) queries: Option<Queries>,
    #[serde(default)]
    pub(crate) note: Option<Text>,
}

/// Until nobody had to hold an address of the region any more: what the target is about.
#[derive(Debug, Deserialize)]
pub(crate) struct Recovery {
    pub(crate) ttl_ms: Millis,
    pub(crate) total_ms: Millis,
}

/// What one pool did meanwhile.
#[derive(Debug, Deserialize)]
pub(crate) struct DrillPool {
    pub(crate) name: Text,
    #[serde(rename = "type")]
    pub(crate) rtype: Text,
    #[serde(default)]
    pub(crate) detect_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) answer_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) failback_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) before: Vec<Text>,
    #[serde(default)]
    pub(crate) during: Vec<Text>,
    #[serde(default)]
    pub(crate) after: Vec<Text>,
}

/// When a resolver saw the changed answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolver {
    pub(crate) address: Text,
    #[serde(default)]
    pub(crate) seen_ms: Option<Millis>,
    #[serde(default)]
    pub(crate) error: Option<Text>,
}

/// What was asked meanwhile.
#[derive(Debug, Deserialize)]
pub(crate) struct Queries {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) bad: u64,
}

impl Drill {
    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(&*self.state, "done" | "aborted")
    }
}
