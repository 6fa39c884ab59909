//! ID tokens (OpenID Connect Core 2): what one says. Signing is the mint's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::keyring::Alg;
use crate::oauth::client::Registration;
use crate::oauth::error::Error;
use crate::secret;

/// What ID tokens are or were signed with: what is advertised, and what is taken as a hint. A profile says which one is its.
pub const ALGORITHMS: &[Alg] = &[Alg::Rs256, Alg::Es256];

/// What every ID token may say; the claims of scopes come to it.
pub const CLAIMS: &[&str] =
    &["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash"];

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

/// What a client's ID tokens are signed with: what it registered, else what its profile says.
pub fn alg(client: &Registration) -> Result<Alg, Error> {
    Ok(registered(client.metadata.id_token_signed_response_alg.as_deref())?.unwrap_or(client.profile.id_token_alg()))
}

/// The algorithm a registration names, if it names one. One that a newer version knows is no reason to take another.
pub fn registered(name: Option<&str>) -> Result<Option<Alg>, Error> {
    name.map(|name| name.parse().map_err(Error::server)).transpose()
}

/// The left half of the access token's digest (3.1.3.6), by the hash that the ID token's algorithm has.
#[must_use]
pub fn at_hash(alg: Alg, access_token: &str) -> String {
    let text = access_token.as_bytes();
    match alg {
        Alg::Es256 | Alg::Rs256 => half(&secret::sha256(&[text])),
        Alg::EdDsa => half(&secret::sha512(text)),
    }
}

fn half(digest: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest.get(..digest.len() / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::profile::Profile;
    use crate::oidc::claims::own;

    #[test]
    fn what_is_advertised_is_what_is_written() {
        let token = IdToken {
            iss: String::new(),
            sub: String::new(),
            aud: String::new(),
            exp: 0,
            iat: 0,
            auth_time: 0,
            nonce: Some(String::new()),
            acr: String::new(),
            amr: Vec::new(),
            azp: String::new(),
            sid: String::new(),
            at_hash: String::new(),
            claims: Map::new(),
        };
        let Value::Object(written) = serde_json::to_value(&token).unwrap() else { panic!("no object") };
        let (mut written, mut told): (Vec<_>, Vec<_>) = (written.keys().map(String::as_str).collect(), CLAIMS.to_vec());
        written.sort_unstable();
        told.sort_unstable();
        assert_eq!(written, told);
        assert!(CLAIMS.iter().all(|name| own::is_reserved(name)));
        assert!(Profile::ALL.iter().all(|profile| ALGORITHMS.contains(&profile.id_token_alg())));
    }
}
