//! The client configuration endpoint (RFC 7592): a client sees, replaces and deletes its own registration, with the registration
//! access token it was given. The token stays the same for the client's life, so that a lost answer locks nobody out.
//!
//! Refused: another client's token; a client that an administrator has disabled; a body that names another client, token or secret
//! than its own; a public client that becomes confidential, or the reverse.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{failed, object};
use crate::app::App;
use crate::change::{By, Problem, Refused};
use crate::event::{Actor, Caller};
use crate::oauth::client::Source;
use crate::oauth::client_auth::methods;
use crate::oauth::enrol::{self, Terms};
use crate::oauth::error::{Code, Error};
use crate::oauth::manage::{self, enrol as enrolling, sector};
use crate::oauth::reply::{self, Read};
use crate::secret::{ClientSecret, Digest, Opaque, RegistrationToken};
use crate::store::clients::{self, Client};
use crate::store::{enrolled, initial_tokens};

/// A client that proved whose registration it is.
struct Owner {
    client: Client,
    /// What it had registered with.
    initial_token: Option<Uuid>,
    /// As it was presented.
    token: String,
    /// The digests of its secrets that are good.
    secrets: Vec<Digest>,
}

/// `GET /oauth2/register/{client_id}`
#[utoipa::path(
    get, path = "/oauth2/register/{client_id}", tag = "registration", operation_id = "registration_read",
    params(("client_id" = String, Path, description = "The client's id, as in registration_client_uri")),
    security(("registration" = [])),
    responses(
        (status = 200, description = "All metadata as registered. A secret is not told again.", body = Object),
        (status = 401, description = "Not this client's registration access token.", body = Object),
        (status = 403, description = "An administrator has disabled the client.", body = Object),
    )
)]
pub async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match owner(&app, &client_id, &headers).await {
        Ok(owner) => reply::json(200, &told(&app, &owner, &owner.client, None)),
        Err(error) => failed(&app, &caller, Uuid::try_parse(&client_id).ok(), error).await,
    }
}

/// `PUT /oauth2/register/{client_id}`
#[utoipa::path(
    put, path = "/oauth2/register/{client_id}", tag = "registration", operation_id = "registration_replace",
    params(("client_id" = String, Path, description = "The client's id, as in registration_client_uri")),
    request_body(content = Object, description = "Client metadata with client_id: what is left out is reset to its default. What was read may be sent back."),
    security(("registration" = [])),
    responses(
        (status = 200, description = "All metadata as registered now; with a client_secret where the change calls for a first one.", body = Object),
        (status = 400, description = "invalid_redirect_uri or invalid_client_metadata; the description names the member.", body = Object),
        (status = 401, description = "Not this client's registration access token.", body = Object),
        (status = 403, description = "An administrator has disabled the client.", body = Object),
    )
)]
pub async fn replace(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    match replaced(&app, &caller, &client_id, (&headers, body)).await {
        Ok(response) => response,
        Err(error) => failed(&app, &caller, Uuid::try_parse(&client_id).ok(), error).await,
    }
}

/// `DELETE /oauth2/register/{client_id}`
#[utoipa::path(
    delete, path = "/oauth2/register/{client_id}", tag = "registration", operation_id = "registration_delete",
    params(("client_id" = String, Path, description = "The client's id, as in registration_client_uri")),
    security(("registration" = [])),
    responses(
        (status = 204, description = "Deleted, and everything it held has ended."),
        (status = 401, description = "Not this client's registration access token.", body = Object),
        (status = 403, description = "An administrator has disabled the client.", body = Object),
    )
)]
pub async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match deleted(&app, &caller, &client_id, &headers).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => failed(&app, &caller, Uuid::try_parse(&client_id).ok(), error).await,
    }
}

/// Whose registration this is: the token's, and the address's.
async fn owner(app: &App, client_id: &str, headers: &HeaderMap) -> Result<Owner, Error> {
    let text = reply::bearer(headers, None)?;
    let nobodys = |why: &'static str| {
        Error::new(Code::InvalidToken, "the registration access token is not this client's").because(why).guessed()
    };
    let digest = Opaque::<RegistrationToken>::parse(text).ok_or_else(|| nobodys("never ours"))?.digest();
    let registration = enrolled::by_digest(&app.store, digest.as_bytes()).await?;
    let registration = registration.ok_or_else(|| nobodys("unknown"))?;
    if registration.client_id.to_string() != client_id {
        return Err(nobodys("another client's"));
    }
    let client = clients::get(&app.store, registration.client_id).await?;
    let client = client.filter(|client| client.deleted_at.is_none()).ok_or_else(|| nobodys("the client is deleted"))?;
    if client.disabled_at.is_some() || Source::parse(&client.source) != Some(Source::Dynamic) {
        return Err(Error::new(Code::Forbidden, "an administrator has disabled this client"));
    }
    let now = app.clock.now();
    let rows = clients::secrets(&app.store, client.id).await?;
    let live = rows.iter().filter(|row| row.expires_at.is_none_or(|end| end > now));
    let secrets = live.filter_map(|row| Digest::stored(&row.digest)).collect();
    Ok(Owner { client, initial_token: registration.initial_token_id, token: text.to_owned(), secrets })
}

/// What a client is told of its registration; a secret is told when it is made.
fn told(app: &App, owner: &Owner, client: &Client, secret: Option<&Opaque<ClientSecret>>) -> Map<String, Value> {
    let mut told = enrol::information(&app.config.issuer, client);
    told.insert("registration_access_token".to_owned(), json!(owner.token));
    let proves = methods::named(&client.auth_method).is_some_and(|method| method.needs_secret);
    if secret.is_some() || (proves && !owner.secrets.is_empty()) {
        told.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    if let Some(secret) = secret {
        told.insert("client_secret".to_owned(), json!(secret.expose()));
    }
    told
}

async fn replaced(
    app: &App,
    caller: &Caller,
    client_id: &str,
    (headers, body): (&HeaderMap, Read),
) -> Result<Response, Error> {
    let owner = owner(app, client_id, headers).await?;
    let members = object(headers, body)?;
    own(app, &owner, &members)?;
    let initial = match owner.initial_token {
        Some(id) => initial_tokens::get(&app.store, id).await?,
        None => None,
    };
    let terms = Terms::of(app, initial.as_ref().map(|token| &token.terms.0)).await?;
    let (id, at) = (owner.client.id, app.clock.after_stamps());
    let by = By { actor: Actor::Client(id), caller, at };
    let listed = match manage::Draft::of(&owner.client) {
        Some(was) => {
            let now = enrol::read(&members, &was, &terms).map_err(enrol::refusal)?;
            // What stands may stand: a PUT of one's own GET is taken, whatever the settings are by now.
            if now.metadata != was.metadata {
                enrol::reachable(app, &now)?;
            }
            listed(app, caller, &was, &now).await?
        }
        None => None,
    };
    let edit = |was: &manage::Draft| Ok(manage::Draft { listed, ..enrol::read(&members, was, &terms)? });
    let change = enrolling::replace(&app.store, &by, id, edit).await.map_err(enrol::refusal)?;
    let (client, secret) = change.settle(app).await?;
    Ok(reply::json(200, &told(app, &owner, &client, secret.as_ref())))
}

/// What the sector document of a changed registration lists. It makes this server ask another, so that it counts as a registration.
async fn listed(
    app: &App,
    caller: &Caller,
    was: &manage::Draft,
    now: &manage::Draft,
) -> Result<Option<sector::Listed>, Error> {
    if now == was || now.metadata.sector_identifier_uri.is_none() {
        return Ok(None);
    }
    if !app.registrations.take(caller, None, app.clock.monotonic()) {
        return Err(Error::new(Code::TooMany, "too many registrations from this network"));
    }
    sector::listed(&app.fetch, now).await.map_err(enrol::refusal)
}

/// What a client may only repeat: who it is, and what it was given (RFC 7592, 2.2).
fn own(app: &App, owner: &Owner, members: &Map<String, Value>) -> Result<(), Error> {
    let wrong = |field: &'static str| {
        let says = "must be the client's own; it is not changed here".to_owned();
        enrol::refusal(Refused::Invalid(vec![Problem { field, says }]))
    };
    let now = told(app, owner, &owner.client, None);
    if members.get("client_id") != now.get("client_id") {
        return Err(wrong("client_id"));
    }
    for field in
        ["client_id_issued_at", "registration_client_uri", "registration_access_token", "client_secret_expires_at"]
    {
        if members.get(field).is_some_and(|sent| now.get(field) != Some(sent)) {
            return Err(wrong(field));
        }
    }
    match members.get("client_secret").filter(|sent| !sent.is_null()) {
        None => Ok(()),
        Some(sent) => {
            let sent = sent.as_str().and_then(Opaque::<ClientSecret>::parse).map(|secret| secret.digest());
            let known = sent.is_some_and(|sent| owner.secrets.iter().fold(false, |any, own| any | own.matches(&sent)));
            if known { Ok(()) } else { Err(wrong("client_secret").guessed()) }
        }
    }
}

async fn deleted(app: &App, caller: &Caller, client_id: &str, headers: &HeaderMap) -> Result<(), Error> {
    let id = owner(app, client_id, headers).await?.client.id;
    let by = By { actor: Actor::Client(id), caller, at: app.clock.after_stamps() };
    manage::delete(&app.store, &by, id).await.map_err(enrol::refusal)?.settle(app).await?;
    Ok(())
}
