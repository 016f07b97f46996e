//! Notifications: how each sink is, and a test of one.

use axum::Json;
use axum::extract::{Path, State};

use crate::admin::ask::Body;
use crate::admin::desk::Desks;
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::shape::sink::{SinkJson, SinkTestAsk, SinkTestJson};

/// Every sink of notifications, in the order of the file.
#[utoipa::path(get, path = "/v1/sinks", tag = "sinks", responses((status = 200, body = Vec<SinkJson>)))]
pub(in crate::admin) async fn list(State(desks): State<Desks>) -> Json<Vec<SinkJson>> {
    Json(desks.sinks.list().await.into_iter().map(SinkJson::of).collect())
}

/// Sends a test event through a sink now. 200 whether it was delivered or not.
#[utoipa::path(post, path = "/v1/sinks/{name}/test", tag = "sinks", request_body = SinkTestAsk,
    params(("name" = String, Path, description = "`notify.NAME`")),
    responses(
        (status = 200, body = SinkTestJson),
        (status = 400, body = FaultJson),
        (status = 404, body = FaultJson, description = "There is no such sink."),
    ))]
pub(in crate::admin) async fn test(
    State(desks): State<Desks>,
    Path(name): Path<String>,
    Body(ask): Body<SinkTestAsk>,
) -> Result<Json<SinkTestJson>, Fault> {
    let by = ask.lower()?;
    let tested = desks.sinks.test(&name, by).await.ok_or(Fault::SinkUnknown(name))?;
    Ok(Json(SinkTestJson::of(tested)))
}
