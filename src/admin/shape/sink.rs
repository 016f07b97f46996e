//! Notifications.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{millis, time};
use crate::admin::ask::by;
use crate::admin::desk::{SinkState, SinkTested, SinkView};
use crate::admin::fault::Fault;
use crate::control::By;

/// A sink of notifications.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct SinkJson {
    /// `notify.NAME`.
    name: String,
    /// As the key `type` has it.
    r#type: &'static str,
    state: SinkStateJson,
    /// Events that wait for delivery.
    pending: u64,
    delivered: u64,
    failed: u64,
    /// Events given up: refused, too old, or gone from the history.
    lost: u64,
    last_error: Option<String>,
    last_delivered: Option<String>,
}

/// How a sink is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SinkStateJson {
    /// It takes what it is sent.
    Ok,
    /// The last delivery failed, and is tried again.
    Failing,
    /// It failed so often that it is given a rest.
    Open,
}

/// Sends a test event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct SinkTestAsk {
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// What became of a test event.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct SinkTestJson {
    delivered: bool,
    took_ms: f64,
    /// Why it was not.
    error: Option<String>,
}

impl SinkTestAsk {
    pub(in crate::admin) fn lower(self) -> Result<By, Fault> {
        let Self { author, reason } = self;
        by(author.as_deref(), reason.as_deref())
    }
}

impl SinkJson {
    pub(in crate::admin) fn of(sink: SinkView) -> Self {
        let SinkView { name, kind, state, pending, delivered, failed, lost, last_error, last_delivered } = sink;
        let state = match state {
            SinkState::Ok => SinkStateJson::Ok,
            SinkState::Failing => SinkStateJson::Failing,
            SinkState::Open => SinkStateJson::Open,
        };
        let last_delivered = last_delivered.map(time);
        Self { name, r#type: kind, state, pending, delivered, failed, lost, last_error, last_delivered }
    }
}

impl SinkTestJson {
    pub(in crate::admin) fn of(tested: SinkTested) -> Self {
        let SinkTested { took, error } = tested;
        Self { delivered: error.is_none(), took_ms: millis(took), error }
    }
}
