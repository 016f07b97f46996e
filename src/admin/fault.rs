//! Errors of the API: a status, a stable code, and a text that names the remedy.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::ask::{AUTHOR_CHARS_MAX, BODY_BYTES_MAX, BODY_TIME, REASON_CHARS_MAX};
use super::desk::{Refusal, RefusalKind, ReloadFailed};
use super::stream::STREAMS_MAX;
use crate::control::{NoSuchPool, OverrideRefused, Refused, Stopped};
use crate::health::{OVERRIDES_MAX, Scope};

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("there is no such path; /v1/openapi.json lists all of them")]
    NoPath,
    #[error("this path does not take {0}; /v1/openapi.json lists what it takes")]
    NoMethod(Method),
    #[error(
        "this node does not know itself by the Host of the request; ask by address, or add the name to [admin] hosts"
    )]
    HostNotKnown,
    #[error("the request comes from a page of another site, which may not change anything here")]
    ForeignOrigin,
    #[error("a token is needed: send Authorization: Bearer TOKEN")]
    TokenMissing,
    #[error("this token is not known; it must be that of [admin] read_token or write_token")]
    TokenWrong,
    #[error("this token may only read; changes need that of [admin] write_token")]
    TokenReadOnly,
    #[error("send the body as JSON, with Content-Type: application/json")]
    NotJson,
    #[error("the body is longer than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    #[error("the body did not come as a whole")]
    BodyBroken,
    #[error("the body did not come as a whole within {}s", BODY_TIME.as_secs())]
    BodySlow,
    #[error("the body is not as it must be: {0}")]
    BodyWrong(#[source] serde_json::Error),
    #[error("{0}")]
    QueryWrong(String),
    #[error("\"author\" is missing: say who you are")]
    AuthorMissing,
    #[error("\"author\" is longer than {AUTHOR_CHARS_MAX} characters")]
    AuthorLong,
    #[error("\"reason\" is missing: say why, for those who read it at night")]
    ReasonMissing,
    #[error("\"reason\" is longer than {REASON_CHARS_MAX} characters")]
    ReasonLong,
    #[error("\"{0}\" is not a pool; write ZONE/POOL, as in app.example.com/app")]
    PoolWrong(String),
    #[error("\"{0}\" is not an endpoint; write ZONE/POOL/ENDPOINT, as in app.example.com/app/us-east")]
    EndpointWrong(String),
    #[error("\"{0}\" is not a domain name")]
    NameWrong(String),
    #[error("\"{0}\" is not a type of records; write A, AAAA, MX, or TYPE65 for others")]
    TypeWrong(String),
    #[error("\"{0}\" is not a client; write an address, as 203.0.113.7, or a network, as 203.0.113.0/24")]
    ClientWrong(String),
    #[error("\"for_ms\" is 0: leave it out for an override that lasts until it is cleared")]
    LastsNothing,
    #[error("there is no pool {0}; /v1/pools lists all of them")]
    PoolUnknown(String),
    #[error("there is no {0}; /v1/status lists everything that can be overridden")]
    ScopeUnknown(Scope),
    #[error("{0} is not overridden; /v1/overrides lists what is")]
    OverrideNotSet(Scope),
    #[error("{OVERRIDES_MAX} overrides are in force; clear some first")]
    OverridesMax,
    #[error("there is no drill {0}; /v1/drills lists all of them")]
    DrillUnknown(String),
    #[error("there is no sink {0}; /v1/sinks lists all of them")]
    SinkUnknown(String),
    #[error("{STREAMS_MAX} streams of events are open; close one, or ask without Accept: text/event-stream")]
    StreamsMax,
    #[error(transparent)]
    Reload(#[from] ReloadFailed),
    #[error("{}", .0.message)]
    Refused(Refusal),
    #[error("the node is stopping")]
    Stopping,
}

/// What an error looks like.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FaultJson {
    /// A stable word for programs.
    code: &'static str,
    /// For people, in lower case, with the remedy.
    message: String,
    /// The diagnostics of files with errors, as `pharos check` prints them; only of `config-invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<Vec<String>>,
}

impl Fault {
    /// Status and code.
    fn parts(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::NoPath => (S::NOT_FOUND, "not-found"),
            Self::NoMethod(_) => (S::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::HostNotKnown => (S::MISDIRECTED_REQUEST, "host-not-known"),
            Self::ForeignOrigin => (S::FORBIDDEN, "foreign-origin"),
            Self::TokenMissing => (S::UNAUTHORIZED, "token-missing"),
            Self::TokenWrong => (S::UNAUTHORIZED, "token-wrong"),
            Self::TokenReadOnly => (S::FORBIDDEN, "token-read-only"),
            Self::NotJson => (S::UNSUPPORTED_MEDIA_TYPE, "not-json"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body-too-large"),
            Self::BodyBroken => (S::BAD_REQUEST, "body-broken"),
            Self::BodySlow => (S::REQUEST_TIMEOUT, "body-slow"),
            Self::BodyWrong(_) => (S::BAD_REQUEST, "body-wrong"),
            Self::QueryWrong(_) => (S::BAD_REQUEST, "query-wrong"),
            Self::AuthorMissing => (S::BAD_REQUEST, "author-missing"),
            Self::AuthorLong => (S::BAD_REQUEST, "author-long"),
            Self::ReasonMissing => (S::BAD_REQUEST, "reason-missing"),
            Self::ReasonLong => (S::BAD_REQUEST, "reason-long"),
            Self::PoolWrong(_) => (S::BAD_REQUEST, "pool-wrong"),
            Self::EndpointWrong(_) => (S::BAD_REQUEST, "endpoint-wrong"),
            Self::NameWrong(_) => (S::BAD_REQUEST, "name-wrong"),
            Self::TypeWrong(_) => (S::BAD_REQUEST, "type-wrong"),
            Self::ClientWrong(_) => (S::BAD_REQUEST, "client-wrong"),
            Self::LastsNothing => (S::BAD_REQUEST, "for-wrong"),
            Self::PoolUnknown(_) | Self::ScopeUnknown(Scope::Pool(_)) => (S::NOT_FOUND, "pool-unknown"),
            Self::ScopeUnknown(Scope::Endpoint { .. }) => (S::NOT_FOUND, "endpoint-unknown"),
            Self::ScopeUnknown(Scope::Region(_)) => (S::NOT_FOUND, "region-unknown"),
            Self::OverrideNotSet(_) => (S::NOT_FOUND, "override-not-set"),
            Self::OverridesMax => (S::CONFLICT, "overrides-max"),
            Self::DrillUnknown(_) => (S::NOT_FOUND, "drill-unknown"),
            Self::SinkUnknown(_) => (S::NOT_FOUND, "sink-unknown"),
            Self::StreamsMax => (S::SERVICE_UNAVAILABLE, "streams-max"),
            Self::Reload(ReloadFailed::Invalid(_)) => (S::UNPROCESSABLE_ENTITY, "config-invalid"),
            Self::Reload(ReloadFailed::NotReady) => (S::SERVICE_UNAVAILABLE, "not-ready"),
            Self::Reload(ReloadFailed::Refused(refused)) => match refused {
                Refused::LastHealthy(_) => (S::CONFLICT, "reload-last-healthy"),
                Refused::ZonesGone(_) => (S::CONFLICT, "reload-zones-gone"),
                Refused::NoZoneLeft => (S::CONFLICT, "reload-no-zone-left"),
                Refused::RecordsGone(_) => (S::CONFLICT, "reload-records-gone"),
                Refused::Superseded => (S::CONFLICT, "reload-superseded"),
                Refused::Stopped => (S::SERVICE_UNAVAILABLE, "stopping"),
            },
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "stopping"),
            Self::Refused(refusal) => {
                let status = match refusal.kind {
                    RefusalKind::Wrong => S::BAD_REQUEST,
                    RefusalKind::Missing => S::NOT_FOUND,
                    RefusalKind::Conflict => S::CONFLICT,
                    RefusalKind::Unavailable => S::SERVICE_UNAVAILABLE,
                };
                (status, refusal.code)
            }
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, code) = self.parts();
        let message = self.to_string();
        let diagnostics = match self {
            Self::Reload(ReloadFailed::Invalid(diagnostics)) => Some(diagnostics),
            _ => None,
        };
        let mut response = (status, Json(FaultJson { code, message, diagnostics })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // A 401 says how to do better (RFC 9110, 15.5.2).
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Stopped> for Fault {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopping
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<OverrideRefused> for Fault {
    fn from(refused: OverrideRefused) -> Self {
        match refused {
            OverrideRefused::Nothing(scope) => Self::ScopeUnknown(scope),
            OverrideRefused::NotSet(scope) => Self::OverrideNotSet(scope),
            OverrideRefused::TooMany(_) => Self::OverridesMax,
            OverrideRefused::Stopped => Self::Stopping,
        }
    }
}

impl From<NoSuchPool> for Fault {
    fn from(error: NoSuchPool) -> Self {
        match error {
            NoSuchPool::Unknown(pool) => Self::PoolUnknown(pool.to_string()),
            NoSuchPool::Stopped(_) => Self::Stopping,
        }
    }
}
