//! The listeners over real sockets, with a responder that tells what it was given.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod binding;
mod fake;
mod tcp;
mod tcp_limits;
mod tcp_stop;
mod udp;
