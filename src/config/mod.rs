//! From text to model: `pharos.toml`, master files, steering, and diagnostics with the place and a
//! suggestion for everything that is wrong in them.
//!
//! Text becomes a spec (each value checked by itself), a spec is lowered to the model (defaults
//! applied, references resolved, keys compared). Nothing of the specs leaves this room.

pub mod diag;
pub(crate) mod duration;
mod files;
mod folder;
mod load;
mod lower;
pub mod master;
mod secret;
mod spec;
mod toml;
mod zone;

pub use load::{Loaded, Report, load, load_own};
pub use secret::{SecretError, read_secret};
pub use spec::{ADDRESSES_MAX, ENDPOINTS_MAX};
