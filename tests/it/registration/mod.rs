//! Clients that register themselves: over HTTP, with what an administrator makes for them on the command line.

mod admission;
pub mod documents;
mod fuzz;
mod hostile;
mod lasting;
mod manage;
mod open;
mod sector;

use chancery::change::By;
use chancery::config::RegistrationMode;
use chancery::event::{Actor, Caller};
use chancery::oauth::manage::initial_token::{self, Draft};
use chancery::store::initial_tokens::Terms;
use reqwest::{Method, header};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

use crate::kit::actors::{Answer, RelyingParty, http};
use crate::kit::issuer::{Issuer, Kind, Setup};

/// An issuer at which anyone may register.
pub async fn open(kind: Kind) -> Issuer {
    Issuer::start_with(kind, opened()).await
}

pub fn opened() -> Setup {
    Setup { change: Box::new(|config| config.registration.mode = RegistrationMode::Open), ..Setup::patient() }
}

/// What a client says that says little.
pub fn modest() -> Value {
    json!({ "redirect_uris": ["https://rp.test/cb"], "client_name": "Tide Table" })
}

/// The same with other members; null takes one away.
pub fn with(more: Value) -> Value {
    let mut all = modest();
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// A request of the registration endpoints.
pub async fn send(method: Method, url: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
    let mut request = http().request(method, url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
    }
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{}", answer.text);
    answer
}

pub async fn register(issuer: &Issuer, token: Option<&str>, body: &Value) -> Answer {
    send(Method::POST, &issuer.url("/oauth2/register"), token, Some(body)).await
}

/// A client that has registered itself, with its own keys to its registration.
#[derive(Debug, Clone)]
pub struct Registered {
    pub told: Value,
    pub id: Uuid,
    pub uri: String,
    pub token: String,
}

impl Registered {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{}", answer.text);
        Self {
            told: answer.json.clone(),
            id: answer.str("client_id").parse().unwrap(),
            uri: answer.str("registration_client_uri").to_owned(),
            token: answer.str("registration_access_token").to_owned(),
        }
    }

    pub async fn at(issuer: &Issuer, body: &Value) -> Self {
        Self::of(&register(issuer, None, body).await)
    }

    pub async fn get(&self) -> Answer {
        send(Method::GET, &self.uri, Some(&self.token), None).await
    }

    pub async fn put(&self, body: &Value) -> Answer {
        send(Method::PUT, &self.uri, Some(&self.token), Some(body)).await
    }

    pub async fn delete(&self) -> Answer {
        send(Method::DELETE, &self.uri, Some(&self.token), None).await
    }

    /// It as the relying party it is.
    pub fn party(&self, issuer: &Issuer) -> RelyingParty {
        RelyingParty {
            id: self.id,
            secret: self.told["client_secret"].as_str().map(str::to_owned),
            method: self.told["token_endpoint_auth_method"].as_str().unwrap().to_owned(),
            redirect: self.told["redirect_uris"][0].as_str().unwrap().to_owned(),
            scope: self.told["scope"].as_str().unwrap().to_owned(),
            at: issuer.at.clone(),
            http: http(),
        }
    }
}

/// An initial access token; its id beside it.
pub async fn initial(issuer: &Issuer, uses: u32, terms: Terms) -> (Uuid, String) {
    let draft = Draft { name: "for the tests".to_owned(), terms, uses, lifetime: Duration::from_hours(1) };
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
    let made = initial_token::create(&issuer.app.store, &by, &draft).await.unwrap();
    let (token, text) = made.commit().await.unwrap();
    (token.id, text.expose())
}
