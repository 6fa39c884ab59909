//! What the API says when it refuses: RFC 6750 §3 and §3.1.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::SCOPE;

/// Why a call was refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// No access token came.
    NoToken,
    /// The request is not one that can be judged.
    Request(&'static str),
    /// The token is not good here.
    Token(String),
    /// The token is good, but not for this.
    Scope,
    /// It can't be told now whether the token is good.
    Unsure(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error, why) = match self {
            // RFC 6750 §3.1: who sent no token is told how to, and no error.
            Self::NoToken => (StatusCode::UNAUTHORIZED, None, "an access token is needed".to_owned()),
            Self::Request(why) => (StatusCode::BAD_REQUEST, Some("invalid_request"), why.to_owned()),
            Self::Token(why) => (StatusCode::UNAUTHORIZED, Some("invalid_token"), why),
            Self::Scope => (StatusCode::FORBIDDEN, Some("insufficient_scope"), format!("the token lacks {SCOPE}")),
            Self::Unsure(why) => (StatusCode::SERVICE_UNAVAILABLE, None, why),
        };
        let body = json!({ "error": error.unwrap_or("refused"), "error_description": why });
        let mut response = (status, Json(body)).into_response();
        let challenge = match (status, error) {
            (StatusCode::SERVICE_UNAVAILABLE, _) => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                return response;
            }
            (_, None) => "Bearer realm=\"shipments\"".to_owned(),
            (StatusCode::FORBIDDEN, Some(error)) => {
                format!("Bearer error=\"{error}\", error_description=\"{}\", scope=\"{SCOPE}\"", quoted(&why))
            }
            (_, Some(error)) => format!("Bearer error=\"{error}\", error_description=\"{}\"", quoted(&why)),
        };
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Only what RFC 6750 §3 allows inside the quotes.
fn quoted(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}
