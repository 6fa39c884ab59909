//! Problems of the admin API (RFC 9457): what is wrong, where, and the request id.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::event::Caller;
use crate::oauth::error::Error;
use crate::oauth::reply;

/// A problem, as answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A short word for machines, as a URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is.
    pub title: &'static str,
    /// The HTTP status again.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The request's id, for the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// A problem's answer.
#[must_use]
pub fn answer(status: StatusCode, word: &str, detail: impl Into<String>, caller: &Caller) -> Response {
    let problem = Problem {
        kind: format!("urn:chancery:problem:{word}"),
        title: status.canonical_reason().unwrap_or("Problem"),
        status: status.as_u16(),
        detail: detail.into(),
        instance: caller.request_id.map(|id| format!("urn:uuid:{id}")),
    };
    let mut response = reply::json(status.as_u16(), &problem);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A protocol error as a problem; a Bearer challenge goes with a refused token.
#[must_use]
pub fn of(error: &Error, caller: &Caller) -> Response {
    let challenged = reply::bearer_error(error, caller);
    let status = challenged.status();
    let mut response = answer(status, error.code.name(), error.description(), caller);
    if let Some(challenge) = challenged.headers().get(header::WWW_AUTHENTICATE) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    response
}
