//! How protocol endpoints read a form and answer: JSON that is never cached, errors with the right headers, one log line.
//!
//! RFC 6749, 5.1 and 5.2; RFC 6750, 3. Refuses other content types than `application/x-www-form-urlencoded`, bodies past the
//! limit, and repeated parameters.

use std::future::Future;
use std::pin::Pin;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

use super::client_auth::{AuthenticatedClient, failed};
use super::delivery::{self, FromPage};
use super::error::{Code, Error};
use crate::app::App;
use crate::event::Caller;
use crate::http::cookies::{Jar, Narrow};
use crate::http::locale::Lang;
use crate::http::origin;
use crate::http::params::Params;
use crate::http::plain;
use crate::login::front::{Front, Shown};
use crate::login::pages::Problem;
use crate::session;

/// A body, or why there is none.
pub type Read = Result<Bytes, BytesRejection>;

/// A form post's parameters; none may be repeated but those named.
pub fn form(headers: &HeaderMap, body: Read, may_repeat: &[&str]) -> Result<Params, Error> {
    let body = body.map_err(|error| match error {
        BytesRejection::FailedToBufferBody(_) => {
            Error::invalid_request("the body is too large, or did not come in time").because(error)
        }
        other => Error::invalid_request("the body can't be read").because(other),
    })?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Error::invalid_request("the content type must be application/x-www-form-urlencoded"));
    }
    let params = Params::parse(&body)?;
    params.refuse_repeats(may_repeat)?;
    Ok(params)
}

/// A client's form, read, to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    pub app: &'a App,
    pub caller: &'a Caller,
    /// All `Authorization` headers.
    pub authorization: &'a [&'a str],
    pub form: &'a Params,
    pub headers: &'a HeaderMap,
}

impl<'a> Posted<'a> {
    /// What a client whose refresh tokens travel in a cookie has to show before anything else is looked at.
    pub fn from_page(&self, client: &AuthenticatedClient) -> Result<Option<FromPage<'a>>, Error> {
        let https = self.app.config.issuer.is_https();
        let shown = delivery::Shown {
            origin: origin::of(self.headers),
            session: Jar::new(https).get(self.headers, session::COOKIE),
            token: self.jar().get(self.headers, &delivery::cookie(client.id())),
        };
        delivery::check(client, &self.app.config.site, &shown)
    }

    /// The answer with the client's refresh cookie, which goes if it is to last no second more.
    pub fn with_cookie(&self, mut answer: Response, id: Uuid, value: &str, seconds: i64) -> Result<Response, Error> {
        let cookie = self.jar().set(&delivery::cookie(id), value, seconds);
        let cookie = cookie.ok_or_else(|| Error::server("a refresh cookie could not be written"))?;
        answer.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(answer)
    }

    /// Where refresh cookies go: to the protocol endpoints alone.
    fn jar(&self) -> Narrow {
        let issuer = &self.app.config.issuer;
        Narrow::new(issuer.is_https(), format!("{}/oauth2", issuer.path_prefix()))
    }
}

/// The answer to a form, as a future.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + 'a>>;

/// What all endpoints for clients share: the form is read, answered, and when that fails the failure is counted and told.
pub async fn client(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    (body, may_repeat): (Read, &[&str]),
    answer: for<'a> fn(&'a Posted<'a>) -> Answering<'a>,
) -> Response {
    let form = match form(headers, body, may_repeat) {
        Ok(form) => form,
        Err(why) => return error(&why, headers, caller),
    };
    let authorization = authorization(headers);
    match answer(&Posted { app, caller, authorization: &authorization, form: &form, headers }).await {
        Ok(response) => response,
        Err(why) => error(&failed(app, caller, (&authorization, &form), why).await, headers, caller),
    }
}

/// All `Authorization` headers, as text; one that isn't text counts as there.
#[must_use]
pub fn authorization(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(header::AUTHORIZATION).iter().map(|value| value.to_str().unwrap_or("unreadable")).collect()
}

/// A bearer token: in the header, or, where the endpoint takes one, in the form (RFC 6750, 2.1 and 2.2). One, not two.
pub fn bearer<'a>(headers: &'a HeaderMap, form: Option<&'a Params>) -> Result<&'a str, Error> {
    let posted = form.and_then(|form| form.get("access_token"));
    match (authorization(headers).as_slice(), posted) {
        ([], Some(token)) => Ok(token),
        ([header], None) => header
            .split_once(' ')
            .filter(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')
            })
            .map(|(_, token)| token)
            .ok_or_else(|| Error::new(Code::InvalidToken, "the Authorization header is not a Bearer token")),
        ([], None) => Err(Error::new(Code::InvalidToken, "an access token is needed").because(NO_TOKEN)),
        _ => Err(Error::invalid_request("more than one access token")),
    }
}

/// Marks the absence of any token: its challenge carries no error code (RFC 6750, 3.1).
pub(super) const NO_TOKEN: &str = "no token";

/// A JSON answer that no cache keeps.
#[must_use]
pub fn json<T: Serialize>(status: u16, value: &T) -> Response {
    body(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// A JWT that no cache may keep.
pub fn jwt(compact: String) -> Response {
    body(200, "application/jwt", compact.into_bytes())
}

fn body(status: u16, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// An error, as a program reads it (RFC 6749, 5.2).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Told {
    error: &'static str,
    error_description: String,
}

/// The answer to a failed request of a client: JSON, and a Basic challenge when the header was used.
#[must_use]
pub fn error(error: &Error, headers: &HeaderMap, caller: &Caller) -> Response {
    log(error, caller);
    let mut response =
        json(error.code.status(), &Told { error: error.code.name(), error_description: error.description() });
    if error.code == Code::InvalidClient && headers.contains_key(header::AUTHORIZATION) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"chancery\", charset=\"UTF-8\""));
    }
    retry_after(error, &mut response);
    response
}

/// The answer to a failed request with an access token: a Bearer challenge says why (RFC 6750, 3).
#[must_use]
pub fn bearer_error(error: &Error, caller: &Caller) -> Response {
    log(error, caller);
    let mut response =
        json(error.code.status(), &Told { error: error.code.name(), error_description: error.description() });
    let challenge = if error.detail.as_deref() == Some(NO_TOKEN) {
        "Bearer realm=\"chancery\"".to_owned()
    } else {
        format!(
            "Bearer realm=\"chancery\", error=\"{}\", error_description=\"{}\"",
            error.code.name(),
            error.description()
        )
    };
    if let (401 | 403, Ok(value)) = (error.code.status(), HeaderValue::from_str(&challenge)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    retry_after(error, &mut response);
    response
}

/// The page of an error that can't be sent on: logged, and with its code and sentence for the application's people. What passes and
/// what is our own fault have pages of their own. `parameter` is the one at fault, or empty.
#[must_use]
pub fn page(
    front: &Front,
    lang: Lang,
    caller: &Caller,
    error: &Error,
    (problem, parameter): (Problem, &str),
) -> Response {
    log(error, caller);
    let own = match error.code {
        Code::TemporarilyUnavailable => Some(Problem::Overloaded),
        Code::TooMany => Some(Problem::TooMany),
        Code::ServerError => Some(Problem::Broken),
        _ => None,
    };
    if let Some(own) = own {
        return front.error(lang, caller, own, Shown::default());
    }
    let description = error.description();
    let parameter = Some(parameter).filter(|name| !name.is_empty());
    let shown = Shown { code: Some(error.code.name()), parameter, detail: Some(&description), ..Shown::default() };
    front.error(lang, caller, problem, shown)
}

fn retry_after(error: &Error, response: &mut Response) {
    if matches!(error.code, Code::TemporarilyUnavailable | Code::TooMany) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
}

/// One line per failure, at the edge; a client's mistake is not our warning. It may repeat what strangers sent, so it is cut.
pub fn log(error: &Error, caller: &Caller) {
    let request = caller.request_id.map(|id| id.to_string()).unwrap_or_default();
    let (code, says) = (error.code.name(), plain::cut(&error.description, 200));
    let detail = plain::cut(error.detail.as_deref().unwrap_or_default(), 500);
    match error.code {
        Code::ServerError => tracing::error!(request, code, detail, "{says}"),
        Code::TemporarilyUnavailable => tracing::warn!(request, code, detail, "{says}"),
        // What every device hears every few seconds is no news.
        Code::AuthorizationPending | Code::SlowDown => tracing::debug!(request, code, detail, "{says}"),
        _ => tracing::info!(request, code, detail, "{says}"),
    }
}
