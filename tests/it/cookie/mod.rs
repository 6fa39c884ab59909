//! Refresh tokens by cookie: a browser dashboard on the issuer's site, its pages and its tabs.

mod armour;
mod binding;
mod origins;
mod registration;
mod revoking;
mod tabs;

use chancery::event::Event;
use chancery::store::audit;
use chancery::store::client_metadata::Delivery;
use chancery::store::clients::Client;
use reqwest::{Method, header};
use sqlx::types::Json;

use crate::kit::actors::{Answer, Browser, RelyingParty, http};
use crate::kit::issuer::{Issuer, Kind, Setup};
use crate::kit::raw::{Dump, Raw};

/// Another port of the same host: the same site, and an origin of its own.
pub const APP: &str = "http://127.0.0.1:7610";

/// Makes a client one whose refresh token travels in a cookie, with this origin.
pub fn by_cookie(row: &mut Client, origin: &str) {
    row.auth_method = "none".to_owned();
    row.origins = Json(vec![origin.to_owned()]);
    row.redirect_uris = Json(vec![format!("{origin}/callback")]);
    row.metadata.0.refresh_token_delivery = Delivery::Cookie;
}

/// A script's request, as a browser would send it.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    pub origin: Option<&'a str>,
    /// The whole `Cookie` header; none: what the browser holds.
    pub cookies: Option<&'a str>,
}

/// A dashboard's page in a browser.
#[derive(Debug, Clone)]
pub struct Page {
    pub rp: RelyingParty,
    pub browser: Browser,
    pub origin: String,
}

impl Page {
    /// The name of its refresh cookie.
    pub fn cookie(&self) -> String {
        format!("ch_rt_{}", self.rp.id)
    }

    /// The refresh token that only the browser knows.
    pub fn token(&self) -> String {
        self.browser.cookies[&self.cookie()].clone()
    }

    pub fn plant(&mut self, token: &str) {
        self.browser.cookies.insert(self.cookie(), token.to_owned());
    }

    /// A script's post with the browser's cookies, from its own origin.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let origin = self.origin.clone();
        self.send(path, form, Sent { origin: Some(&origin), cookies: None }).await
    }

    /// Any post; what it sets, the browser keeps.
    pub async fn send(&mut self, path: &str, form: &[(&str, &str)], sent: Sent<'_>) -> Answer {
        let answer = self.sends(path, form, sent).await;
        self.keep(&answer);
        answer
    }

    /// Sends, and lets the answer be lost.
    pub async fn sends(&self, path: &str, form: &[(&str, &str)], sent: Sent<'_>) -> Answer {
        let id = self.rp.id.to_string();
        let mut form = form.to_vec();
        form.push(("client_id", &id));
        let held = self.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let mut request = http().request(Method::POST, format!("{}{path}", self.rp.at)).form(&form);
        request = request.header(header::COOKIE, sent.cookies.map_or_else(|| held.join("; "), str::to_owned));
        if let Some(origin) = sent.origin {
            request = request.header(header::ORIGIN, origin);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Keeps what an answer sets.
    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.browser.cookies.remove(name)
            } else {
                self.browser.cookies.insert(name.to_owned(), value.to_owned())
            };
        }
    }

    pub async fn refresh(&mut self) -> Answer {
        self.post("/oauth2/token", &REFRESH).await
    }

    /// The form of a code exchange.
    pub async fn code(&mut self, user: &str) -> Vec<(&'static str, String)> {
        let flow = self.rp.flow(&[]);
        let code = self.browser.code(&flow, user).await;
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", self.rp.redirect.clone()),
            ("code_verifier", flow.verifier),
        ]
    }

    /// Through the sign-in to the first tokens.
    pub async fn sign_in(&mut self, user: &str) -> Answer {
        let form = self.code(user).await;
        let answer = self.post("/oauth2/token", &refs(&form)).await.ok();
        assert!(self.browser.cookies.contains_key(&self.cookie()), "{:?}", answer.headers);
        answer
    }
}

pub const REFRESH: [(&str, &str); 1] = [("grant_type", "refresh_token")];

pub fn refs<'a>(form: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// What an answer sets.
pub fn set(answer: &Answer) -> Vec<String> {
    answer.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// A refusal: that, in JSON that nobody keeps, and no cookie.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, error: &str) {
    answer.is(status, error);
    assert!(set(answer).is_empty(), "a refusal sets {:?}", set(answer));
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{:?}", answer.headers);
}

/// An issuer, a dashboard that gets its refresh token by cookie, and one browser of alice's at it.
pub async fn ground(kind: Kind) -> (Issuer, Page) {
    ground_with(kind, Setup::patient()).await
}

pub async fn ground_with(kind: Kind, setup: Setup) -> (Issuer, Page) {
    let issuer = Issuer::start_with(kind, setup).await;
    issuer.user("alice").await;
    let page = page(&issuer, APP).await;
    (issuer, page)
}

/// Another dashboard, in a browser of its own.
pub async fn page(issuer: &Issuer, origin: &str) -> Page {
    let rp = issuer.client_with(|row| by_cookie(row, origin)).await;
    Page { rp, browser: Browser::new(issuer), origin: origin.to_owned() }
}

/// Everything in the database but the audit trail: what a refused request leaves as it is.
pub async fn rolls(issuer: &Issuer) -> Dump {
    let mut dump = Raw::open(&issuer.database).await.dump().await;
    dump.remove("audit");
    dump
}

/// What the auditor was told of this event: why, newest first.
pub async fn told(issuer: &Issuer, event: Event) -> Vec<String> {
    let rows = audit::newest(&issuer.app.store, None, 1000).await.unwrap();
    let of = rows.iter().filter(|row| row.event == event.name());
    of.map(|row| row.detail["why"].as_str().unwrap_or_default().to_owned()).collect()
}
