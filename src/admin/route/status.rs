//! The node as it is: status, pools, endpoints, metrics.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::admin::ask::pool_id;
use crate::admin::desk::{Desks, Exposition};
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::routes::Began;
use crate::admin::shape::pools::{PoolEndpointJson, PoolItemJson, TracedPoolJson};
use crate::admin::shape::status::{Around, StatusJson};
use crate::control::Handle;

/// The node at one moment: zones, pools, endpoints, what their checks saw, what is answered.
#[utoipa::path(get, path = "/v1/status", tag = "node", responses(
    (status = 200, body = StatusJson),
    (status = 503, body = FaultJson),
))]
pub(in crate::admin) async fn status(
    State(control): State<Handle>,
    State(desks): State<Desks>,
    State(began): State<Began>,
) -> Result<Json<StatusJson>, Fault> {
    let status = control.status().await?;
    let around =
        Around { uptime: began.0.elapsed(), queries: desks.pulse.queries(), last_event: control.history().last() };
    Ok(Json(StatusJson::of(&status, around)))
}

/// Every pool of every zone.
#[utoipa::path(get, path = "/v1/pools", tag = "node", responses(
    (status = 200, body = Vec<PoolItemJson>),
    (status = 503, body = FaultJson),
))]
pub(in crate::admin) async fn pools(State(control): State<Handle>) -> Result<Json<Vec<PoolItemJson>>, Fault> {
    Ok(Json(control.status().await?.pools().map(PoolItemJson::of).collect()))
}

/// One pool, with the steps that led to its answers.
#[utoipa::path(get, path = "/v1/pools/{zone}/{pool}", tag = "node",
    params(
        ("zone" = String, Path, description = "The name of the zone; a slash in it is `%2F`."),
        ("pool" = String, Path, description = "The name of the pool."),
    ),
    responses(
        (status = 200, body = TracedPoolJson),
        (status = 404, body = FaultJson),
        (status = 503, body = FaultJson),
    ))]
pub(in crate::admin) async fn pool(
    State(control): State<Handle>,
    Path((zone, pool)): Path<(String, String)>,
) -> Result<Json<TracedPoolJson>, Fault> {
    let text = format!("{zone}/{pool}");
    let status = control.status().await?;
    let found = pool_id(&text).and_then(|id| status.pool(&id));
    Ok(Json(TracedPoolJson::of(found.ok_or(Fault::PoolUnknown(text))?)))
}

/// Every endpoint of every pool.
#[utoipa::path(get, path = "/v1/endpoints", tag = "node", responses(
    (status = 200, body = Vec<PoolEndpointJson>),
    (status = 503, body = FaultJson),
))]
pub(in crate::admin) async fn endpoints(State(control): State<Handle>) -> Result<Json<Vec<PoolEndpointJson>>, Fault> {
    Ok(Json(control.status().await?.pools().flat_map(PoolEndpointJson::all_of).collect()))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "node", responses((status = 200, body = String, content_type = "text/plain")))]
pub(in crate::admin) async fn metrics(State(desks): State<Desks>) -> Response {
    let Exposition { content_type, text } = desks.metrics.text().await;
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
