//! Signing out here and at the issuer: OpenID Connect RP-Initiated Logout 1.0.
//!
//! Our own record goes first: whatever the issuer says, this browser is signed out here.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::super::page;
use super::super::web::Trouble;
use super::super::web::random_text;
use super::browsers::Browser;
use super::{Shared, pages};

/// `POST /sign-out`.
pub(super) async fn start(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    let now = dashboard.clock.monotonic();
    let signed_in = match dashboard.browsers.find(&headers, now) {
        Some(browser) => browser.lock().await.signed_in.take(),
        None => None,
    };
    let Some(signed_in) = signed_in else {
        return page::see_other(&format!("{}/", dashboard.config.base_url), None);
    };
    let leaving = random_text();
    let browser = Browser { leaving: Some(leaving.clone()), ..Browser::default() };
    let cookie = dashboard.browsers.keep(browser, &headers, now);
    let metadata = match dashboard.issuer.metadata().await {
        Ok(metadata) => metadata,
        Err(trouble) => return pages::trouble(&dashboard, StatusCode::BAD_GATEWAY, &trouble),
    };
    let Ok(mut to) = url::Url::parse(&metadata.end_session_endpoint) else {
        let trouble = Trouble::Refused("The issuer's metadata hold no usable end of session.".into());
        return pages::trouble(&dashboard, StatusCode::BAD_GATEWAY, &trouble);
    };
    to.query_pairs_mut()
        .append_pair("id_token_hint", &signed_in.id_token)
        .append_pair("client_id", &dashboard.config.client_id)
        .append_pair("post_logout_redirect_uri", &dashboard.config.post_logout_redirect_uri())
        .append_pair("state", &leaving);
    page::see_other(to.as_str(), Some(&cookie))
}

/// `GET /signed-out`: back from the issuer. Without the `state` we sent, nothing is claimed about the issuer.
pub(super) async fn back(State(dashboard): State<Shared>, headers: HeaderMap, query: RawQuery) -> Response {
    let mut parameters = form_urlencoded::parse(query.0.as_deref().unwrap_or_default().as_bytes());
    let state = parameters.find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
    let sent = match dashboard.browsers.find(&headers, dashboard.clock.monotonic()) {
        Some(browser) => browser.lock().await.leaving.take(),
        None => None,
    };
    pages::signed_out(&dashboard, sent.is_some() && sent == state)
}
