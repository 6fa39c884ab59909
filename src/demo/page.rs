//! What the pages of both samples share: the stylesheet, headers, redirects, times in words.

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::DateTime;

const STYLES: &str = include_str!("../../templates/demo/demo.css");
const SCRIPT: &str = include_str!("../../templates/demo/countdown.js");

/// The files pages ask for.
pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let styles = get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLES) });
    let script = get(|| async { ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT) });
    Router::new().route("/demo.css", styles).route("/countdown.js", script)
}

/// A page, or a plain line when it can't be rendered.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(why) => (StatusCode::INTERNAL_SERVER_ERROR, format!("the page can't be rendered: {why}")).into_response(),
    }
}

/// 303, with a cookie if there is one to set.
pub(super) fn see_other(to: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(to) {
        Ok(to) => response.headers_mut().insert(header::LOCATION, to),
        Err(_) => return (StatusCode::BAD_GATEWAY, "the issuer's metadata hold no usable address").into_response(),
    };
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Adds the headers every page carries. `form_target` is named because browsers apply `form-action` to the redirect
/// that follows a form, and ours lead to the issuer.
pub(super) fn secured(mut response: Response, form_target: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         form-action 'self' {form_target}; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: that would make browsers send `Origin: null` with our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Scheme, host and port of an address.
pub(super) fn origin_of(address: &str) -> String {
    url::Url::parse(address).map_or_else(|_| "'none'".into(), |url| url.origin().ascii_serialization())
}

/// A point in time as `14:03:59 UTC`, with the day.
pub(super) fn moment(seconds: i64) -> String {
    let time = DateTime::from_timestamp(seconds, 0);
    time.map_or_else(|| seconds.to_string(), |time| time.format("%-d %B %Y, %H:%M:%S UTC").to_string())
}

/// The time of day alone.
pub(super) fn hour(seconds: i64) -> String {
    let time = DateTime::from_timestamp(seconds, 0);
    time.map_or_else(|| seconds.to_string(), |time| time.format("%H:%M:%S UTC").to_string())
}
