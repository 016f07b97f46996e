//! Liveness and readiness, for supervisors and load balancers.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::admin::desk::Desks;
use crate::admin::routes::Readiness;
use crate::control::Handle;

/// How long the thread of the checks may take to say that it is there. It does all else first that it
/// was asked before.
const ALIVE_TIME: Duration = Duration::from_secs(2);

/// Whether the node makes progress: the thread that decides, those that answer queries, and the checks.
#[utoipa::path(get, path = "/healthz", tag = "node", responses(
    (status = 200, body = String, description = "`ok`", content_type = "text/plain"),
    (status = 503, body = String, description = "What hangs.", content_type = "text/plain"),
))]
pub(in crate::admin) async fn healthz(State(control): State<Handle>, State(desks): State<Desks>) -> Response {
    let unwell = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("not alive: {why}\n")).into_response();
    match timeout(ALIVE_TIME, control.alive()).await {
        Err(_) => return unwell(format!("control has not answered for {}", humantime::format_duration(ALIVE_TIME))),
        Ok(Err(stopped)) => return unwell(stopped.to_string()),
        Ok(Ok(())) => {}
    }
    match desks.pulse.progress() {
        Ok(()) => "ok\n".into_response(),
        Err(stalled) => unwell(stalled.to_string()),
    }
}

/// Whether the node can be sent queries.
#[utoipa::path(get, path = "/readyz", tag = "node", responses(
    (status = 200, body = String, description = "`ready`", content_type = "text/plain"),
    (status = 503, body = String, description = "Why not.", content_type = "text/plain"),
))]
pub(in crate::admin) async fn readyz(State(readiness): State<watch::Receiver<Readiness>>) -> Response {
    match &*readiness.borrow() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::Not(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}
