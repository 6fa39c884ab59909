//! Protected-resource metadata (RFC 9728) of a registered resource: the document that an API serves at its own
//! `/.well-known/oauth-protected-resource`, for its gateway to pass on, so that it is always what is registered.
//!
//! What it tells is public at the resource. Refused: resources that aren't registered, or have retired.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::admin::problem;
use crate::app::App;
use crate::event::Caller;
use crate::http::params::Params;
use crate::oauth::error::Error;
use crate::oauth::{reply, resource};
use crate::store::resources;

/// How caches may keep it: as long as metadata.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The metadata of a protected resource.
#[utoipa::path(
    get, path = "/gateway/protected-resource", tag = "gateway",
    params(("resource" = String, Query, description = "The URI of the resource, as it is registered.")),
    responses(
        (status = 200, description = "What the resource serves at its own `/.well-known/oauth-protected-resource` (RFC 9728).", body = Object),
        (status = 400, description = "The parameter is missing or can't be read.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such resource, or it has retired.", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get(State(app): State<App>, Extension(caller): Extension<Caller>, RawQuery(query): RawQuery) -> Response {
    let asked = match uri(query.as_deref().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(why) => return problem::answer(StatusCode::BAD_REQUEST, "invalid_request", why, &caller),
    };
    match resources::by_uri(&app.store, &asked).await {
        Ok(found) => match found.filter(|resource| resource.retired_at.is_none()) {
            Some(found) => {
                let mut response = reply::json(200, &resource::metadata(app.config.issuer.as_str(), &found));
                response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
                response.headers_mut().remove(header::PRAGMA);
                response
            }
            None => {
                problem::answer(StatusCode::NOT_FOUND, "unknown_resource", "no such resource is registered", &caller)
            }
        },
        Err(error) => problem::of(&Error::from(error), &caller),
    }
}

fn uri(query: &str) -> Result<String, String> {
    let params = Params::parse(query.as_bytes()).map_err(|error| error.to_string())?;
    params.refuse_repeats(&[]).map_err(|error| error.to_string())?;
    params.get("resource").map(str::to_owned).ok_or_else(|| "resource is missing".to_owned())
}
