//! An authorization request that passed all its checks, as an interaction keeps it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What was asked for, validated. Only `oauth/authorize` makes one, at the end of its list of checks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationRequest {
    pub client_id: Uuid,
    /// Where the answer goes: matched against the registration.
    pub redirect_uri: String,
    /// Whether the request named it; the token request must then name it too.
    pub redirect_sent: bool,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// PKCE, S256.
    pub challenge: Option<String>,
    /// Space-delimited; every one is registered for the client.
    pub scopes: String,
    /// RFC 8707; empty: the client's default resource, else the issuer.
    pub resources: Vec<String>,
    pub prompt: Prompt,
    /// Seconds.
    pub max_age: Option<u64>,
    pub login_hint: Option<String>,
    pub ui_locales: Option<String>,
}

/// The `prompt` parameter, read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Never a page.
    pub none: bool,
    /// Sign in again, whatever the session says.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Let the user choose who to be: here, to sign in as another.
    pub select_account: bool,
}
