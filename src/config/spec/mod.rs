//! What the TOML files can say, key by key: each value checked by itself, nothing combined yet.
//!
//! A key is known because some reader here asks for it; there is no second list of keys.

mod admin;
mod check;
mod drill;
mod http;
mod node;
mod pool;
mod reach;
mod sink;
mod text;
mod zone;

pub use pool::{ADDRESSES_MAX, ENDPOINTS_MAX};

pub(super) use admin::AdminSpec;
pub(super) use check::{CheckSpec, Kind, read_check};
pub(super) use drill::DrillSpec;
pub(super) use node::{Defaults, NODE_NAME_LEN_MAX, NodeSpec, read_node};
pub(super) use pool::{EndpointSpec, PoolHabits, PoolSpec, Target};
pub(super) use sink::{EmailSpec, SinkSpec, TargetSpec};
pub(super) use text::is_host_name;
pub(super) use zone::{ApexSpec, ZoneSpec, read_zone};
