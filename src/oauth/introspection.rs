//! Introspection (RFC 7662). The caller must be the token's owner, or its audience: a service client registered with the
//! resource the token is for. To anyone else a token is as unknown as garbage: exactly `{"active":false}`.
//!
//! Introspecting a refresh token reads as a refresh does and changes nothing: the live generation is active, any other isn't.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::client_auth::{AuthenticatedClient, authenticate};
use super::error::{Code, Error};
use super::grants::request::ActsFor;
use super::registry;
use super::reply::{self, Posted, Read};
use super::scope::Scopes;
use crate::app::App;
use crate::event::Caller;
use crate::oidc::subject;
use crate::policy::Question;
use crate::store::rolls;
use crate::token::access::{self, AccessToken};
use crate::token::refresh::{Authentic, PREFIX};
use crate::token::{life, presented};

/// `POST /oauth2/introspect`
pub async fn introspect(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    reply::client(&app, &caller, &headers, (body, &[]), |posted| Box::pin(answer(posted))).await
}

fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), json!(false))])
}

async fn answer(posted: &Posted<'_>) -> Result<Response, Error> {
    Ok(reply::json(200, &asked(posted).await?.unwrap_or_else(inactive)))
}

async fn asked(posted: &Posted<'_>) -> Result<Option<Map<String, Value>>, Error> {
    let Posted { app, authorization, form, .. } = *posted;
    let client = authenticate(app, authorization, form).await?;
    if client.client().is_public() {
        return Err(Error::invalid_client().because("introspection needs a client that can prove itself"));
    }
    let token = form.get("token").ok_or_else(|| Error::invalid_request("token is missing"))?;
    if token.starts_with(PREFIX) {
        let Some(token) = presented::recognise(app, token) else { return Ok(None) };
        return refresh(app, &client, &token).await;
    }
    match access::verify(app, token).await {
        Ok(token) if is_owner(&client, &token) || is_audience(&client, &token) => Ok(Some(told(token))),
        Ok(_) => Ok(None),
        Err(error) if error.code == Code::InvalidToken => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_owner(client: &AuthenticatedClient, token: &AccessToken) -> bool {
    token.client_id == client.id()
}

/// A service client (one that signs no user in) registered with a resource is that resource's server.
fn is_audience(client: &AuthenticatedClient, token: &AccessToken) -> bool {
    let registration = client.client().registration();
    !registry::any_acts_for(&registration.grants, ActsFor::User)
        && token.audience.iter().any(|aud| registration.resources.contains(aud))
}

fn told(token: AccessToken) -> Map<String, Value> {
    let mut out = Map::from_iter([("active".to_owned(), json!(true)), ("token_type".to_owned(), json!("Bearer"))]);
    out.extend(token.claims);
    out
}

async fn refresh(
    app: &App,
    client: &AuthenticatedClient,
    token: &Authentic,
) -> Result<Option<Map<String, Value>>, Error> {
    let question = Question::now(&app.clock, app.config.sessions.idle);
    let Some((family, snapshot)) = rolls::of_family(&app.store, token.family_id).await? else { return Ok(None) };
    let own = snapshot.client.as_ref().is_some_and(|row| row.client_id == client.id());
    if !life::fits(&family, token) || !own || family.generation != token.generation {
        return Ok(None);
    }
    let Ok(standing) = life::judge(&family, snapshot, question) else { return Ok(None) };
    if life::over(&family, standing.now(), app.config.tokens.family_idle).is_some() {
        return Ok(None);
    }
    let Some(user) = standing.user() else { return Ok(None) };
    let sub = subject::known_to(client.client().registration(), &standing)?;
    let mut told = Map::from_iter([
        ("active".to_owned(), json!(true)),
        ("iss".to_owned(), json!(app.config.issuer.as_str())),
        ("client_id".to_owned(), json!(client.client().registration().public_id())),
        ("sub".to_owned(), json!(sub)),
        ("scope".to_owned(), json!(family.scopes)),
        ("iat".to_owned(), json!(family.rotated_at.timestamp())),
        ("exp".to_owned(), json!(family.expires_at.timestamp())),
        ("family_id".to_owned(), json!(family.id)),
    ]);
    // A user's name is a claim like any other.
    if Scopes::stored(&family.scopes).has("profile") {
        told.insert("username".to_owned(), json!(user.username));
    }
    Ok(Some(told))
}
