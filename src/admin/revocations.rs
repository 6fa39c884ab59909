//! `POST /admin/v1/revocations`: ends whatever the log can name. Scope `chancery:revocations:write`.
//!
//! 201 with the entry; 200 with the earlier one when a kill had ended it already. One client may add ten entries a second,
//! with a burst of a thousand; beyond that 429.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem;
use crate::app::App;
use crate::event::{Actor, Caller};
use crate::keyring;
use crate::live;
use crate::oauth::error::Error;
use crate::oauth::reply;
use crate::revocation::find::{self, Found, NotFound};
use crate::revocation::{self, Cause, Killed};
use crate::store::revocations::Entry;
use crate::token::access::{self, AccessToken};
use crate::token::presented;

/// The scope this needs.
pub const SCOPE: &str = "chancery:revocations:write";

/// What is to be ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// `token`, `jti`, `family`, `session`, `grant`, `user`, `client`, `resource`, `key` or `all`.
    #[schema(example = "family")]
    pub kind: String,
    /// What tokens carry: an id, a resource URI, a `kid`; `USER CLIENT` for a grant; the token itself for `token`; empty for `all`.
    #[serde(default)]
    #[schema(example = "019aa1c2-7c5e-7d31-9f0e-0f8c6f1f3a52")]
    pub value: String,
    /// A short word for the log, 100 characters at most.
    #[serde(default)]
    #[schema(example = "laptop stolen")]
    pub reason: String,
}

/// An entry of the revocation log. Times are NumericDate, in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    pub seq: i64,
    pub at: i64,
    pub kind: String,
    pub value: String,
    pub reach: String,
    /// When no token it covers can be alive any more; null: never forget it.
    pub until: Option<i64>,
    pub reason: String,
}

impl From<&Entry> for Written {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.timestamp(),
            kind: entry.kind.clone(),
            value: entry.value.clone(),
            reach: entry.reach.clone(),
            until: live::until(entry),
            reason: entry.reason.clone(),
        }
    }
}

/// Revoke what `kind` and `value` name.
#[utoipa::path(
    post, path = "/admin/v1/revocations", tag = "revocations", request_body = Ask,
    security(("access_token" = ["chancery:revocations:write"])),
    responses(
        (status = 201, description = "Revoked; it stops working everywhere within a second.", body = Written),
        (status = 200, description = "An earlier revocation had ended it.", body = Written),
        (status = 400, description = "The request can't be read.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No access token, or an invalid one.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is nothing of that kind and value.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many at once; see Retry-After.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database can't be used now: nothing is known to be revoked.", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let token = match authorize(&app, &headers).await {
        Ok(token) => token,
        Err(error) => return problem::of(&error, &caller),
    };
    let ask = match read(&headers, body) {
        Ok(ask) => ask,
        Err(why) => return problem::answer(StatusCode::BAD_REQUEST, "invalid_request", why, &caller),
    };
    match carry_out(&app, &ask, &token, &caller).await {
        Ok(killed) => answer(&killed),
        Err(Refused::NotFound(why @ NotFound::Unknown(_))) => {
            problem::answer(StatusCode::NOT_FOUND, "not_found", why.to_string(), &caller)
        }
        Err(Refused::NotFound(NotFound::Store(error))) => problem::of(&error.into(), &caller),
        Err(Refused::NotFound(why)) => {
            problem::answer(StatusCode::BAD_REQUEST, "invalid_request", why.to_string(), &caller)
        }
        Err(Refused::TooMany) => {
            let why = "this client may add ten revocations a second";
            problem::answer(StatusCode::TOO_MANY_REQUESTS, "too_many", why, &caller)
        }
        Err(Refused::Failed(error)) => problem::of(&error, &caller),
    }
}

async fn authorize(app: &App, headers: &HeaderMap) -> Result<AccessToken, Error> {
    access::verify(app, reply::bearer(headers, None)?).await?.for_own_api(app, SCOPE)
}

fn read(headers: &HeaderMap, body: Result<Bytes, axum::extract::rejection::BytesRejection>) -> Result<Ask, String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err("the content type must be application/json".to_owned());
    }
    let body = body.map_err(|_| "the body is too large, or did not come in time".to_owned())?;
    let ask: Ask = serde_json::from_slice(&body).map_err(|error| unexpected(&error))?;
    if ask.reason.chars().count() > 100 || ask.reason.chars().any(char::is_control) {
        return Err("reason: at most 100 characters, none of them control characters".to_owned());
    }
    if ask.value.chars().any(char::is_control) {
        return Err("value: no control characters".to_owned());
    }
    Ok(ask)
}

/// Where a body goes wrong; its own words would tell what stands there, and that may be a token.
fn unexpected(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "not what is expected" } else { "no JSON" };
    let (line, column) = (error.line(), error.column());
    format!("the body is {what} (line {line}, column {column}): an object of kind, value and reason, each a text")
}

enum Refused {
    NotFound(NotFound),
    TooMany,
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

async fn carry_out(app: &App, ask: &Ask, token: &AccessToken, caller: &Caller) -> Result<Killed, Refused> {
    let found: Found = if ask.kind == "token" {
        let owned = presented::find(app, &ask.value).await?;
        owned.ok_or(Refused::NotFound(NotFound::Unknown("token")))?.found
    } else {
        find::find(&app.store, &ask.kind, &ask.value).await.map_err(Refused::NotFound)?
    };
    let reason = if ask.reason.is_empty() { "admin" } else { &ask.reason };
    let cause = Cause { reason, actor: Actor::Client(token.client_id), caller, at: app.clock.after_stamps() };
    let may = || app.revocation_rate.take(token.client_id, None, app.clock.monotonic());
    if let Found::Key(kid) = &found {
        return key(app, kid, &cause, may).await;
    }
    let target = found.target();
    let killed = revocation::run_if(app, &target, target.usual_reach(), &cause, may).await.map_err(Error::from)?;
    killed.ok_or(Refused::TooMany)
}

/// A key stops signing with the kill of what it signed.
async fn key(app: &App, kid: &str, cause: &Cause<'_>, may: impl FnOnce() -> bool) -> Result<Killed, Refused> {
    let failed =
        |error: keyring::Error| if error.is_passing() { Error::unavailable(error) } else { Error::server(error) };
    let mut tx = app.store.begin().await.map_err(Error::from)?;
    let (_, killed) = revocation::key::end(&app.keyring, &mut tx, kid, cause).await.map_err(failed)?;
    if killed.written && !may() {
        return Err(Refused::TooMany);
    }
    revocation::settle(app, tx, std::slice::from_ref(&killed)).await.map_err(Error::from)?;
    // Done is done: a successor of the successor can be announced at the next turn as well.
    if let Err(error) = app.keyring.maintain().await {
        tracing::warn!(%error, "no new key could be announced yet");
    }
    Ok(killed)
}

fn answer(killed: &Killed) -> Response {
    let status = if killed.written { 201 } else { 200 };
    match &killed.entry {
        Some(entry) => reply::json(status, &Written::from(entry)),
        None => reply::json(status, &serde_json::json!({})),
    }
}
