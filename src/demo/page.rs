//! What the pages of both samples share: the stylesheet, headers, redirects, times in words.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::DateTime;
use url::Url;

use super::web::Trouble;
use crate::http::assets::Assets;
use crate::http::headers::{Csp, Https, Source, guard};

const OWN_STYLES: &str = include_str!("../../templates/demo/demo.css");
const SCRIPT: &str = include_str!("../../templates/demo/countdown.js");

/// The samples are not the issuer: they wear its paper with another accent, harbour blue by day and by night.
const ACCENT: (&str, &str) = ("#12597f", "#7fbfe6");

/// The files pages ask for: the house's stylesheet in the samples' accent, a few lines of their own, one small script.
pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Result<Router<S>, Trouble> {
    let house = Assets::build("Harbour", ACCENT.0, ACCENT.1).map_err(|why| Trouble::Refused(why.to_string()))?;
    let house = Arc::new(house);
    let styles = move |headers: HeaderMap| async move {
        house.get("chancery.css").map(|file| file.answer(None, &headers)).ok_or(StatusCode::NOT_FOUND)
    };
    let own = get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], OWN_STYLES) });
    let script = get(|| async { ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT) });
    Ok(Router::new().route("/chancery.css", get(styles)).route("/demo.css", own).route("/countdown.js", script))
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
pub(super) fn secured(mut response: Response, form_target: Option<&str>) -> Response {
    let target = form_target.and_then(|address| Url::parse(address).ok());
    let policy = Csp::default().forms_to(target.as_ref().map(Source::of)).header();
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    guard(headers, Https(false));
    // Not `no-referrer`: that makes browsers send `Origin: null` with our own forms (Fetch, "append a request `Origin`").
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
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
