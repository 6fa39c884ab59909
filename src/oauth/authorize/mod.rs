//! The authorization endpoint (RFC 6749, 4.1.1; OpenID Connect Core 3.1.2): client, redirect URI, then one ordered list of named
//! checks, which needs both.
//!
//! Until the redirect URI is known to be the client's, whatever is wrong ends on a page; after that, at the client, by redirect.
//! A request that passes becomes an interaction of the sign-in machine. A POST is answered 303 to the same request as GET: a
//! cross-site one comes without the session cookie, the GET brings it.

pub mod checks;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer::Back;
use super::client::{self, Client};
use super::enrol::document;
use super::error::{Code, Error};
use super::redirect::{self, ValidRedirect};
use super::registry;
use super::reply::{self, Read};
use crate::app::App;
use crate::event::Caller;
use crate::http::away;
use crate::http::params::Params;
use crate::login::front::Front;
use crate::login::pages::Problem;
use crate::signin::machine::{self, Beginning};
use crate::signin::request::AuthorizationRequest;
use checks::Asked;

/// A request that passed every check.
#[derive(Debug)]
pub struct Checked {
    pub client: Client,
    pub redirect: ValidRedirect,
    pub request: AuthorizationRequest,
}

/// How a request fails.
#[derive(Debug)]
pub enum Failed {
    /// Nobody to send the browser back to: a page, naming the parameter.
    Page { problem: Problem, parameter: &'static str, error: Error },
    /// The client, of this name, is told.
    Client { redirect: Box<ValidRedirect>, name: String, error: Error },
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
    let said = |name| params.as_ref().ok().and_then(|params| params.get(name));
    let reader = (Front::language(&headers, said("ui_locales")), &caller);
    let failed = match &params {
        Ok(params) => match check(&app, params, &caller).await {
            Ok(checked) => {
                let Checked { client, redirect, request } = checked;
                let name = client.registration().name.clone();
                let begins = Beginning { client, redirect: redirect.clone(), request };
                match machine::begin(&app, begins, &front.browser(&headers), &caller).await {
                    Ok(moved) => return front.follow(&app, &moved, reader),
                    // Whoever comes too often is told here: a redirect would have the client send him again at once.
                    Err(error) if error.code == Code::TooMany => {
                        Failed::Page { problem: Problem::TooMany, parameter: "", error }
                    }
                    Err(error) => Failed::Client { redirect: Box::new(redirect), name, error },
                }
            }
            Err(failed) => failed,
        },
        Err(error) => Failed::Page { problem: Problem::BadRequest, parameter: "", error: error.clone().into() },
    };
    match failed {
        Failed::Client { redirect, name, error } => {
            reply::log(&error, &caller);
            let state = said("state");
            let mode = registry::response_mode(said("response_mode"), &redirect, state);
            let back = Back { issuer: app.config.issuer.as_str(), redirect: &redirect, mode, state };
            front.away(&back.error(&error), &name, reader)
        }
        Failed::Page { problem, parameter, error } => {
            reply::page(&front, reader.0, &caller, &error, (problem, parameter))
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
            away::see_other(&format!("{}?{query}", app.config.issuer.endpoint("/oauth2/authorize")))
        }
        Err(error) => reply::page(&front, Front::language(&headers, None), &caller, &error, (Problem::BadRequest, "")),
    }
}

/// Who asks, where the answer goes, and the list.
pub async fn check(app: &App, params: &Params, caller: &Caller) -> Result<Checked, Failed> {
    let client = client(app, params, caller).await?;
    let redirect = redirect_uri(&client, params)?;
    match checks::pass(&Asked { app, client: &client, redirect: &redirect, params }).await {
        Ok(request) => Ok(Checked { client, redirect, request }),
        Err(error) => {
            let name = client.registration().name.clone();
            Err(Failed::Client { redirect: Box::new(redirect), name, error })
        }
    }
}

async fn client(app: &App, params: &Params, caller: &Caller) -> Result<Client, Failed> {
    let page = |error| Failed::Page { problem: Problem::UnknownClient, parameter: "client_id", error };
    if params.all("client_id").count() > 1 {
        return Err(page(Error::invalid_request("client_id is repeated")));
    }
    let text = params.get("client_id").ok_or_else(|| page(Error::invalid_request("client_id is missing")))?;
    let unknown = || page(Error::invalid_request("client_id is not that of a registered client"));
    let client = if document::is_url(text) {
        document::find(app, caller, text).await.map_err(page)?
    } else {
        client::named(app, text).await.map_err(page)?.ok_or_else(unknown)?
    };
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
