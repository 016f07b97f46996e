//! `GET /v1/events`: what happened, as a list or as a stream.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::admin::ask::Asked;
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::server::Lease;
use crate::admin::shape::event::{EventJson, EventsJson, EventsQuery};
use crate::admin::stream::Streams;
use crate::control::{EventId, Handle};

/// What a browser sends with a stream that it asks for again (HTML, 9.2.4).
const LAST_EVENT_ID: &str = "last-event-id";

/// What happened: a list, or with `Accept: text/event-stream` a stream of server-sent events, each with
/// `id`, `event` (its kind) and `data`. A stream with `after` or `Last-Event-ID` begins with what is kept;
/// where what followed that event is kept no longer, the comment `: events before ID are gone` comes first.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(EventsQuery, ("Last-Event-ID" = Option<u64>, Header, description = "As `after`, for streams.")),
    responses(
        (status = 200, content((EventsJson = "application/json"), (String = "text/event-stream"))),
        (status = 400, body = FaultJson),
        (status = 503, body = FaultJson, description = "Too many streams are open."),
    ))]
pub(in crate::admin) async fn events(
    State(control): State<Handle>,
    State(streams): State<Arc<Streams>>,
    lease: Option<Extension<Lease>>,
    headers: HeaderMap,
    Asked(query): Asked<EventsQuery>,
) -> Result<Response, Fault> {
    let wanted = query.lower()?;
    let history = Arc::clone(control.history());
    if wants_stream(&headers) {
        let after = last_event_id(&headers)?.or(wanted.after);
        let response = streams.open(history, wanted.filter, after)?;
        if let Some(Extension(lease)) = lease {
            lease.lengthen();
        }
        return Ok(response);
    }
    let found = match wanted.after {
        Some(id) => history.after(id, wanted.limit, &wanted.filter),
        None => history.newest(wanted.limit, &wanted.filter),
    };
    let oldest = history.oldest().map(|id| id.0);
    Ok(Json(EventsJson { events: found.into_iter().map(EventJson).collect(), oldest }).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Fault> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(|id| Some(EventId(id))).ok_or_else(|| Fault::QueryWrong("\"Last-Event-ID\" is not an id of an event".into()))
}
