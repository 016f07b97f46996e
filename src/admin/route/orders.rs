//! Overrides and failback: what people order.

use axum::Json;
use axum::extract::State;

use crate::admin::ask::Body;
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::shape::orders::{ClearAsk, FailbackAsk, FailbackJson, OrderedJson, OverrideJson, SetAsk};
use crate::control::Handle;

/// The overrides in force: endpoints first, then regions, then pools.
#[utoipa::path(get, path = "/v1/overrides", tag = "orders", responses(
    (status = 200, body = Vec<OverrideJson>),
    (status = 503, body = FaultJson),
))]
pub(in crate::admin) async fn list(State(control): State<Handle>) -> Result<Json<Vec<OverrideJson>>, Fault> {
    let status = control.status().await?;
    Ok(Json(status.overrides.iter().map(|(scope, order)| OverrideJson::of(scope, order)).collect()))
}

/// Sets an override, in place of one of the same scope. It is in the answers and on disk when this
/// returns; `saved` is false where the disk refused it.
#[utoipa::path(put, path = "/v1/overrides", tag = "orders", request_body = SetAsk, responses(
    (status = 200, body = OrderedJson),
    (status = 400, body = FaultJson),
    (status = 404, body = FaultJson, description = "There is no such endpoint, region or pool."),
    (status = 409, body = FaultJson, description = "Too many overrides are in force."),
))]
pub(in crate::admin) async fn set(
    State(control): State<Handle>,
    Body(ask): Body<SetAsk>,
) -> Result<Json<OrderedJson>, Fault> {
    Ok(Json(OrderedJson::of(&control.set_override(ask.lower()?).await?)))
}

/// Clears the override of exactly this scope.
#[utoipa::path(delete, path = "/v1/overrides", tag = "orders", request_body = ClearAsk, responses(
    (status = 200, body = OrderedJson),
    (status = 400, body = FaultJson),
    (status = 404, body = FaultJson, description = "It is not overridden."),
))]
pub(in crate::admin) async fn clear(
    State(control): State<Handle>,
    Body(ask): Body<ClearAsk>,
) -> Result<Json<OrderedJson>, Fault> {
    Ok(Json(OrderedJson::of(&control.clear_override(ask.lower()?).await?)))
}

/// Lets a pool return whose endpoints are held.
#[utoipa::path(post, path = "/v1/failback", tag = "orders", request_body = FailbackAsk, responses(
    (status = 200, body = FailbackJson),
    (status = 400, body = FaultJson),
    (status = 404, body = FaultJson, description = "There is no such pool."),
))]
pub(in crate::admin) async fn failback(
    State(control): State<Handle>,
    Body(ask): Body<FailbackAsk>,
) -> Result<Json<FailbackJson>, Fault> {
    let (pool, by) = ask.lower()?;
    Ok(Json(FailbackJson { released: control.failback(pool, by).await? }))
}
