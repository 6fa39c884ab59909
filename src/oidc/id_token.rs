//! ID tokens (OpenID Connect Core 2): what one says. Signing is the mint's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::secret;

/// The claims, in the order they are written.
#[derive(Debug, Clone, Serialize)]
pub struct IdToken {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub exp: i64,
    pub iat: i64,
    pub auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    pub acr: String,
    pub amr: Vec<String>,
    pub azp: String,
    pub sid: String,
    pub at_hash: String,
    /// Scope claims, where the client asks for them here too.
    #[serde(flatten)]
    pub claims: Map<String, Value>,
}

/// The left half of the access token's SHA-256 (3.1.3.6): every algorithm here hashes with it.
#[must_use]
pub fn at_hash(access_token: &str) -> String {
    let digest = secret::sha256(&[access_token.as_bytes()]);
    URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
}
