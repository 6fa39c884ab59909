//! Clients that authenticate by `private_key_jwt` (RFC 7523, OpenID Connect Core 9): what is taken, and what is not.

mod accepted;
mod claims;
mod fetched;
mod forged;
mod registered;
mod rotated;
mod sets;

use std::time::Duration;

use chancery::clock::Clock;
use chancery::config::Config;
use chancery::store::{audit, clients};
use serde_json::Value;
use sqlx::types::Json;

use crate::kit::actors::{Answer, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, Setup};
use crate::kit::signer::{Signer, good_claims};

pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client with a key, at an issuer whose time is held.
pub struct Keyed {
    pub issuer: Issuer,
    pub clock: Clock,
    pub rp: RelyingParty,
    pub key: Signer,
}

/// What makes a client prove itself by key.
pub fn by_key(row: &mut clients::Client, set: Option<Value>, uri: Option<String>) {
    row.auth_method = "private_key_jwt".to_owned();
    row.grants = Json(["authorization_code", "refresh_token", "client_credentials"].map(str::to_owned).to_vec());
    row.scopes = "openid profile email groups offline_access chancery:feed".to_owned();
    row.metadata.0.jwks = set;
    row.metadata.0.jwks_uri = uri;
}

impl Keyed {
    /// One whose key is registered.
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, |_| {}, |_| {}).await
    }

    pub async fn with(
        kind: Kind,
        settings: impl FnOnce(&mut Config) + Send + 'static,
        change: impl FnOnce(&mut clients::Client),
    ) -> Self {
        let clock = Clock::held(Clock::system().now());
        let issuer = Issuer::start_with(kind, Setup { change: Box::new(settings), ..Setup::held(&clock) }).await;
        let key = Signer::new("ES256", "first");
        let set = key.set();
        let mut rp = issuer
            .client_with(|row| {
                by_key(row, Some(set), None);
                change(row);
            })
            .await;
        rp.scope = "openid profile email groups offline_access".to_owned();
        Self { issuer, clock, rp, key }
    }

    /// The claims of a good assertion.
    pub fn claims(&self) -> Value {
        good_claims(&self.issuer.name, self.rp.id, self.clock.now())
    }

    pub fn assertion(&self) -> String {
        self.key.sign(&self.claims())
    }

    /// Good claims, but for what `change` does.
    pub fn bent(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.key.sign(&claims)
    }

    /// Asks for a token of the client's own.
    pub async fn ask(&self, assertion: &str) -> Answer {
        ask(&self.rp, assertion).await
    }

    fn by(&self, form: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = [("client_assertion_type", TYPE.to_owned()), ("client_assertion", self.assertion())];
        let form = form.iter().map(|(name, value)| (*name, (*value).to_owned()));
        form.chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Posts a form with a fresh assertion.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let form = self.by(form);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.rp.post(path, &form).await
    }

    /// Refused as whatever proves nothing, and told to the auditor with this reason.
    pub async fn refused(&self, assertion: &str, why: &str) {
        self.refuses(&self.rp, assertion, why).await;
    }

    /// The same of another client.
    pub async fn refuses(&self, rp: &RelyingParty, assertion: &str, why: &str) {
        // So that its row is the newest, and so that there is always one.
        self.clock.advance(Duration::from_millis(150));
        let answer = ask(rp, assertion).await;
        answer.is(401, "invalid_client");
        assert_eq!(answer.json["error_description"], "client authentication failed", "{why}");
        // Keys made for the first test of all are dated after the time it holds.
        let mut rows = audit::newest(&self.issuer.app.store, None, 20).await.unwrap();
        rows.retain(|row| row.event != "key.created");
        assert_eq!(rows[0].event, "client.refused", "{why}");
        let told = rows[0].detail.0["why"].as_str().unwrap();
        assert!(told.contains(why), "{told:?} and not {why:?}: {assertion}");
    }
}

/// Asks for a token of the client's own, with this assertion.
pub async fn ask(rp: &RelyingParty, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "chancery:feed"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    rp.token(&form).await
}
