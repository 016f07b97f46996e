//! Paths, and who may ask.

use std::net::IpAddr;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::watch;

use super::server::Origin;
use super::{status, web};
use crate::control::Handle;

/// Nothing here takes a body.
const BODY_BYTES_MAX: usize = 1024;

/// Whether the node can be sent queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet or no longer, and why.
    Not(&'static str),
    /// Zones are loaded, each target was checked, every listener answers.
    Ready,
}

/// What the API shows.
#[derive(Clone)]
pub struct View {
    /// Asked for its status.
    pub control: Handle,
    /// Watched for `/readyz`.
    pub readiness: watch::Receiver<Readiness>,
}

/// The API: `/healthz`, `/readyz`, `/v1/status`.
pub fn router(view: View) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/v1/status", get(status::status))
        .merge(web::routes())
        .fallback(async || Fault::new(StatusCode::NOT_FOUND, "not-found", "no such path"))
        .method_not_allowed_fallback(async || {
            Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path can only be read")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(view)
}

async fn readyz(State(view): State<View>) -> Response {
    match &*view.readiness.borrow() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::Not(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}

/// An error of the API: a stable code, and a text.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    #[serde(skip)]
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl Fault {
    pub(super) fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

/// Refuses requests for other hosts than this one: a web page whose name was rebound to 127.0.0.1
/// still sends its own name. Answers are never cached or sniffed.
async fn guard(request: Request, next: Next) -> Response {
    let unix = request.extensions().get::<Origin>() == Some(&Origin::Unix);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = if unix || host.is_some_and(is_loopback) {
        next.run(request).await
    } else {
        Fault::new(StatusCode::MISDIRECTED_REQUEST, "host-not-loopback", "ask as localhost, 127.0.0.1 or [::1]")
            .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether a `Host` header names the loopback, with or without a port.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => return false,
        },
        None => host.split_once(':').unwrap_or((host, "")),
    };
    port.bytes().all(|b| b.is_ascii_digit())
        && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_asked_for() {
        for host in ["localhost", "LocalHost:8053", "127.0.0.1", "127.0.0.1:8053", "127.9.9.9", "[::1]", "[::1]:8053"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:8053", "10.0.0.1", "[::2]:80", "[::1", "::1", "127.0.0.1:x"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
