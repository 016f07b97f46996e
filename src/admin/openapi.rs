//! The document that describes the API (OpenAPI 3.1), made from the routes themselves.

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};

use super::guard::is_open;
use super::routes::Room;

/// Where it is.
pub(super) const PATH: &str = "/v1/openapi.json";
/// The name of the one way to show who one is.
const BEARER: &str = "bearer";

/// What stands above the paths.
pub(super) fn head() -> OpenApi {
    let about = "What a pharos node does, why, and how to change it. Times are RFC 3339 in UTC; durations are \
                 milliseconds and end in `_ms`; what is unknown or does not apply is null. Each write says who \
                 (`author`) and why (`reason`).";
    let info =
        InfoBuilder::new().title("pharos").version(env!("CARGO_PKG_VERSION")).description(Some(about)).license(Some(
            LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build(),
        ));
    let tags = [
        ("node", "The node, its zones, pools and endpoints."),
        ("orders", "What people order: overrides and failback."),
        ("events", "What happened."),
        ("drills", "Regions that fail on purpose."),
        ("sinks", "Notifications."),
    ];
    let tags = tags.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build());
    OpenApiBuilder::new().info(info).tags(Some(tags)).build()
}

/// Adds what is the same for all paths and schemas.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let reads = [&mut item.get];
        let writes = [&mut item.put, &mut item.post, &mut item.delete];
        let reads = reads.into_iter().map(|operation| (operation, false));
        for (operation, writes) in reads.chain(writes.into_iter().map(|operation| (operation, true))) {
            if let Some(operation) = operation
                && !is_open(path)
            {
                guard(operation, writes);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        // What is unknown is null, so that every key of an answer is always there; but for errors.
        if name.ends_with("Json") && name != "FaultJson" {
            require_all(schema);
        }
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let scheme = scheme.description(Some("[admin] read_token or write_token; not needed over the unix socket."));
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme.build()));
    document
}

/// What every path answers that needs a token.
fn guard(operation: &mut Operation, writes: bool) {
    let fault = |about: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("FaultJson"))).build();
        ResponseBuilder::new().description(about).content("application/json", content).build()
    };
    let mut faults = vec![("401", "The token is missing or wrong."), ("421", "The Host is not one of this node.")];
    if writes {
        faults.push(("403", "The token may only read, or the request comes from a page of another site."));
        faults.push(("413", "The body is too large."));
        faults.push(("415", "The body is not JSON."));
    }
    for (status, about) in faults {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| fault(about).into());
    }
    operation.security = Some(vec![SecurityRequirement::new(BEARER, [""; 0]), SecurityRequirement::default()]);
}

fn require_all(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => object.required = object.properties.keys().cloned().collect(),
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter_mut().for_each(require_all),
        _ => {}
    }
}

/// Serves the document.
pub(super) fn router(document: OpenApi) -> Router<Room> {
    let text = complete(document).to_json().unwrap_or_default();
    let text = Bytes::from(text);
    Router::new().route(PATH, get(async move || ([(header::CONTENT_TYPE, "application/json")], text)))
}
