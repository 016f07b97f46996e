//! `GET /v1/whoami`: what the token of a request opens. The page asks before it shows buttons.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::access::{Access, Grant};

/// What a request may do.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct WhoamiJson {
    access: GrantJson,
    /// Whether a token is needed for more.
    token_needed: bool,
}

/// What a token opens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum GrantJson {
    /// Everything can be seen and changed.
    Write,
    /// Everything can be seen.
    Read,
    /// Nothing.
    None,
}

/// What the token of this request opens; a wrong one opens nothing. Never 401.
#[utoipa::path(get, path = "/v1/whoami", tag = "node", responses((status = 200, body = WhoamiJson)))]
pub(in crate::admin) async fn whoami(
    State(access): State<Access>,
    Extension(grant): Extension<Grant>,
) -> Json<WhoamiJson> {
    let granted = match grant {
        Grant::Write => GrantJson::Write,
        Grant::Read => GrantJson::Read,
        Grant::None => GrantJson::None,
    };
    Json(WhoamiJson { access: granted, token_needed: access.needs_token() && grant == Grant::None })
}
