//! `GET /v1/explain`: why an answer is what it is.

use axum::Json;
use axum::extract::State;

use crate::admin::ask::Asked;
use crate::admin::explain::explained;
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::shape::explain::{ExplainJson, ExplainQuery};
use crate::control::Handle;

/// Each step from a question to its answer. The steps are those of the decision that is in force, and the
/// reply is made by the code that answers queries.
#[utoipa::path(get, path = "/v1/explain", tag = "node", params(ExplainQuery), responses(
    (status = 200, body = ExplainJson),
    (status = 400, body = FaultJson, description = "The name, the type or the client is none."),
    (status = 503, body = FaultJson),
))]
pub(in crate::admin) async fn explain(
    State(control): State<Handle>,
    Asked(query): Asked<ExplainQuery>,
) -> Result<Json<ExplainJson>, Fault> {
    Ok(Json(explained(&control, &query.lower()?).await?))
}
