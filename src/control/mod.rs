//! The only writer: takes in what probes see and what people order, and publishes what is answered.
//!
//! One task owns the [`world`]; everybody else has a [`Handle`], which sends it commands through a
//! bounded channel, and read-only outputs: the snapshot store, what must be probed, readiness,
//! events. A probe result that turns a verdict compiles the pools that look at it, and a snapshot
//! that shares all else is published at once.
//!
//! Absent on purpose: probing, reading configuration, listening.

mod clock;
mod describe;
mod diff;
mod drill;
mod drilling;
mod event;
mod figures;
pub mod file;
mod guard;
mod handle;
mod history;
mod isolation;
mod journal;
mod key;
mod orders;
mod publisher;
mod recent;
mod reconcile;
mod record;
mod recorder;
mod reload;
mod retired;
mod round;
mod run;
mod save;
mod saved;
mod state;
mod status;
mod targets;
mod watchdog;
mod world;

use std::time::Duration;

pub use diff::{Change, Detail, How, What};
pub use drill::{DrillChange, DrillEnd, DrillOrder, DrillRefused, DrillStatus, NoSuchDrill};
pub use event::{Answer, By, Event, Kind, LONG, OverrideChange};
pub use figures::{BOUNDS, Figures, Histogram, Phase, Reloads, Results};
pub use guard::{Consent, Loss, Refused};
pub use handle::{Handle, NoSuchPool, Stopped, Watches};
pub use history::{Filter, HISTORY_MAX, History};
pub use isolation::Witnesses;
pub use orders::{Clear, Order, Ordered, OverrideRefused};
pub use recent::{RECENT_MAX, Recent};
pub use record::{EventId, Record, Severity, Stage, Topic, rfc3339};
pub use reload::Applied;
pub use run::{NotCompiled, start};
pub use saved::{Saved, SavedError, VERDICT_AGE_MAX};
pub use state::{StateError, StateFile};
pub use status::{
    AddressStatus, AnswerStatus, CheckStatus, EndpointStatus, HoldStatus, PoolStatus, SnapshotStatus, Status,
    ZoneStatus,
};

use crate::model::check::Pace;

/// The reply to an observation that nobody waits for: its target is no longer watched.
const PACE_OF_NOBODY: Pace = Pace { after: Duration::from_secs(10), more: 0 };
