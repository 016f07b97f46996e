//! How things look in JSON. The words are those of the configuration. Times are RFC 3339 in UTC;
//! durations are milliseconds and end in `_ms`; what is unknown or does not apply is null.
//!
//! Nothing here leaves the room.

pub(super) mod drill;
pub(super) mod event;
pub(super) mod explain;
pub(super) mod orders;
pub(super) mod pools;
pub(super) mod reload;
pub(super) mod sink;
pub(super) mod status;
pub(super) mod trace;

use std::time::{Duration, SystemTime};

/// RFC 3339 with milliseconds.
pub(super) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Milliseconds, to the microsecond.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
