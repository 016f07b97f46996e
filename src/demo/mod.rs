//! The whole thing on loopback.
