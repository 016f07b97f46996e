//! Telling people and programs what happened: one sink for each `[notify.NAME]`.
//!
//! What is to be told is the history that `control` keeps on disk. A sink has a cursor in it, the last
//! event it has dealt with, and goes on from there after a restart: each event that its filter lets
//! through is delivered at least once, in order. Sinks do not wait for each other, and nothing waits for
//! them.
//!
//! | file | what |
//! |---|---|
//! | `outbox` | starts, changes and watches the sinks; writes the cursors |
//! | `worker` | one sink: the next event, again and again until it is dealt with |
//! | `selection` | which events a sink is told of |
//! | `breaker` | when to try again |
//! | `progress` | how far a sink is, and how it fares |
//! | `ledger` | the file of cursors |
//! | `sink` | how each kind is spoken to |
//!
//! Absent on purpose: what happened (`control` decides and keeps it), and the API's shapes (`admin`).

mod breaker;
mod ledger;
mod outbox;
mod progress;
mod selection;
mod sink;
mod worker;

use std::time::{Duration, SystemTime};

pub use outbox::{Died, Handle, start};

/// How a sink fares, read only.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// `notify.NAME`.
    pub name: String,
    /// As the key `type` has it: `slack`.
    pub kind: &'static str,
    /// Whether it can be used: its secrets could be read, and are what its keys need.
    pub usable: bool,
    /// How it is.
    pub state: State,
    /// Events that wait for delivery.
    pub pending: u64,
    /// Events delivered since the start.
    pub delivered: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Events given up since the start: refused, too old, or gone from the history.
    pub lost: u64,
    /// Why the last attempt failed; none after a success. Holds no secret.
    pub last_error: Option<String>,
    /// When an event was last delivered.
    pub last_delivered: Option<SystemTime>,
}

/// How a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// It takes what it is sent, as far as is known.
    #[default]
    Ok,
    /// The last attempt failed.
    Failing,
    /// It failed so often in a row that it is tried only now and then.
    Open,
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// How long it took.
    pub took: Duration,
    /// Why it was not delivered.
    pub error: Option<String>,
}
