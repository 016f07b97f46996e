//! From a query's bytes to a reply's bytes.
