//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): GET and POST.
//!
//! With an ID token of this very browser's session as hint (expired is fine, tampered is not) the session ends at once; in every
//! other case the user confirms. A browser is sent on only to a `post_logout_redirect_uri` registered for the client; with
//! anything wrong there is a page and no redirect, and nothing is ended. A POST without the confirmation is answered 303 to the
//! same request as GET, which brings the session cookie.
//!
//! The clients of a session that ends are told: from server to server before the browser is sent on (`notify`), and through the
//! browser by a page of hidden frames (OpenID Connect Front-Channel Logout 1.0). `ui_locales` chooses the pages' language. A
//! `logout_hint` is taken and changes nothing: who is signed out is whoever this browser's session is of, which the question
//! tells.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use url::Url;
use uuid::Uuid;

use super::hint::{self, Hint};
use super::{channels, notify};
use crate::app::App;
use crate::event::Caller;
use crate::http::away;
use crate::http::headers::Source;
use crate::http::html::Page;
use crate::http::locale::Lang;
use crate::http::origin;
use crate::http::params::{Params, append, encode};
use crate::keyring::mac::FORM;
use crate::login::front::{Front, Shown};
use crate::login::pages::{Form, Problem, SignOut, SignedOut, Who};
use crate::oauth::client::{self, Client};
use crate::oauth::error::Error;
use crate::oauth::redirect::{self, ValidRedirect};
use crate::oauth::reply::{self, Read};
use crate::secret::Digest;
use crate::session::{self, Held};
use crate::store::logouts;

/// The most frames of one page; who has more applications open signs out of the rest by the other way.
const MOST_FRAMES: usize = 50;

/// A request that passed its checks.
#[derive(Debug)]
struct Asked {
    hint: Option<Hint>,
    client: Option<Client>,
    redirect: Option<ValidRedirect>,
    state: Option<String>,
}

/// What is wrong, and with which parameter.
struct Wrong(&'static str, Error);

/// One visit.
struct Visit<'a> {
    app: &'a App,
    front: &'a Front,
    caller: &'a Caller,
    headers: &'a HeaderMap,
    query: &'a str,
    lang: Lang,
}

/// The language of the pages, whatever else is wrong with the request.
fn language(headers: &HeaderMap, query: &str) -> Lang {
    let params = Params::parse(query.as_bytes()).unwrap_or_default();
    Front::language(headers, params.get("ui_locales"))
}

/// `GET /oauth2/logout`
pub async fn get(
    State(app): State<App>,
    Extension(front): Extension<Front>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let lang = language(&headers, &query);
    let visit = Visit { app: &app, front: &front, caller: &caller, headers: &headers, query: &query, lang };
    answer(&visit, None).await.unwrap_or_else(|wrong| visit.wrong(&wrong))
}

/// `POST /oauth2/logout`
pub async fn post(
    State(app): State<App>,
    (Extension(front), Extension(caller)): (Extension<Front>, Extension<Caller>),
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Read,
) -> Response {
    let query = query.unwrap_or_default();
    let lang = language(&headers, &query);
    let visit = Visit { app: &app, front: &front, caller: &caller, headers: &headers, query: &query, lang };
    let form = match reply::form(&headers, body, &[]) {
        Ok(form) => form,
        Err(error) => return visit.wrong(&Wrong("", error)),
    };
    if form.get("form_token").is_none() && form.get("logout-confirm").is_none() {
        let query = encode(form.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let location = format!("{}?{query}", app.config.issuer.endpoint("/oauth2/logout"));
        return away::see_other(&location);
    }
    answer(&visit, Some(&form)).await.unwrap_or_else(|wrong| visit.wrong(&wrong))
}

async fn answer(visit: &Visit<'_>, confirmed: Option<&Params>) -> Result<Response, Wrong> {
    let params = Params::parse(visit.query.as_bytes()).map_err(|error| Wrong("", error.into()))?;
    let asked = check(visit.app, &params).await?;
    let cookie = visit.front.jar().get(visit.headers, session::COOKIE);
    let held = session::of_cookie(visit.app, cookie).await.map_err(|error| Wrong("", error.into()))?;
    let Some(held) = held else { return Ok(visit.done(&asked, None)) };
    if let Some(form) = confirmed {
        let token = form.get("form_token").unwrap_or_default();
        if !origin::is_own(visit.headers, visit.app.config.issuer.origin()) || !visit.holds(cookie, token) {
            return Ok(visit.page(Problem::NotFromHere, Shown::default()));
        }
        if form.get("logout-confirm").is_none() {
            return Ok(visit.confirm(&asked, &held, cookie));
        }
    } else if !is_of(asked.hint.as_ref(), &held) {
        return Ok(visit.confirm(&asked, &held, cookie));
    }
    session::sign_out(visit.app, &held, visit.caller).await.map_err(|error| Wrong("", error.into()))?;
    let ((), tells) = tokio::join!(notify::tell(visit.app, held.session_id), tells(visit.app, held.session_id));
    Ok(visit.done(&asked, Some(tells)))
}

/// The pages by which the clients of a session are told through the browser. One that can't be found out now is not told this way: the
/// session has ended, and that is said whatever happens.
async fn tells(app: &App, session_id: Uuid) -> Vec<Url> {
    let told = async {
        let mut told = Vec::new();
        for id in logouts::clients_of(&app.store, session_id).await? {
            let client = client::find(app, id).await?;
            let Some(client) = client.filter(|client| !client.registration().disabled) else { continue };
            let (metadata, issuer) = (&client.registration().metadata, app.config.issuer.as_str());
            told.extend(channels::front_address(metadata, issuer, &session_id.to_string()));
        }
        Ok::<_, Error>(told)
    };
    let mut told = told.await.unwrap_or_else(|error| {
        tracing::warn!(%error, %session_id, "the clients to be told of a sign-out by the browser could not be read");
        Vec::new()
    });
    told.truncate(MOST_FRAMES);
    told
}

/// Whether a hint is an ID token of this very session.
fn is_of(hint: Option<&Hint>, held: &Held) -> bool {
    let sub = held.standing.user().map(|user| user.sub.to_string());
    hint.is_some_and(|hint| hint.sid == Some(held.session_id) && Some(&hint.sub) == sub.as_ref())
}

async fn check(app: &App, params: &Params) -> Result<Asked, Wrong> {
    params.refuse_repeats(&[]).map_err(|error| Wrong("", error.into()))?;
    let hint = match params.get("id_token_hint") {
        None => None,
        Some(text) => {
            let read = hint::read(app, text).await.map_err(|error| Wrong("id_token_hint", error.into()))?;
            Some(read.ok_or_else(|| {
                Wrong("id_token_hint", Error::invalid_request("id_token_hint is not an ID token of this issuer"))
            })?)
        }
    };
    let named = params.get("client_id").map(str::to_owned);
    if let (Some(hint), Some(named)) = (&hint, &named)
        && hint.aud != *named
    {
        return Err(Wrong("client_id", Error::invalid_request("client_id is not the one the ID token was issued to")));
    }
    let client = match hint.as_ref().map(|hint| hint.aud.clone()).or(named.clone()) {
        None => None,
        // A disabled client is nobody's way out either.
        Some(id) => client::named(app, &id)
            .await
            .map_err(|error| Wrong("client_id", error))?
            .filter(|client| !client.registration().disabled),
    };
    if named.is_some() && client.is_none() {
        return Err(Wrong("client_id", Error::invalid_request("client_id is not that of a registered client")));
    }
    let redirect = match params.get("post_logout_redirect_uri") {
        None => None,
        Some(uri) => {
            let known = client.as_ref().and_then(|client| redirect::check_post_logout(client.registration(), uri));
            let why =
                "post_logout_redirect_uri is not one registered for the client that id_token_hint or client_id names";
            Some(known.ok_or_else(|| Wrong("post_logout_redirect_uri", Error::invalid_request(why)))?)
        }
    };
    Ok(Asked { hint, client, redirect, state: params.get("state").map(str::to_owned) })
}

impl Visit<'_> {
    /// Asks the user.
    fn confirm(&self, asked: &Asked, held: &Held, cookie: Option<&str>) -> Response {
        let Some(user) = held.standing.user() else { return self.done(asked, None) };
        let page = SignOut {
            frame: self.front.frame(self.lang, self.caller),
            form: Form {
                action: format!("{}?{}", self.app.config.issuer.endpoint("/oauth2/logout"), self.query),
                token: self.token(cookie),
                interaction: String::new(),
            },
            who: Who {
                username: user.username.clone(),
                name: user.name.clone().unwrap_or_default(),
                email: user.email.clone(),
            },
            client: asked.client.as_ref().map(|client| client.registration().name.clone()),
        };
        let ends =
            asked.redirect.as_ref().and_then(|redirect| Url::parse(redirect.uri()).ok()).map(|url| Source::of(&url));
        Page::new(self.lang, page).forms_to(ends).into_response()
    }

    /// Nothing is signed in here any more: back to the client, or a page that says so. `ended`: by this request, with the pages by
    /// which clients are told.
    fn done(&self, asked: &Asked, ended: Option<Vec<Url>>) -> Response {
        let location = asked
            .redirect
            .as_ref()
            .map(|redirect| append(redirect.uri(), asked.state.as_deref().map(|state| ("state", state))));
        // A page's policy names its frames' origins and nothing wider.
        let (sources, tells): (Vec<_>, Vec<_>) =
            ended.iter().flatten().filter_map(|url| Some((Source::exact(url)?, url.to_string()))).unzip();
        // Who signed nobody out and proves nothing is not sent anywhere by itself.
        let mut response = match location {
            Some(to) if tells.is_empty() && (ended.is_some() || asked.hint.is_some()) => away::see_other(&to),
            back => {
                let name = asked.client.as_ref().map(|client| client.registration().name.clone());
                let page = SignedOut { frame: self.front.frame(self.lang, self.caller), back: name.zip(back), tells };
                Page::new(self.lang, page).frames_of(sources).into_response()
            }
        };
        if ended.is_some()
            && let Some(cookie) = self.front.jar().clear(session::COOKIE)
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    fn wrong(&self, Wrong(parameter, error): &Wrong) -> Response {
        reply::page(self.front, self.lang, self.caller, error, (Problem::BadRequest, parameter))
    }

    fn page(&self, problem: Problem, shown: Shown<'_>) -> Response {
        self.front.error(self.lang, self.caller, problem, shown)
    }

    /// What a confirmation must carry: bound to the session cookie and to the very request.
    fn token(&self, cookie: Option<&str>) -> String {
        self.app.keyring.mac(FORM).token(&self.bound(cookie))
    }

    fn holds(&self, cookie: Option<&str>, token: &str) -> bool {
        self.app.keyring.mac(FORM).holds(&self.bound(cookie), token)
    }

    fn bound(&self, cookie: Option<&str>) -> Vec<u8> {
        let session = Digest::of(&[b"session", cookie.unwrap_or_default().as_bytes()]);
        [b"logout", session.as_bytes(), self.query.as_bytes()].concat()
    }
}
