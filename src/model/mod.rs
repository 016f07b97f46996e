//! The validated domain: what a node is told to do, free of files, text and serde.
//!
//! `config` makes these values and has checked them; every other room trusts them.

pub mod check;
pub mod drill;
pub mod event;
pub mod node;
pub mod observation;
pub mod pool;
mod room;
pub mod secret;
pub mod sink;
pub mod time;
pub mod zone;

pub(crate) use room::roomy;

use std::fmt;
use std::sync::Arc;

/// A short name that a user gave to a thing: cheap to clone, compared by its text.
macro_rules! label {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            #[must_use]
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

label! {
    /// The name of a pool, unique within its zone.
    PoolName;
    /// The name of an endpoint, unique within its pool.
    EndpointName;
    /// The name of a region: the set of endpoints that carry it.
    Region;
    /// The name of a check, unique within its zone.
    CheckName;
}
