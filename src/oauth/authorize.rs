//! The authorization endpoint (RFC 6749, 4.1.1; OpenID Connect Core 3.1.2): one ordered list of named checks.
//!
//! Until the redirect URI is known to be the client's, whatever is wrong ends on a page; after that, at the client, by redirect.
//! A request that passes becomes an interaction of the sign-in machine. A POST is answered 303 to the same request as GET: a
//! cross-site one comes without the session cookie, the GET brings it.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::client::{self, Client};
use super::error::{Code, Error};
use super::grants::{audience, authorization_code};
use super::pkce::Challenge;
use super::prompt::Prompt;
use super::redirect::{self, ValidRedirect};
use super::reply::{self, Read};
use super::scope::Scopes;
use super::{answer, registry};
use crate::app::App;
use crate::event::Caller;
use crate::http::params::Params;
use crate::login::front::Front;
use crate::login::pages::Problem;
use crate::oidc::hint;
use crate::signin::machine::{self, Beginning};
use crate::signin::request::AuthorizationRequest;

/// A request that passed every check.
#[derive(Debug)]
pub struct Checked {
    pub client: Client,
    pub redirect: ValidRedirect,
    pub state: Option<String>,
    pub request: AuthorizationRequest,
}

/// How a request fails.
#[derive(Debug)]
pub enum Failed {
    /// Nobody to send the browser back to: a page, naming the parameter.
    Page { problem: Problem, parameter: &'static str, error: Error },
    /// The client is told.
    Client { redirect: Box<ValidRedirect>, state: Option<String>, error: Error },
}

/// `GET /oauth2/authorize`
pub async fn get(
    State(app): State<App>,
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let ui_locales = params.as_ref().ok().and_then(|params| params.get("ui_locales")).map(str::to_owned);
    let failed = match params.map_err(Error::from) {
        Ok(params) => match check(&app, &params).await {
            Ok(checked) => {
                let Checked { client, redirect, state, request } = checked;
                let begins = Beginning { client, redirect: redirect.clone(), request };
                match machine::begin(&app, begins, &front.browser(&headers), &caller).await {
                    Ok(moved) => return front.follow(&app, &moved),
                    // Whoever comes too often is told here: a redirect would have the client send him again at once.
                    Err(error) if error.code == Code::TooMany => {
                        Failed::Page { problem: Problem::TooMany, parameter: "", error }
                    }
                    Err(error) => Failed::Client { redirect: Box::new(redirect), state, error },
                }
            }
            Err(failed) => failed,
        },
        Err(error) => Failed::Page { problem: Problem::BadRequest, parameter: "", error },
    };
    match failed {
        Failed::Client { redirect, state, error } => {
            reply::log(&error, &caller);
            see_other(&answer::failure(app.config.issuer.as_str(), &redirect, &error, state.as_deref()))
        }
        Failed::Page { problem, parameter, error } => {
            let lang = Front::language(&headers, ui_locales.as_deref());
            reply::page(&front, lang, &caller, &error, (problem, parameter))
        }
    }
}

/// `POST /oauth2/authorize`
pub async fn post(
    State(app): State<App>,
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    match reply::form(&headers, body, &["resource"]) {
        Ok(params) => {
            let query =
                crate::http::params::encode(params.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())));
            see_other(&format!("{}?{query}", app.config.issuer.endpoint("/oauth2/authorize")))
        }
        Err(error) => reply::page(&front, Front::language(&headers, None), &caller, &error, (Problem::BadRequest, "")),
    }
}

fn see_other(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store")]).into_response()
}

/// The list.
pub async fn check(app: &App, params: &Params) -> Result<Checked, Failed> {
    let client = client(app, params).await?;
    let redirect = redirect_uri(&client, params)?;
    let state = params.get("state").map(str::to_owned);
    match request(app, &client, &redirect, params).await {
        Ok(request) => Ok(Checked { client, redirect, state, request }),
        Err(error) => Err(Failed::Client { redirect: Box::new(redirect), state, error }),
    }
}

async fn client(app: &App, params: &Params) -> Result<Client, Failed> {
    let page = |error| Failed::Page { problem: Problem::UnknownClient, parameter: "client_id", error };
    if params.all("client_id").count() > 1 {
        return Err(page(Error::invalid_request("client_id is repeated")));
    }
    let text = params.get("client_id").ok_or_else(|| page(Error::invalid_request("client_id is missing")))?;
    let unknown = || page(Error::invalid_request("client_id is not that of a registered client"));
    let id = Uuid::try_parse(text).ok().filter(|id| id.to_string() == text).ok_or_else(unknown)?;
    let client = client::find(app, id).await.map_err(page)?.ok_or_else(unknown)?;
    if client.registration().disabled {
        return Err(page(Error::new(Code::UnauthorizedClient, "the client is disabled")));
    }
    Ok(client)
}

fn redirect_uri(client: &Client, params: &Params) -> Result<ValidRedirect, Failed> {
    let page = |error| Failed::Page { problem: Problem::BadRedirect, parameter: "redirect_uri", error };
    if params.pairs().iter().filter(|(name, _)| name == "redirect_uri").count() > 1 {
        return Err(page(Error::invalid_request("redirect_uri is repeated")));
    }
    redirect::check(client, params.get("redirect_uri"))
        .map_err(|refused| page(Error::invalid_request(refused.to_string())))
}

async fn request(
    app: &App,
    client: &Client,
    redirect: &ValidRedirect,
    params: &Params,
) -> Result<AuthorizationRequest, Error> {
    params.refuse_repeats(&["resource"])?;
    unsupported(params)?;
    response_type(params)?;
    if !client.may_use_grant(authorization_code::GRANT.name) {
        return Err(Error::new(
            Code::UnauthorizedClient,
            "this client is not registered for the authorization code flow",
        ));
    }
    let scopes = scopes(client, params)?;
    let challenge =
        Challenge::read(params.get("code_challenge"), params.get("code_challenge_method"), client.may_omit_pkce())?;
    let resources = audience::asked(params)?;
    for uri in &resources {
        audience::live(app, client.registration(), uri).await?;
    }
    Ok(AuthorizationRequest {
        client_id: client.registration().id,
        redirect_uri: redirect.uri().to_owned(),
        redirect_sent: redirect.was_sent(),
        state: limited(params, "state", 2048)?,
        nonce: limited(params, "nonce", 2048)?,
        challenge: challenge.map(|challenge| challenge.as_str().to_owned()),
        scopes: scopes.to_string(),
        resources: if resources.is_empty() {
            client.registration().resources.first().cloned().into_iter().collect()
        } else {
            resources
        },
        prompt: Prompt::read(params.get("prompt").unwrap_or_default())?,
        max_age: max_age(params)?,
        hinted: hinted(app, params)?,
        login_hint: params.get("login_hint").map(|hint| hint.chars().take(256).collect()),
        ui_locales: params.get("ui_locales").map(|locales| locales.chars().take(256).collect()),
    })
}

/// Whom an `id_token_hint` is about.
fn hinted(app: &App, params: &Params) -> Result<Option<String>, Error> {
    let Some(text) = params.get("id_token_hint") else { return Ok(None) };
    let hint = hint::read(app, text);
    hint.map(|hint| Some(hint.sub))
        .ok_or_else(|| Error::invalid_request("id_token_hint is not an ID token of this issuer"))
}

fn unsupported(params: &Params) -> Result<(), Error> {
    for (name, code) in [
        ("request", Code::RequestNotSupported),
        ("request_uri", Code::RequestUriNotSupported),
        ("registration", Code::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            return Err(Error::new(code, format!("the parameter {name} is not supported")));
        }
    }
    Ok(())
}

fn response_type(params: &Params) -> Result<(), Error> {
    let kind = params.get("response_type").ok_or_else(|| Error::invalid_request("response_type is missing"))?;
    if !registry::RESPONSE_TYPES.contains(&kind) {
        return Err(Error::new(Code::UnsupportedResponseType, "response_type must be code"));
    }
    match params.get("response_mode") {
        Some(mode) if !registry::RESPONSE_MODES.contains(&mode) => {
            Err(Error::invalid_request("this response_mode is not supported"))
        }
        _ => Ok(()),
    }
}

fn scopes(client: &Client, params: &Params) -> Result<Scopes, Error> {
    let registered = &client.registration().scopes;
    let asked = Scopes::parse(params.get("scope").unwrap_or_default())?;
    if asked.beyond(registered).is_some() {
        return Err(Error::new(Code::InvalidScope, "a scope is not registered for this client"));
    }
    if asked.iter().any(|scope| super::scope::OWN.iter().any(|(own, _)| *own == scope)) {
        return Err(Error::new(
            Code::InvalidScope,
            "the scopes of this server's own APIs are for clients acting for themselves",
        ));
    }
    Ok(asked)
}

fn max_age(params: &Params) -> Result<Option<u64>, Error> {
    params
        .get("max_age")
        .map(|text| text.parse().map_err(|_| Error::invalid_request("max_age must be a whole number of seconds")))
        .transpose()
}

fn limited(params: &Params, name: &'static str, most: usize) -> Result<Option<String>, Error> {
    match params.get(name) {
        Some(value) if value.len() > most => Err(Error::invalid_request(format!("{name} is longer than {most} bytes"))),
        value => Ok(value.map(str::to_owned)),
    }
}
