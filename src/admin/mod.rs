//! The admin listener: liveness, readiness, status and the dashboard over HTTP, on loopback or a unix socket.
//!
//! It reads what the node publishes and changes nothing. No CORS, no cookies, no bodies: what a web
//! page of another origin could do to it is nothing, and the `Host` header is checked so that it
//! cannot be read by one either.

mod listener;
mod routes;
mod server;
mod status;
mod web;

pub use listener::{BindError, Listener, Shown};
pub use routes::{Readiness, View, router};
pub use server::run;
