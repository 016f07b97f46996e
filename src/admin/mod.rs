//! The admin API and the dashboard over HTTP: what the node does and why, and what people order.
//!
//! It reads what the node publishes, and changes it only through control's handle and the [`desk`]s.
//! Who may do what is said in `access`; every request passes `guard`. No CORS, no cookies: a web page of
//! another site can neither read nor change anything here.

mod access;
mod ask;
pub mod desk;
mod explain;
mod fault;
mod guard;
mod listener;
mod openapi;
mod patience;
mod route;
mod routes;
mod server;
mod shape;
mod stream;
mod web;

pub use access::Access;
pub use listener::{BindError, Listener, Shown};
pub use routes::{Readiness, View, router};
pub use server::run;
