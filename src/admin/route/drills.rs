//! Drills: regions that fail on purpose.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::admin::ask::{Asked, Body};
use crate::admin::desk::Desks;
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::shape::drill::{DrillBeginAsk, DrillEndAsk, DrillFormat, DrillHeadJson, DrillJson, DrillQuery};

/// All drills that are known, the newest first, without what each pool did.
#[utoipa::path(get, path = "/v1/drills", tag = "drills", responses((status = 200, body = Vec<DrillHeadJson>)))]
pub(in crate::admin) async fn list(State(desks): State<Desks>) -> Json<Vec<DrillHeadJson>> {
    Json(desks.drills.list().await.iter().map(|report| DrillHeadJson::of(report)).collect())
}

/// Begins a drill: the checks of a region fail until it is over.
#[utoipa::path(post, path = "/v1/drills", tag = "drills", request_body = DrillBeginAsk, responses(
    (status = 201, body = DrillJson),
    (status = 400, body = FaultJson),
    (status = 409, body = FaultJson, description = "One is running, or nothing healthy would be left."),
))]
pub(in crate::admin) async fn begin(
    State(desks): State<Desks>,
    Body(ask): Body<DrillBeginAsk>,
) -> Result<Response, Fault> {
    let report = desks.drills.begin(ask.lower()?).await?;
    let location = HeaderValue::try_from(format!("/v1/drills/{}", report.id)).ok();
    let mut response = (StatusCode::CREATED, Json(DrillJson::of(&report))).into_response();
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    Ok(response)
}

/// A drill, running or over.
#[utoipa::path(get, path = "/v1/drills/{id}", tag = "drills",
    params(("id" = String, Path, description = "As `/v1/drills` lists it."), DrillQuery),
    responses(
        (status = 200, content((DrillJson = "application/json"), (String = "text/markdown"))),
        (status = 404, body = FaultJson, description = "There is no such drill."),
    ))]
pub(in crate::admin) async fn find(
    State(desks): State<Desks>,
    Path(id): Path<String>,
    Asked(query): Asked<DrillQuery>,
) -> Result<Response, Fault> {
    if query.format == Some(DrillFormat::Markdown) {
        let text = desks.drills.markdown(&id).await.ok_or(Fault::DrillUnknown(id))?;
        return Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response());
    }
    let report = desks.drills.find(&id).await.ok_or(Fault::DrillUnknown(id))?;
    Ok(Json(DrillJson::of(&report)).into_response())
}

/// Ends a running drill now, and restores what it changed.
#[utoipa::path(delete, path = "/v1/drills/{id}", tag = "drills", request_body = DrillEndAsk,
    params(("id" = String, Path, description = "As `/v1/drills` lists it.")),
    responses(
        (status = 200, body = DrillJson),
        (status = 400, body = FaultJson),
        (status = 404, body = FaultJson, description = "There is no such drill."),
        (status = 409, body = FaultJson, description = "It is over."),
    ))]
pub(in crate::admin) async fn end(
    State(desks): State<Desks>,
    Path(id): Path<String>,
    Body(ask): Body<DrillEndAsk>,
) -> Result<Json<DrillJson>, Fault> {
    let report = desks.drills.end(&id, ask.lower()?).await?;
    Ok(Json(DrillJson::of(&report)))
}
