//! Calls to the issuer and the gateway: one client, bounded in time and size, that follows no redirect and uses no proxy.
//!
//! RFC 6749 §2.3.1 (`client_secret_basic`). Refuses answers longer than it can use.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::secret;

const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Why a sample could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nothing answered, or not in time.
    #[error("{url} can't be reached: {why}")]
    Unreachable {
        /// Who was called, without the query.
        url: String,
        /// What the HTTP client said.
        why: String,
    },
    /// Something answered, but not what the protocol asks for.
    #[error("{url} answered {status}, which is of no use here: {why}")]
    Unexpected {
        /// Who was called, without the query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What was missing or wrong.
        why: String,
    },
    /// An answer, a token or a request failed a check.
    #[error("{0}")]
    Refused(String),
    /// No HTTP client can be made here.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
    /// The listening socket failed.
    #[error("the listener failed: {0}")]
    Listener(std::io::Error),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub url: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The body as JSON, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// The body as `T` of a 200 answer.
    pub fn expect<T: serde::de::DeserializeOwned>(&self) -> Result<T, Trouble> {
        if self.status != StatusCode::OK {
            return Err(self.unexpected(self.body.chars().take(300).collect()));
        }
        serde_json::from_str(&self.body).map_err(|why| self.unexpected(format!("not the JSON expected: {why}")))
    }

    /// The trouble of an answer that can't be used.
    pub fn unexpected(&self, why: String) -> Trouble {
        Trouble::Unexpected { url: self.url.clone(), status: self.status.as_u16(), why }
    }
}

/// The client every call goes through.
#[expect(clippy::disallowed_methods, reason = "the samples are clients of the server, not the server")]
pub(super) fn client() -> Result<reqwest::Client, Trouble> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(2))
        .user_agent("chancery-demo")
        .build()
        .map_err(Trouble::Client)
}

/// Sends, and reads the whole answer within `limit`.
pub(super) async fn call(request: RequestBuilder, limit: Duration) -> Result<Answer, Trouble> {
    let response = request.timeout(limit).send().await.map_err(unreachable)?;
    read(response).await
}

/// Reads the whole body of an answer.
pub(super) async fn read(mut response: Response) -> Result<Answer, Trouble> {
    let url = plain(response.url());
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Trouble::Unexpected { url, status: status.as_u16(), why: "the answer is too long".into() });
        }
        body.extend_from_slice(&chunk);
    }
    let body = String::from_utf8(body).map_err(|_| Trouble::Unexpected {
        url: url.clone(),
        status: status.as_u16(),
        why: "the answer is not UTF-8".into(),
    })?;
    Ok(Answer { url, status, headers, body })
}

/// 256 random bits in base64url: a `state`, a `nonce`, a code verifier, the name of a browser.
pub(super) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(secret::bytes::<32>())
}

/// Whether an answer is of this media type, whatever its parameters.
pub(super) fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// The `Authorization` value of `client_secret_basic`: both parts form-encoded before they are joined.
pub(super) fn basic(id: &str, secret: &str) -> String {
    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

/// A transport failure, in words, without the query of the address (it may hold a cursor or a code).
pub(super) fn unreachable(error: reqwest::Error) -> Trouble {
    let url = error.url().map_or_else(|| "the address".into(), plain);
    let why = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "nothing is listening there".to_owned()
    } else {
        error.without_url().to_string()
    };
    Trouble::Unreachable { url, why }
}

fn plain(url: &reqwest::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}
