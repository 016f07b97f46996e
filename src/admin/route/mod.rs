//! What each path does.

pub(super) mod drills;
pub(super) mod events;
pub(super) mod explain;
pub(super) mod health;
pub(super) mod orders;
pub(super) mod reload;
pub(super) mod sinks;
pub(super) mod status;
pub(super) mod whoami;
