//! The dashboard's pages.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value};

use super::super::web::Trouble;
use super::super::{jwt, page};
use super::browsers::{Browser, Outcome};
use super::calls::hint;
use super::tokens::SignedIn;
use super::{Dashboard, Shared};

/// Signed out: what this is, and the way in.
#[derive(Template)]
#[template(path = "demo/home.html")]
struct Home<'a> {
    issuer: &'a str,
    /// Whether there is a dashboard in the browser besides.
    alone: bool,
    /// Whether the issuer ended what was here.
    told: bool,
}

/// Something failed: what, and the way on.
#[derive(Template)]
#[template(path = "demo/trouble.html")]
struct Failed<'a> {
    title: &'a str,
    words: String,
    advice: String,
}

/// The end of a sign-out.
#[derive(Template)]
#[template(path = "demo/signed_out.html")]
struct SignedOut<'a> {
    issuer: &'a str,
    confirmed: bool,
}

/// Signed in: who, the tokens, the buttons, and what the last one did.
#[derive(Template)]
#[template(path = "demo/overview.html")]
struct Overview<'a> {
    name: String,
    initial: String,
    issuer: &'a str,
    gateway: &'a str,
    alone: bool,
    ended: Option<&'static str>,
    result: Option<&'a Outcome>,
    id_claims: Vec<(String, String)>,
    userinfo: Vec<(String, String)>,
    token: Shown,
    generations: Vec<Row>,
}

/// An access token taken apart.
struct Shown {
    head: Vec<(String, String)>,
    claims: Vec<(String, String)>,
    scope: String,
    expires: i64,
    expires_words: String,
    left: i64,
}

/// One line of the refresh tokens' history.
struct Row {
    number: usize,
    token: String,
    how: &'static str,
    at: String,
    jti: String,
    repeats: u32,
    state: &'static str,
    tone: &'static str,
}

/// `GET /`.
pub(super) async fn overview(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    let mut told = false;
    if let Some(browser) = dashboard.browsers.find(&headers, dashboard.clock.monotonic()) {
        let browser = browser.lock().await;
        told = browser.told;
        if let Some(signed_in) = &browser.signed_in {
            return page::html(StatusCode::OK, &dashboard.overview_of(&browser, signed_in));
        }
    }
    page::html(
        StatusCode::OK,
        &Home { issuer: &dashboard.config.issuer, alone: dashboard.config.browser_client_id.is_some(), told },
    )
}

impl Dashboard {
    fn overview_of<'a>(&'a self, browser: &'a Browser, signed_in: &'a SignedIn) -> Overview<'a> {
        let claim = |name| jwt::text(&signed_in.userinfo, name).or_else(|| jwt::text(&signed_in.id_claims, name));
        let name = claim("name").or_else(|| claim("preferred_username")).or_else(|| claim("sub")).unwrap_or("somebody");
        Overview {
            name: name.to_owned(),
            initial: name.chars().take(1).flat_map(char::to_uppercase).collect(),
            issuer: &self.config.issuer,
            gateway: &self.config.gateway_url,
            alone: self.config.browser_client_id.is_some(),
            ended: signed_in.ended,
            result: browser.result.as_ref(),
            id_claims: rows(&signed_in.id_claims),
            userinfo: rows(&signed_in.userinfo),
            token: shown(&signed_in.access_token, signed_in.scope.as_deref(), self.clock.now().timestamp()),
            generations: generations(signed_in),
        }
    }
}

fn shown(access_token: &str, scope: Option<&str>, now: i64) -> Shown {
    let (head, claims) = jwt::show(access_token).unwrap_or_default();
    let expires = jwt::time(&claims, "exp").unwrap_or(now);
    Shown {
        scope: scope.or_else(|| jwt::text(&claims, "scope")).unwrap_or("none").to_owned(),
        head: rows(&head),
        claims: rows(&claims),
        expires,
        expires_words: page::hour(expires),
        left: (expires - now).max(0),
    }
}

fn generations(signed_in: &SignedIn) -> Vec<Row> {
    let last = signed_in.history.len().saturating_sub(1);
    let row = |(number, generation): (usize, &super::tokens::Generation)| {
        let (state, tone) = match (number == last, signed_in.ended) {
            (_, Some(_)) => ("ended", "bad"),
            (true, None) => ("live", "good"),
            (false, None) => ("replaced", ""),
        };
        Row {
            number,
            token: hint(&generation.refresh_token),
            how: generation.how,
            at: page::hour(generation.at),
            jti: generation.jti.clone(),
            repeats: generation.repeats,
            state,
            tone,
        }
    };
    signed_in.history.iter().enumerate().map(row).rev().collect()
}

fn rows(claims: &Map<String, Value>) -> Vec<(String, String)> {
    let shown = |name: &str, value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(_) if matches!(name, "exp" | "iat" | "nbf" | "auth_time" | "updated_at") => {
            let time = jwt::time(claims, name).unwrap_or_default();
            format!("{value} ({})", page::moment(time))
        }
        other => other.to_string(),
    };
    claims.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect()
}

/// A page for what went wrong.
pub(super) fn trouble(dashboard: &Dashboard, status: StatusCode, trouble: &Trouble) -> Response {
    let (title, advice) = match trouble {
        Trouble::Unreachable { url, .. } if url.starts_with(&dashboard.config.issuer) => {
            ("The issuer can't be reached", format!("Is it running at {}? Then try again.", dashboard.config.issuer))
        }
        Trouble::Unreachable { .. } => ("The gateway can't be reached", "Is it running? Then try again.".to_owned()),
        Trouble::Refused(_) => ("That did not work", "Start again from the dashboard.".to_owned()),
        _ => ("An answer that is of no use", "The log of the issuer or the gateway will say more.".to_owned()),
    };
    page::html(status, &Failed { title, words: trouble.to_string(), advice })
}

/// A request the dashboard does not take.
pub(super) fn refused(_: &Dashboard, why: &str) -> Response {
    let advice = "Open the dashboard at its own address and press the button there.".to_owned();
    page::html(StatusCode::FORBIDDEN, &Failed { title: "Not accepted", words: why.to_owned(), advice })
}

/// Back from the issuer's sign-out.
pub(super) fn signed_out(dashboard: &Dashboard, confirmed: bool) -> Response {
    page::html(StatusCode::OK, &SignedOut { issuer: &dashboard.config.issuer, confirmed })
}

/// Any other path.
pub(super) async fn nothing_here() -> Response {
    let words = "The dashboard has no page at this address.".to_owned();
    let page = Failed { title: "Nothing here", words, advice: "Go to the overview.".to_owned() };
    page::html(StatusCode::NOT_FOUND, &page)
}
