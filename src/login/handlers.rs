//! `/login`: what the machine asks for as a page, and what the reader answers as a form.
//!
//! A GET changes nothing. A POST needs the form's own token, bound to browser, interaction and step, and must come from our own
//! pages by `Origin` or `Sec-Fetch-Site`. An empty or foreign form is the same page again, never a step. Every answer to a post
//! that moved the machine is a 303.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::consent;
use super::front::{Front, Shown};
use super::pages::{Client, Form, Problem, SignIn, SignInAgain, SignInError, Who};
use crate::app::App;
use crate::event::Caller;
use crate::http::headers::Source;
use crate::http::html::Page;
use crate::http::locale::Lang;
use crate::http::origin;
use crate::http::params::Params;
use crate::identity::prove::Unproven;
use crate::oauth::error::{Code, Error};
use crate::oauth::reply::{self, Read};
use crate::session::{self, Held};
use crate::signin::browser::Browser;
use crate::signin::machine::{self, Moved, Open, Refused};

/// What the address says.
#[derive(Debug, Deserialize)]
pub struct At {
    interaction: Option<String>,
}

/// One visit: all a page or a move needs.
pub(super) struct Visit<'a> {
    pub app: &'a App,
    pub front: &'a Front,
    pub caller: &'a Caller,
    pub headers: &'a HeaderMap,
    pub browser: Browser,
}

impl Visit<'_> {
    pub fn lang(&self, open: &Open) -> Lang {
        Front::language(self.headers, open.request.ui_locales.as_deref())
    }

    /// The hidden fields of this interaction's forms.
    pub fn form(&self, open: &Open) -> Form {
        Form {
            action: self.app.config.issuer.endpoint("/login"),
            token: self.browser.form_token(self.app, &open.interaction),
            interaction: open.interaction.id.to_string(),
        }
    }
}

/// The client, as pages show it.
pub(super) fn shown_client(open: &Open) -> Client {
    let registration = open.client.registration();
    let host = Url::parse(open.redirect.uri())
        .ok()
        .map(|url| url.host_str().map_or_else(|| url.scheme().to_owned(), str::to_owned));
    Client {
        name: registration.name.clone(),
        host: host.unwrap_or_default(),
        policy: registration.policy_uri.clone(),
        terms: registration.tos_uri.clone(),
    }
}

/// The user, as pages show him.
pub(super) fn shown_user(held: &Held) -> Option<Who> {
    let user = held.standing.user()?;
    Some(Who {
        username: user.username.clone(),
        name: user.name.clone().unwrap_or_default(),
        email: user.email.clone(),
    })
}

/// A form of this interaction may end at the client: browsers apply `form-action` to the redirect after it.
pub(super) fn ends_at(open: &Open) -> Option<Source> {
    Url::parse(open.redirect.uri()).ok().map(|url| Source::of(&url))
}

/// `GET /login`
pub async fn get(
    State(app): State<App>,
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    Query(at): Query<At>,
    headers: HeaderMap,
) -> Response {
    let visit =
        Visit { app: &app, front: &front, caller: &caller, headers: &headers, browser: front.browser(&headers) };
    match show(&visit, at.interaction.as_deref()).await {
        Ok(response) => response,
        Err(refused) => refusal(&visit, &refused),
    }
}

async fn show(visit: &Visit<'_>, interaction: Option<&str>) -> Result<Response, Refused> {
    let open = machine::open(visit.app, id(interaction)?, &visit.browser).await?;
    if open.wants_consent()
        && let Some(held) = machine::consenting(visit.app, &open, &visit.browser).await?
    {
        return consent::page(visit, &open, &held).await;
    }
    sign_in(visit, &open, None, None).await
}

/// `POST /login`
pub async fn post(
    State(app): State<App>,
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Read,
) -> Response {
    let visit =
        Visit { app: &app, front: &front, caller: &caller, headers: &headers, browser: front.browser(&headers) };
    let form = match reply::form(&headers, body, &[]) {
        Ok(form) => form,
        Err(error) => {
            reply::log(&error, &caller);
            let description = error.description();
            let shown = Shown { code: Some(error.code.name()), detail: Some(&description), ..Shown::default() };
            return front.error(Front::language(&headers, None), &caller, Problem::BadRequest, shown);
        }
    };
    match answered(&visit, &form).await {
        Ok(response) => response,
        Err(refused) => refusal(&visit, &refused),
    }
}

async fn answered(visit: &Visit<'_>, form: &Params) -> Result<Response, Refused> {
    let Visit { app, front, caller, browser, .. } = visit;
    if !origin::is_own(visit.headers, app.config.issuer.origin()) {
        return Err(Refused::NotFromHere);
    }
    let open = machine::open(app, id(form.get("interaction"))?, browser).await?;
    if !browser.holds(app, &open.interaction, form.get("form_token").unwrap_or_default()) {
        return Err(Refused::NotFromHere);
    }
    let moved = |next| Moved { next, browser: None, session: None };
    let pressed = |name| form.get(name).is_some();
    let buttons = ["login-cancel", "consent-deny", "consent-allow", "another-account"];
    if buttons.into_iter().filter(|name| pressed(name)).count() > 1 {
        return show(visit, form.get("interaction")).await;
    }
    if pressed("login-cancel") || (open.wants_consent() && pressed("consent-deny")) {
        return Ok(front.follow(app, &moved(machine::cancel(app, &open, caller).await?)));
    }
    if pressed("another-account") {
        let next = machine::another_account(app, &open).await?;
        return Ok(front.follow(app, &moved(next)));
    }
    if open.wants_consent() {
        if pressed("consent-allow") {
            return Ok(front.follow(app, &moved(machine::allow(app, &open, browser, caller).await?)));
        }
        return show(visit, form.get("interaction")).await;
    }
    let (name, password) = (form.field("username").unwrap_or_default(), form.field("password").unwrap_or_default());
    if name.is_empty() || password.is_empty() {
        return sign_in(visit, &open, Some(name), None).await;
    }
    match machine::password(app, &open, browser, (name, password), caller).await {
        Ok(moved) => Ok(front.follow(app, &moved)),
        Err(Refused::Unproven(Unproven::Wrong)) => sign_in(visit, &open, Some(name), Some(SignInError::Wrong)).await,
        Err(Refused::Unproven(Unproven::Throttled(seconds))) => {
            sign_in(visit, &open, Some(name), Some(SignInError::Throttled { seconds })).await
        }
        Err(Refused::Unproven(Unproven::Busy(error))) => {
            tracing::warn!(%error, "a password could not be looked at");
            sign_in(visit, &open, Some(name), Some(SignInError::Busy)).await
        }
        Err(other) => Err(other),
    }
}

/// The sign-in page: asking again for whoever is signed in here, or for anyone.
async fn sign_in(
    visit: &Visit<'_>,
    open: &Open,
    typed: Option<&str>,
    error: Option<SignInError>,
) -> Result<Response, Refused> {
    let lang = visit.lang(open);
    let frame = visit.front.frame(lang, visit.caller);
    let held = if open.request.prompt.select_account || open.asks_for_another() {
        None
    } else {
        session::of_cookie(visit.app, visit.browser.session()).await?
    };
    let (client, form) = (Some(shown_client(open)), visit.form(open));
    let status = match error {
        None => StatusCode::OK,
        Some(SignInError::Wrong) => StatusCode::UNAUTHORIZED,
        Some(SignInError::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = match held.as_ref().and_then(shown_user) {
        Some(who) => {
            let page = SignInAgain { frame, form, client, who, error };
            Page::new(lang, page).status(status).forms_to(ends_at(open)).into_response()
        }
        None => {
            let username = typed.or(open.request.login_hint.as_deref()).unwrap_or_default().to_owned();
            let page = SignIn { frame, form, client, username, error };
            Page::new(lang, page).status(status).forms_to(ends_at(open)).into_response()
        }
    };
    let seconds = match error {
        Some(SignInError::Throttled { seconds }) => Some(seconds),
        Some(SignInError::Busy) => Some(1),
        _ => None,
    };
    if let Some(value) = seconds.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    Ok(response)
}

/// A move that is no path of the machine: a page that says what to do, and no step.
fn refusal(visit: &Visit<'_>, refused: &Refused) -> Response {
    let lang = Front::language(visit.headers, None);
    let problem = match refused {
        Refused::Expired => Problem::Expired,
        Refused::OtherBrowser => Problem::OtherBrowser,
        Refused::Finished => Problem::Finished,
        Refused::NotFromHere => Problem::NotFromHere,
        Refused::Unproven(Unproven::Store(error)) => return failed(visit, lang, &Error::unavailable(error)),
        Refused::Unproven(_) => Problem::BadRequest,
        Refused::Failed(error) => return failed(visit, lang, error),
    };
    tracing::info!(request = ?visit.caller.request_id, %refused, "a step of a sign-in was refused");
    visit.front.error(lang, visit.caller, problem, Shown::default())
}

fn failed(visit: &Visit<'_>, lang: Lang, error: &Error) -> Response {
    reply::log(error, visit.caller);
    let passing = error.code == Code::TemporarilyUnavailable;
    let problem = if passing { Problem::Overloaded } else { Problem::Broken };
    let mut response = visit.front.error(lang, visit.caller, problem, Shown::default());
    if passing {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn id(text: Option<&str>) -> Result<Uuid, Refused> {
    text.and_then(|text| Uuid::try_parse(text).ok()).ok_or(Refused::Expired)
}
