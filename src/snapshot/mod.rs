//! The immutable world that queries are answered from.
