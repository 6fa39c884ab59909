//! Cross-origin requests of browser applications (the Fetch standard, "CORS protocol"; RFC 10017).
//!
//! What is public (metadata, keys) may be read by any page. Token, revocation and userinfo endpoints may be called by scripts of
//! the origins that clients are registered with, never with cookies. Nothing else may be called from elsewhere, the
//! authorization endpoint least of all: a browser is sent there, no script.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::app::App;
use crate::store::clients;

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_mins(10);

/// For what anyone may read.
pub fn public() -> CorsLayer {
    CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).max_age(REMEMBERED)
}

/// For what a client's scripts may call.
pub fn registered(app: &App) -> CorsLayer {
    let app = app.clone();
    let known = AllowOrigin::async_predicate(move |origin, _| is_known(app, origin));
    CorsLayer::new()
        .allow_origin(known)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(REMEMBERED)
}

async fn is_known(app: App, origin: HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    match clients::is_origin(&app.store, origin).await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "whether an origin is registered could not be read: it is treated as unknown");
            false
        }
    }
}
