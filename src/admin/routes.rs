//! All paths, and the document that describes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::Access;
use super::desk::Desks;
use super::fault::Fault;
use super::guard::guard;
use super::route::{drills, events, explain, health, orders, reload, sinks, status, whoami};
use super::stream::Streams;
use super::{openapi, web};
use crate::control::Handle;

/// Whether the node can be sent queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet or no longer, and why.
    Not(&'static str),
    /// Zones are loaded, each target was checked, every listener answers.
    Ready,
}

/// What the API shows and asks.
#[derive(Clone)]
pub struct View {
    /// Asked for its status, and told what people order.
    pub control: Handle,
    /// Watched for `/readyz`.
    pub readiness: watch::Receiver<Readiness>,
    /// Who may do what.
    pub access: Access,
    /// Everything else.
    pub desks: Desks,
    /// Says true when streams shall end.
    pub stop: watch::Receiver<bool>,
}

/// What routes work with.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) control: Handle,
    pub(super) readiness: watch::Receiver<Readiness>,
    pub(super) access: Access,
    pub(super) desks: Desks,
    pub(super) streams: Arc<Streams>,
    pub(super) began: Began,
}

/// Parts of the room that routes ask for by their type.
macro_rules! parts {
    ($($field:ident: $part:ty,)+) => {$(
        impl FromRef<Room> for $part {
            fn from_ref(room: &Room) -> Self {
                room.$field.clone()
            }
        }
    )+};
}

parts! {
    control: Handle,
    readiness: watch::Receiver<Readiness>,
    access: Access,
    desks: Desks,
    streams: Arc<Streams>,
    began: Began,
}

/// When the API began, which is when the node did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began(pub(super) Instant);

/// The API.
pub fn router(view: View) -> Router {
    let View { control, readiness, access, desks, stop } = view;
    let streams = Arc::new(Streams::new(stop));
    let began = Began(Instant::now());
    let room = Room { control, readiness, access: access.clone(), desks, streams, began };
    let (router, document) = documented().split_for_parts();
    router
        .merge(openapi::router(document))
        .merge(web::routes())
        .fallback(async || Fault::NoPath)
        .method_not_allowed_fallback(async |method: Method| Fault::NoMethod(method))
        .layer(from_fn_with_state(access, guard))
        .with_state(room)
}

/// Every path that the document describes.
pub(super) fn documented() -> OpenApiRouter<Room> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(status::metrics))
        .routes(routes!(whoami::whoami))
        .routes(routes!(status::status))
        .routes(routes!(status::pools))
        .routes(routes!(status::pool))
        .routes(routes!(status::endpoints))
        .routes(routes!(explain::explain))
        .routes(routes!(orders::list, orders::set, orders::clear))
        .routes(routes!(orders::failback))
        .routes(routes!(reload::reload))
        .routes(routes!(events::events))
        .routes(routes!(drills::list, drills::begin))
        .routes(routes!(drills::find, drills::end))
        .routes(routes!(sinks::list))
        .routes(routes!(sinks::test))
}
