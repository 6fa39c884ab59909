//! Cross-origin requests of browser applications (the Fetch standard, "CORS protocol"; RFC 10017).
//!
//! What is public (metadata, keys) may be read by any page. Token, revocation and userinfo endpoints may be called by scripts of
//! the origins that clients are registered with. Cookies take part at token and revocation endpoints alone, and only for origins
//! of clients whose refresh token travels in one: a preflight names no client, so that its origin decides, and the request
//! itself is held against its very client (`oauth/delivery`). Nothing else may be called from elsewhere, the authorization
//! endpoint least of all: a browser is sent there, no script.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, header, request};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowCredentials, AllowOrigin, Any, CorsLayer};

use crate::app::App;
use crate::http::origin;
use crate::store::clients::{self, Known};

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_mins(10);

/// For what anyone may read.
pub fn public() -> CorsLayer {
    CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).max_age(REMEMBERED)
}

/// For what a client's scripts may call, without cookies. Stands within [`look_up`].
pub fn registered() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|_, request| known(request) != Known::Not))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(REMEMBERED)
}

/// The same where a refresh cookie goes to.
pub fn with_cookies() -> CorsLayer {
    registered().allow_credentials(AllowCredentials::predicate(|_, request| known(request) == Known::ByCookie))
}

/// Looks up what the origin of a request is to the clients, once, for the layers within.
pub async fn look_up(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let found = match origin::of(request.headers()) {
        None => Known::Not,
        Some(origin) => what(&app, origin).await,
    };
    request.extensions_mut().insert(Found(found));
    next.run(request).await
}

/// What was found; where nobody looked, nothing.
#[derive(Debug, Clone, Copy)]
struct Found(Known);

fn known(request: &request::Parts) -> Known {
    request.extensions.get::<Found>().map_or(Known::Not, |found| found.0)
}

async fn what(app: &App, origin: &str) -> Known {
    match clients::of_origin(&app.store, origin).await {
        Ok(Known::ByCookie) if !app.config.site.holds(origin) => Known::Plainly,
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "whether an origin is registered could not be read: it is treated as unknown");
            Known::Not
        }
    }
}
