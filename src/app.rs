//! Bind, spawn, ready, drain.
