//! The registration endpoint (RFC 7591, 3; OpenID Connect Dynamic Client Registration 1.0, 3): a client registers itself, with an
//! initial access token unless the settings open it to anyone. Beside it, in `manage`, what it does with its registration
//! afterwards (RFC 7592).
//!
//! Refused: what is no JSON object, or has a member twice; a software statement, since nobody's is trusted here; more registrations
//! than one network or one token may make; all that `oauth/enrol` refuses. Every refusal is told to the auditor, and guesses are
//! counted.

pub mod manage;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::enrol::{self, Terms};
use super::error::{Code, Error};
use super::manage::enrol::{Admission, Enrolled, NotEnrolled, enrol};
use super::manage::sector;
use super::reply::{self, Read};
use crate::app::App;
use crate::change::By;
use crate::config::RegistrationMode;
use crate::event::{Actor, Caller, Event, Record};
use crate::keyring::json_object;
use crate::secret::{InitialToken as Kind, Opaque};
use crate::store::initial_tokens::{self, InitialToken};

/// `POST /oauth2/register`
#[utoipa::path(
    post, path = "/oauth2/register", tag = "registration", operation_id = "register",
    request_body(content = Object, description = "Client metadata (RFC 7591, 2)"),
    security((), ("registration" = [])),
    responses(
        (status = 201, description = "Registered: all metadata as registered, client_id, with any secret client_secret and client_secret_expires_at, registration_client_uri and registration_access_token.", body = Object),
        (status = 400, description = "invalid_redirect_uri, invalid_client_metadata or unapproved_software_statement; the description names the member.", body = Object),
        (status = 401, description = "No initial access token, or one that is no longer good.", body = Object),
        (status = 429, description = "Too many registrations or guesses; see Retry-After.", body = Object),
        (status = 503, description = "As many clients as may have registered themselves, or the database can't be used now.", body = Object),
    )
)]
pub async fn register(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    match answer(&app, &caller, &headers, body).await {
        Ok(response) => response,
        Err(error) => failed(&app, &caller, None, error).await,
    }
}

async fn answer(app: &App, caller: &Caller, headers: &HeaderMap, body: Read) -> Result<Response, Error> {
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    let token = admitted(app, headers).await?;
    let members = object(headers, body)?;
    if members.get("software_statement").is_some_and(|value| !value.is_null()) {
        let says = "software_statement: nobody's are trusted here; leave it out";
        return Err(Error::new(Code::UnapprovedSoftwareStatement, says));
    }
    let terms = Terms::of(app, token.as_ref().map(|token| &token.terms.0)).await?;
    let mut draft = enrol::read(&members, &terms.draft(), &terms).map_err(enrol::refusal)?;
    enrol::reachable(app, &draft)?;
    let id = token.as_ref().map(|token| token.id);
    if !app.registrations.take(caller, id, app.clock.monotonic()) {
        return Err(Error::new(Code::TooMany, "too many registrations from this network, or with this token"));
    }
    // Only now: it may make this server ask another.
    draft.listed = sector::listed(&app.fetch, &draft).await.map_err(enrol::refusal)?;
    let by = By { actor: Actor::Anonymous, caller, at: app.clock.after_stamps() };
    let admission = Admission { initial_token: id, most: i64::from(app.config.registration.clients) };
    let enrolled = enrol(&app.store, &by, &draft, admission).await.map_err(|not| match not {
        NotEnrolled::Refused(refused) => enrol::refusal(refused),
        NotEnrolled::Spent => no_longer_good("used up meanwhile"),
        NotEnrolled::Full => Error::unavailable("as many clients as may have registered themselves"),
    })?;
    let Enrolled { client, secret, token } = enrolled.settle(app).await?;
    let mut told = enrol::information(&app.config.issuer, &client);
    told.insert("registration_access_token".to_owned(), json!(token.expose()));
    if let Some(secret) = secret {
        told.insert("client_secret".to_owned(), json!(secret.expose()));
        told.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    Ok(reply::json(201, &told))
}

/// The initial access token a request came with. None is needed where anyone may register; one that is sent is good everywhere.
async fn admitted(app: &App, headers: &HeaderMap) -> Result<Option<InitialToken>, Error> {
    if !headers.contains_key(header::AUTHORIZATION) && app.config.registration.mode == RegistrationMode::Open {
        return Ok(None);
    }
    if !headers.contains_key(header::AUTHORIZATION) {
        return Err(Error::new(Code::InvalidToken, "an initial access token is needed").because(reply::NO_TOKEN));
    }
    let text = reply::bearer(headers, None)?;
    let unknown = || no_longer_good("never ours").guessed();
    let digest = Opaque::<Kind>::parse(text).ok_or_else(unknown)?.digest();
    let (token, mark) = initial_tokens::by_digest(&app.store, digest.as_bytes()).await?.ok_or_else(unknown)?;
    let over = [
        (token.revoked_at.is_some(), "revoked"),
        (token.born_seq < mark, "made before everything was ended"),
        (token.expires_at <= app.clock.now(), "expired"),
        (token.uses_left < 1, "used up"),
    ];
    match over.into_iter().find(|(over, _)| *over) {
        Some((_, why)) => Err(no_longer_good(why)),
        None => Ok(Some(token)),
    }
}

fn no_longer_good(why: &'static str) -> Error {
    Error::new(Code::InvalidToken, "the initial access token is unknown, used up, revoked or expired").because(why)
}

/// The body: one JSON object, with no member twice.
fn object(headers: &HeaderMap, body: Read) -> Result<Map<String, Value>, Error> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Error::invalid_request("the content type must be application/json"));
    }
    let body =
        body.map_err(|error| Error::invalid_request("the body is too large, or did not come in time").because(error))?;
    json_object(&body).map_err(|why| Error::new(Code::InvalidClientMetadata, format!("the body {why}")))
}

/// A refusal: a guess is counted against the network, and past the measure told nothing more; the auditor is told of each.
async fn failed(app: &App, caller: &Caller, client: Option<Uuid>, error: Error) -> Response {
    let now = app.clock.monotonic();
    let error = if error.guessed && !app.failures.charge(client, caller, now) {
        Error::new(Code::TooMany, "too many guesses from this network").because(error)
    } else {
        error
    };
    if !matches!(error.code, Code::ServerError | Code::TemporarilyUnavailable) {
        let record = Record::new(Event::RegistrationRefused, Actor::Anonymous, caller, app.clock.now())
            .client(client)
            .outcome("refused")
            .detail(json!({ "error": error.code.name(), "why": error.description() }));
        app.audit_rate.note(&app.store, &record, now).await;
    }
    let mut response = reply::bearer_error(&error, caller);
    if error.code == Code::TooMany {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    response
}
