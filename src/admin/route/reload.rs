//! `POST /v1/reload`: the files are read again.

use axum::Json;
use axum::extract::State;

use crate::admin::ask::Body;
use crate::admin::desk::Desks;
use crate::admin::fault::{Fault, FaultJson};
use crate::admin::shape::reload::{ReloadBody, ReloadJson};

/// Reads the files, and puts them in force as a whole or says what would change. On any error the old
/// answers stay.
#[utoipa::path(post, path = "/v1/reload", tag = "node", request_body = ReloadBody, responses(
    (status = 200, body = ReloadJson),
    (status = 400, body = FaultJson),
    (status = 409, body = FaultJson, description = "It would take too much away, and `force` insists (`reload-last-healthy`, \
        `reload-no-zone-left`, `reload-zones-gone`); or another came in between (`reload-superseded`, \
        `reload-records-gone`)."),
    (status = 422, body = FaultJson, description = "The files have errors; see `diagnostics`."),
    (status = 503, body = FaultJson, description = "The node is not ready yet, or stopping."),
))]
pub(in crate::admin) async fn reload(
    State(desks): State<Desks>,
    Body(ask): Body<ReloadBody>,
) -> Result<Json<ReloadJson>, Fault> {
    let ask = ask.lower()?;
    let dry_run = ask.dry_run;
    let reloaded = desks.reload.reload(ask).await?;
    Ok(Json(ReloadJson::of(reloaded, dry_run)))
}
