//! What every request passes before it reaches a route, and every answer on its way back.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Access, Came, Grant, is_own_origin};
use super::fault::Fault;
use super::{openapi, web};

/// Paths that need no token, beside the page (which needs one for its data): liveness for supervisors,
/// and what describes the API. All others need one, those that do not exist included.
const OPEN: [&str; 4] = ["/healthz", "/readyz", openapi::PATH, "/v1/whoami"];

/// Nothing that this API answers is a page, but for the page itself, which has a policy of its own.
const NO_PAGE: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a path needs no token.
pub(super) fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || web::has(path)
}

/// Refuses requests for other hosts, from pages of other sites, and without the right token. Answers are
/// never sniffed, framed or cached.
pub(super) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let mut response = match allow(&access, &request) {
        Ok(grant) => {
            let mut request = request;
            request.extensions_mut().insert(grant);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    };
    secure(response.headers_mut());
    response
}

fn allow(access: &Access, request: &Request) -> Result<Grant, Fault> {
    // A request of which nobody said how it came is not let in.
    let came = *request.extensions().get::<Came>().ok_or(Fault::HostNotKnown)?;
    let (headers, method, path) = (request.headers(), request.method(), request.uri().path());
    // The target of the request may carry the host instead (RFC 9112, 3.2.2), and then it rules.
    let host = request.uri().authority().map(|authority| authority.as_str());
    let host = host.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
    if !access.knows_host(came, host) {
        return Err(Fault::HostNotKnown);
    }
    if !method.is_safe()
        && let Some(origin) = headers.get(header::ORIGIN)
        && !origin.to_str().is_ok_and(|origin| is_own_origin(origin, host))
    {
        return Err(Fault::ForeignOrigin);
    }
    let grant = access.grant(came, headers.get(header::AUTHORIZATION));
    if is_open(path) && method.is_safe() {
        // A wrong token here opens nothing, and closes nothing.
        return Ok(grant.unwrap_or(Grant::None));
    }
    match (grant?, Grant::needed(method)) {
        (Grant::None, _) => Err(Fault::TokenMissing),
        (has, needs) if has < needs => Err(Fault::TokenReadOnly),
        (has, _) => Ok(has),
    }
}

fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, NO_PAGE),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
