//! The dashboard that is a page (RFC 10017, browser-based applications): no server keeps its tokens. The access token is in the
//! page's memory, the refresh token in a cookie of the issuer's that no script reads.
//!
//! It is the reference script with a page around it, under the policy a team would give it: everything from its own origin, calls
//! to the issuer and nowhere else, nothing inline.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::page;
use super::{Shared, pages};

const REFERENCE: &str = include_str!("../../../static/chancery-spa.js");
const OWN: &str = include_str!("../../../templates/demo/browser.js");

#[derive(Template)]
#[template(path = "demo/browser.html")]
struct Alone<'a> {
    issuer: &'a str,
    client: &'a str,
    gateway: &'a str,
}

/// `GET /browser`: also where the issuer sends the browser back.
pub(super) async fn page(State(dashboard): State<Shared>) -> Response {
    let config = &dashboard.config;
    let Some(client) = &config.browser_client_id else { return pages::nothing_here().await };
    let shown = Alone { issuer: &config.issuer, client, gateway: &config.gateway_url };
    let mut response = page::html(StatusCode::OK, &shown);
    let policy = format!(
        "default-src 'self'; connect-src {}; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
        config.issuer
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// `GET /browser.js`.
pub(super) async fn own_script() -> Response {
    script(OWN)
}

/// `GET /chancery-spa.js`: what is meant to be copied.
pub(super) async fn reference_script() -> Response {
    script(REFERENCE)
}

fn script(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}
