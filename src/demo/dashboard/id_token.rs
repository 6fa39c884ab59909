//! What an ID token must say before it is believed: OpenID Connect Core 1.0 §3.1.3.7, and §12.2 after a refresh.
//!
//! Refuses another issuer, another audience, a missing or different `nonce`, an expired token, an access token shown as
//! an ID token, and one that belongs to another access token (`at_hash`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::super::issuer::Unopened;
use super::super::jwt::{audiences, names_audience, text, time};
use super::super::web::Trouble;
use super::Dashboard;
use crate::secret;

/// What this ID token is held against.
pub(super) enum Occasion<'a> {
    /// A sign-in: the nonce sent with it must come back.
    SignIn { nonce: &'a str },
    /// A refresh: whatever was said of the user at sign-in must still be said.
    Refresh { before: &'a Map<String, Value> },
}

impl Dashboard {
    /// Verifies an ID token and gives its claims.
    pub async fn id_token(
        &self,
        token: &str,
        access_token: &str,
        occasion: Occasion<'_>,
    ) -> Result<Map<String, Value>, Trouble> {
        let opened = self.issuer.open(token).await.map_err(|why| match why {
            Unopened::Token(refusal) => Trouble::Refused(format!("The ID token was refused: {refusal}.")),
            Unopened::Keys(trouble) => trouble,
        })?;
        let facts = Facts {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            access_token,
            now: self.clock.now().timestamp(),
        };
        if opened.typ.as_deref().is_some_and(|typ| typ != "jwt") {
            return Err(Trouble::Refused("The ID token was refused: it is another kind of token.".into()));
        }
        match check(&opened.claims, &facts, &occasion) {
            Ok(()) => Ok(opened.claims),
            Err(why) => Err(Trouble::Refused(format!("The ID token was refused: {why}."))),
        }
    }
}

struct Facts<'a> {
    issuer: &'a str,
    client_id: &'a str,
    access_token: &'a str,
    now: i64,
}

fn check(claims: &Map<String, Value>, facts: &Facts<'_>, occasion: &Occasion<'_>) -> Result<(), &'static str> {
    if text(claims, "iss") != Some(facts.issuer) {
        return Err("`iss` is not our issuer");
    }
    if !names_audience(claims, facts.client_id) {
        return Err("`aud` does not name this client");
    }
    // Core §3.1.3.7 (4, 5): an `azp`, and it must be there with several audiences, is the client asked for.
    let azp = text(claims, "azp");
    if azp.is_some_and(|azp| azp != facts.client_id) || (azp.is_none() && audiences(claims).len() > 1) {
        return Err("`azp` does not name this client");
    }
    if time(claims, "exp").is_none_or(|exp| exp <= facts.now) {
        return Err("`exp` is missing or past");
    }
    if time(claims, "iat").is_none() || text(claims, "sub").is_none_or(str::is_empty) {
        return Err("`iat` or `sub` is missing");
    }
    if text(claims, "at_hash").is_some_and(|hash| hash != at_hash(facts.access_token)) {
        return Err("`at_hash` belongs to another access token");
    }
    match occasion {
        Occasion::SignIn { nonce } if text(claims, "nonce") != Some(nonce) => {
            Err("`nonce` is not the one this sign-in began with")
        }
        Occasion::Refresh { before }
            if ["sub", "auth_time"].iter().any(|name| claims.get(*name) != before.get(*name)) =>
        {
            Err("it speaks of another sign-in than the first one")
        }
        _ => Ok(()),
    }
}

/// Core §3.1.3.6: the left half of the access token's SHA-256 (ES256 and RS256 both use that hash).
fn at_hash(access_token: &str) -> String {
    let hash = secret::sha256(&[access_token.as_bytes()]);
    URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or_default())
}
