//! What both samples know of the issuer: its metadata (OpenID Connect Discovery 1.0 §4, RFC 8414 §3.3) and its keys.
//!
//! Asked for when first needed, a bounded number of times, so that the samples may start before the issuer. Refuses
//! metadata that name another issuer.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use super::jwt::{KeySet, Opened, Refusal};
use super::web::{self, Trouble};
use crate::clock::Clock;

const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(250);
const LIMIT: Duration = Duration::from_secs(5);
/// Keys older than this are asked for again; a key that was withdrawn is unknown at the latest then.
const KEYS_AGE: Duration = Duration::from_secs(300);
/// An unknown `kid` asks for the keys at once, but not more often than this.
const KEYS_PAUSE: Duration = Duration::from_secs(1);

/// The members of the metadata the samples use.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: String,
    pub revocation_endpoint: String,
    pub introspection_endpoint: String,
    pub end_session_endpoint: String,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Why a token could not be opened: it is bad, or the keys could not be had.
pub(super) enum Unopened {
    Token(Refusal),
    Keys(Trouble),
}

#[derive(Default)]
struct Keys {
    set: Arc<KeySet>,
    /// When the set was asked for.
    asked: Option<Duration>,
}

/// The issuer, as seen over HTTP.
pub(super) struct Issuer {
    pub name: String,
    pub http: reqwest::Client,
    clock: Clock,
    metadata: Mutex<Option<Arc<Metadata>>>,
    keys: Mutex<Keys>,
}

impl Issuer {
    pub fn new(name: String, clock: Clock) -> Result<Self, Trouble> {
        let http = web::client()?;
        Ok(Self { name, http, clock, metadata: Mutex::default(), keys: Mutex::default() })
    }

    /// The metadata, asked for until the issuer answers or patience ends.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Trouble> {
        let mut known = self.metadata.lock().await;
        if let Some(metadata) = known.as_ref() {
            return Ok(metadata.clone());
        }
        let mut attempt = 1;
        loop {
            match self.discover().await {
                Ok(metadata) => return Ok(known.insert(Arc::new(metadata)).clone()),
                Err(Trouble::Unreachable { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(trouble) => return Err(trouble),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn discover(&self) -> Result<Metadata, Trouble> {
        let url = format!("{}/.well-known/openid-configuration", self.name);
        let answer = web::call(self.http.get(url), LIMIT).await?;
        let metadata: Metadata = answer.expect()?;
        if metadata.issuer != self.name {
            return Err(answer.unexpected(format!("it calls itself {}, not {}", metadata.issuer, self.name)));
        }
        Ok(metadata)
    }

    /// Verifies a token's signature by the published keys; asks for them again when it names one that is unknown.
    pub async fn open(&self, token: &str) -> Result<Opened, Unopened> {
        let keys = self.keys(KEYS_AGE).await.map_err(Unopened::Keys)?;
        match keys.open(token) {
            Err(Refusal::UnknownKey) => {
                let keys = self.keys(KEYS_PAUSE).await.map_err(Unopened::Keys)?;
                keys.open(token).map_err(Unopened::Token)
            }
            opened => opened.map_err(Unopened::Token),
        }
    }

    async fn keys(&self, oldest: Duration) -> Result<Arc<KeySet>, Trouble> {
        let metadata = self.metadata().await?;
        let mut keys = self.keys.lock().await;
        let now = self.clock.monotonic();
        if keys.asked.is_some_and(|asked| now.saturating_sub(asked) < oldest) {
            return Ok(keys.set.clone());
        }
        let answer = web::call(self.http.get(&metadata.jwks_uri), LIMIT).await?;
        if !answer.status.is_success() {
            return Err(answer.unexpected("no key set".into()));
        }
        let set = KeySet::parse(&answer.body).map_err(|why| answer.unexpected(why.to_string()))?;
        *keys = Keys { set: Arc::new(set), asked: Some(now) };
        Ok(keys.set.clone())
    }
}
