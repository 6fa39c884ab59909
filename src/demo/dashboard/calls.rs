//! The dashboard's own requests: token endpoint, userinfo, revocation, and the gateway's API.
//!
//! RFC 6749 §3.2, OpenID Connect Core 1.0 §5.3, RFC 7009, RFC 6750 §2.1. What is shown of an answer never holds a whole
//! token.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION};
use serde_json::{Map, Value};

use super::super::jwt::text;
use super::super::web::{self, Answer, Trouble};
use super::Dashboard;
use super::browsers::Step;

const LIMIT: Duration = Duration::from_secs(10);

/// The gateway's two ways of judging a token.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Offline,
    Introspect,
}

impl Mode {
    pub fn path(self) -> &'static str {
        match self {
            Self::Offline => "/offline/api/shipments",
            Self::Introspect => "/introspect/api/shipments",
        }
    }
}

impl Dashboard {
    /// Asks the token endpoint, as this client.
    pub async fn token(&self, form: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let endpoint = &self.issuer.metadata().await?.token_endpoint;
        self.post_as_client(endpoint, form).await
    }

    /// Refreshes with this refresh token.
    pub async fn refresh_with(&self, refresh_token: &str) -> Result<Answer, Trouble> {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// Revokes this refresh token.
    pub async fn revoke_token(&self, refresh_token: &str) -> Result<Answer, Trouble> {
        let endpoint = &self.issuer.metadata().await?.revocation_endpoint;
        self.post_as_client(endpoint, &[("token", refresh_token), ("token_type_hint", "refresh_token")]).await
    }

    async fn post_as_client(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let credentials = web::basic(&self.config.client_id, &self.config.client_secret);
        let request =
            self.issuer.http.post(endpoint).header(AUTHORIZATION, credentials).header(ACCEPT, "application/json");
        web::call(request.form(form), LIMIT).await
    }

    /// The user's claims; refused when they speak of somebody else than the ID token (Core §5.3.2).
    pub async fn userinfo(&self, access_token: &str, sub: &str) -> Result<Map<String, Value>, Trouble> {
        let endpoint = &self.issuer.metadata().await?.userinfo_endpoint;
        let answer = web::call(self.issuer.http.get(endpoint).bearer_auth(access_token), LIMIT).await?;
        let claims: Map<String, Value> = answer.expect()?;
        if text(&claims, "sub") != Some(sub) {
            return Err(answer.unexpected("its `sub` is not the ID token's".into()));
        }
        Ok(claims)
    }

    /// Calls the gateway's API.
    pub async fn shipments(&self, mode: Mode, access_token: &str) -> Result<Answer, Trouble> {
        let url = format!("{}{}", self.config.gateway_url, mode.path());
        web::call(self.issuer.http.get(url).bearer_auth(access_token), LIMIT).await
    }
}

/// An exchange as a person reads it.
pub(super) fn step(words: impl Into<String>, method: &str, answer: &Answer) -> Step {
    let path = url::Url::parse(&answer.url).map_or_else(|_| answer.url.clone(), |url| url.path().to_owned());
    Step {
        words: words.into(),
        request: format!("{method} {path}"),
        status: answer.status.to_string(),
        tone: if answer.status.is_success() { "good" } else { "bad" },
        body: shown(answer),
    }
}

fn shown(answer: &Answer) -> String {
    let challenge = answer.headers.get("www-authenticate").and_then(|value| value.to_str().ok());
    let challenge = challenge.map(|challenge| format!("WWW-Authenticate: {challenge}\n\n")).unwrap_or_default();
    let body = match answer.json() {
        Some(mut json) => {
            shorten(&mut json);
            serde_json::to_string_pretty(&json).unwrap_or_default()
        }
        None if answer.body.is_empty() => "(empty)".into(),
        None => answer.body.chars().take(2_000).collect(),
    };
    format!("{challenge}{body}")
}

/// Tokens are cut: a page is no place for something that can be presented.
fn shorten(json: &mut Value) {
    let Value::Object(members) = json else { return };
    for (name, value) in members {
        if let (true, Value::String(token)) = (name.ends_with("_token"), value) {
            *token = hint(token);
        }
    }
}

/// Enough of a token to tell it from another: its kind, and the end of its seal.
pub(super) fn hint(token: &str) -> String {
    let head: String = token.chars().take(6).collect();
    let tail: Vec<char> = token.chars().rev().take(6).collect();
    format!("{head}…{}", tail.iter().rev().collect::<String>())
}
