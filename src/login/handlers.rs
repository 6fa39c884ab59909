//! `/login`: what the machine asks for as a page, and what the reader answers as a form.
//!
//! A GET changes nothing. A POST needs the form's own token, bound to browser, interaction and step, and must come from our own
//! pages by `Origin` or `Sec-Fetch-Site`; a foreign one is refused, an empty one is the same page again, never a step. Every
//! answer to a post that moved the machine is a 303. Who can't go on is told how to begin again.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;
use uuid::Uuid;

use super::consent;
use super::device;
use super::front::{Front, Shown};
use super::pages::{Choose, Client, Form, Problem, SignIn, SignInAgain, SignInError, Who};
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::http::away;
use crate::http::headers::Source;
use crate::http::html::Page;
use crate::http::locale::Lang;
use crate::http::origin;
use crate::http::params::Params;
use crate::identity::prove::Unproven;
use crate::oauth::error::Error;
use crate::oauth::reply::{self, Read};
use crate::session::{self, Held};
use crate::signin::browser::Browser;
use crate::signin::open::{self, Open, Refused, Stale};
use crate::signin::{judged, machine};

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
    let host = open
        .redirect()
        .and_then(|redirect| Url::parse(redirect.uri()).ok())
        .map(|url| url.host_str().map_or_else(|| url.scheme().to_owned(), str::to_owned));
    // Who is a document is known by where that stands; where it takes users is told beside.
    let document = registration.document.as_deref().and_then(|url| Url::parse(url).ok());
    let host = match document.as_ref().and_then(Url::host_str) {
        Some(home) if host.as_deref() != Some(home) => Some(format!("{home} → {}", host.unwrap_or_default())),
        _ => host,
    };
    Client {
        name: registration.name.clone(),
        host: host.unwrap_or_default(),
        logo: logo(open).filter(|uri| logo_origin(uri).is_some()),
        site: registration.metadata.client_uri.clone(),
        policy: registration.policy_uri.clone(),
        terms: registration.tos_uri.clone(),
        unverified: !open.client.is_verified(),
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

/// What an administrator has let in may show its face. Whoever registered himself could wear anybody's, and would learn who looks.
fn logo(open: &Open) -> Option<String> {
    open.client.registration().metadata.logo_uri.clone().filter(|_| open.client.is_verified())
}

/// Where a logo comes from: an `https` origin that a policy can name exactly, or it isn't shown.
fn logo_origin(uri: &str) -> Option<Source> {
    Url::parse(uri).ok().filter(|url| url.scheme() == "https").and_then(|url| Source::exact(&url))
}

/// The one foreign origin the pages of this interaction show an image of.
pub(super) fn logo_from(open: &Open) -> Option<Source> {
    logo(open).as_deref().and_then(logo_origin)
}

/// A form of this interaction may end at the client: browsers apply `form-action` to the redirect after it.
pub(super) fn ends_at(open: &Open) -> Option<Source> {
    Url::parse(open.redirect()?.uri()).ok().map(|url| Source::of(&url))
}

/// `GET /login`
pub async fn get(
    State(app): State<App>,
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit =
        Visit { app: &app, front: &front, caller: &caller, headers: &headers, browser: front.browser(&headers) };
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let params = match params.and_then(|params| params.refuse_repeats(&[]).map(|()| params)) {
        Ok(params) => params,
        Err(error) => return unreadable(&visit, &error.into()),
    };
    match show(&visit, params.get("interaction")).await {
        Ok(response) => response,
        Err(refused) => refusal(&visit, &refused).await,
    }
}

async fn show(visit: &Visit<'_>, interaction: Option<&str>) -> Result<Response, Refused> {
    let open = open::open(visit.app, id(interaction)?, &visit.browser).await?;
    if let Some(again) = open.stale(visit.app).again
        && judged::is_needless(visit.app, &open, &visit.browser).await?
    {
        return Ok(away::see_other(&again));
    }
    page(visit, &open).await
}

/// The page of the step the machine is at.
async fn page(visit: &Visit<'_>, open: &Open) -> Result<Response, Refused> {
    if let Some(held) = open::choosing(visit.app, open, &visit.browser).await? {
        return choose(visit, open, &held);
    }
    match open::consenting(visit.app, open, &visit.browser).await? {
        Some(held) => consent::page(visit, open, &held).await,
        None => sign_in(visit, open, None, None).await,
    }
}

/// Whether it shall be whoever is signed in here.
fn choose(visit: &Visit<'_>, open: &Open, held: &Held) -> Result<Response, Refused> {
    let lang = visit.lang(open);
    let page = Choose {
        frame: visit.front.frame(lang, visit.caller),
        form: visit.form(open),
        client: shown_client(open),
        who: shown_user(held).ok_or(Refused::Unknown)?,
    };
    Ok(Page::new(lang, page).forms_to(ends_at(open)).images_from(logo_from(open)).into_response())
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
        Err(error) => return unreadable(&visit, &error),
    };
    match answered(&visit, &form).await {
        Ok(response) => response,
        Err(refused) => refusal(&visit, &refused).await,
    }
}

/// What a form may say besides its fields; two at once say nothing.
const BUTTONS: [&str; 5] = ["login-cancel", "consent-deny", "consent-allow", "account-continue", "another-account"];

async fn answered(visit: &Visit<'_>, form: &Params) -> Result<Response, Refused> {
    let Visit { app, front, caller, browser, .. } = visit;
    if !origin::is_own(visit.headers, app.config.issuer.origin()) {
        return Err(Refused::NotFromHere(None));
    }
    let open = open::open(app, id(form.get("interaction"))?, browser).await?;
    if !browser.holds(app, &open.interaction, form.get("form_token").unwrap_or_default()) {
        return Err(Refused::NotFromHere(Some(open.stale(app))));
    }
    let mut pressed = BUTTONS.into_iter().filter(|name| form.get(name).is_some());
    let button = match (pressed.next(), pressed.next()) {
        (button, None) => button,
        _ => return page(visit, &open).await,
    };
    // Whose session has ended while the question stood is asked to sign in, not to consent.
    let asked = match open::choosing(app, &open, browser).await? {
        Some(held) => Some(held),
        None => open::consenting(app, &open, browser).await?,
    };
    let next = match button {
        Some("login-cancel") => machine::cancel(app, &open, asked.as_ref(), caller).await?,
        Some("consent-deny") if open.wants_consent() => machine::cancel(app, &open, asked.as_ref(), caller).await?,
        Some("consent-allow") if open.wants_consent() => machine::allow(app, &open, browser, caller).await?,
        Some("account-continue") if open.wants_choice() => machine::choose(app, &open, browser, caller).await?,
        Some("another-account") => machine::another_account(app, &open).await?,
        None if asked.is_none() => return typed(visit, &open, form).await,
        _ => return page(visit, &open).await,
    };
    Ok(front.follow(app, &next.into(), (visit.lang(&open), visit.caller)))
}

/// User name and password, typed.
async fn typed(visit: &Visit<'_>, open: &Open, form: &Params) -> Result<Response, Refused> {
    let (name, password) = (form.field("username").unwrap_or_default(), form.field("password").unwrap_or_default());
    if name.is_empty() || password.is_empty() {
        return sign_in(visit, open, Some(name), None).await;
    }
    let failed = match machine::password(visit.app, open, &visit.browser, (name, password), visit.caller).await {
        Ok(moved) => return Ok(visit.front.follow(visit.app, &moved, (visit.lang(open), visit.caller))),
        Err(Refused::Unproven(Unproven::Wrong)) => SignInError::Wrong,
        Err(Refused::Unproven(Unproven::Throttled(seconds))) => SignInError::Throttled { seconds },
        Err(Refused::Unproven(Unproven::Closed)) => SignInError::Closed,
        Err(Refused::Unproven(Unproven::Busy(error))) => {
            tracing::warn!(%error, "a password could not be looked at");
            SignInError::Busy
        }
        Err(other) => return Err(other),
    };
    sign_in(visit, open, Some(name), Some(failed)).await
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
    let held =
        if open.asks_for_another() { None } else { session::of_cookie(visit.app, visit.browser.session()).await? };
    // Whom the request is not about need not type a password for it.
    let held = held.filter(|held| open.request.accepts(open.client.registration(), &held.standing));
    let (client, form) = (Some(shown_client(open)), visit.form(open));
    let status = match error {
        None => StatusCode::OK,
        // Not 401: that asks for an HTTP authentication scheme.
        Some(SignInError::Wrong) => StatusCode::BAD_REQUEST,
        Some(SignInError::Throttled { .. } | SignInError::Closed) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = match held.as_ref().and_then(shown_user) {
        Some(who) => {
            let page = SignInAgain { frame, form, client, who, error };
            Page::new(lang, page).status(status).forms_to(ends_at(open)).images_from(logo_from(open)).into_response()
        }
        None => {
            let username = typed.or(open.request.login_hint.as_deref()).unwrap_or_default().to_owned();
            let page = SignIn { frame, form, client, username, error };
            Page::new(lang, page).status(status).forms_to(ends_at(open)).images_from(logo_from(open)).into_response()
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

/// A request that can't be read: a page that says why.
pub(super) fn unreadable(visit: &Visit<'_>, error: &Error) -> Response {
    let lang = Front::language(visit.headers, None);
    reply::page(visit.front, lang, visit.caller, error, (Problem::BadRequest, ""))
}

/// A move that is no path of the machine: a page that says what to do, and no step.
async fn refusal(visit: &Visit<'_>, refused: &Refused) -> Response {
    let (problem, stale) = match refused {
        Refused::Unknown => (Problem::Expired, None),
        Refused::OtherBrowser => (Problem::OtherBrowser, None),
        Refused::Expired(stale) => (Problem::Expired, Some(stale)),
        Refused::Finished(stale) => (Problem::Finished, Some(stale)),
        Refused::NoClient => (Problem::UnknownClient, None),
        Refused::BadRedirect => (Problem::BadRedirect, None),
        Refused::Over => (Problem::DeviceOver, None),
        Refused::Answered { allowed, client, ui_locales } => {
            return device::answered(visit, *allowed, client, ui_locales.as_deref());
        }
        Refused::NotFromHere(stale) => (Problem::NotFromHere, stale.as_ref()),
        Refused::Unproven(Unproven::Store(error)) => return failed(visit, &Error::unavailable(error)),
        Refused::Unproven(_) => (Problem::BadRequest, None),
        Refused::Failed(error) => return failed(visit, error),
    };
    tracing::info!(request = ?visit.caller.request_id, %refused, "a step of a sign-in was refused");
    if problem == Problem::NotFromHere {
        note_foreign(visit).await;
    }
    told(visit, problem, stale.map(|stale| &**stale))
}

/// A form that is not from a page of ours.
pub(super) async fn note_foreign(visit: &Visit<'_>) {
    let (app, caller) = (visit.app, visit.caller);
    let record = Record::new(Event::FormRefused, Actor::Anonymous, caller, app.clock.now()).outcome("refused");
    app.audit_rate.note(&app.store, &record, app.clock.monotonic()).await;
}

/// The page of a refusal; with the way to begin again, when it was this browser's own.
pub(super) fn told(visit: &Visit<'_>, problem: Problem, stale: Option<&Stale>) -> Response {
    let lang = Front::language(visit.headers, stale.and_then(|stale| stale.ui_locales.as_deref()));
    let back = stale.and_then(|stale| Some((stale.client.clone(), stale.home.clone()?)));
    // An application that is no web site is only named.
    let named = stale.filter(|stale| stale.home.is_none());
    let client = named.map(|stale| stale.client.clone());
    let again = stale.and_then(|stale| stale.again.clone());
    visit.front.error(lang, visit.caller, problem, Shown { client, again, back, ..Shown::default() })
}

pub(super) fn failed(visit: &Visit<'_>, error: &Error) -> Response {
    reply::page(visit.front, Front::language(visit.headers, None), visit.caller, error, (Problem::Broken, ""))
}

fn id(text: Option<&str>) -> Result<Uuid, Refused> {
    text.and_then(|text| Uuid::try_parse(text).ok()).ok_or(Refused::Unknown)
}
