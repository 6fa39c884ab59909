//! Sending a browser elsewhere: 303, never 307, so that a post and its secrets are not repeated there (RFC 9700, 4.12).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Go there with a GET; nobody keeps this answer.
#[must_use]
pub fn see_other(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store")]).into_response()
}
