//! Presented access tokens: the one `verify` that userinfo, introspection and Chancery's own APIs pass.
//!
//! Signature before content, type before claims (RFC 9068, 4; RFC 8725). Revocation is judged from the fresh live view without a
//! statement; when the view is stale, or the token was issued ahead of it, the database is asked; when that can't be reached the
//! answer is "come again", never "active". It is the same while this node's clock is known to be wrong. A token that claims a
//! longer life than was ever allowed is refused.

use chrono::DateTime;
use serde::Deserialize;
use uuid::Uuid;

use super::mint::ACCESS_TYP;
use crate::app::App;
use crate::keyring::{self, Alg, Expect};
use crate::live::{Bearing, Judged};
use crate::oauth::error::{Code, Error};
use crate::oauth::scope::Scopes;
use crate::store::clients;

/// How far ahead another node's clock may be.
const SKEW: i64 = 60;

/// An access token that is ours, unexpired and not revoked. Only [`verify`] makes one.
#[derive(Debug, Clone)]
pub struct AccessToken {
    pub jti: Uuid,
    pub sub: String,
    pub client_id: Uuid,
    pub audience: Vec<String>,
    pub scopes: Scopes,
    pub family_id: Option<Uuid>,
    /// All claims, as signed: what introspection tells.
    pub claims: serde_json::Map<String, serde_json::Value>,
    _verified: Verified,
}

/// Keeps an [`AccessToken`] from being made anywhere else.
#[derive(Debug, Clone, Copy)]
struct Verified;

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    jti: Uuid,
    sub: String,
    client_id: String,
    scope: String,
    sid: Option<Uuid>,
    family_id: Option<Uuid>,
    rev_seq: i64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Verifies a presented access token.
pub async fn verify(app: &App, text: &str) -> Result<AccessToken, Error> {
    let verified = match signature(app, text) {
        Err(keyring::Refused::UnknownKey) => {
            // A key another node has just made; the ring looks at most once a second.
            app.keyring.reload().await.map_err(Error::unavailable)?;
            signature(app, text)
        }
        other => other,
    };
    let verified = verified.map_err(|refused| invalid(&refused.to_string()))?;
    let claims: Claims = serde_json::from_value(serde_json::Value::Object(verified.claims.clone()))
        .map_err(|error| invalid(&format!("claims: {error}")))?;
    let audience = match claims.aud {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    };
    if audience.is_empty() {
        return Err(invalid("the token is for nobody"));
    }
    if claims.iss != app.config.issuer.as_str() {
        return Err(invalid("another issuer's token"));
    }
    // By a clock that is known to be wrong, neither "expired" nor "not yet" can be said.
    app.live.clock_goes_right().map_err(Error::unavailable)?;
    let now = app.clock.now();
    if DateTime::from_timestamp(claims.exp, 0).is_none_or(|exp| exp <= now) {
        return Err(invalid("expired"));
    }
    if claims.iat > now.timestamp() + SKEW || claims.exp.saturating_sub(claims.iat) > app.live.longest_access_seconds()
    {
        return Err(invalid("issued in the future, or for longer than tokens live here"));
    }
    let client_id = clients::id_of(&claims.client_id).ok_or_else(|| invalid("client_id is no client's"))?;
    let bearing = Bearing {
        jti: claims.jti,
        family_id: claims.family_id,
        sid: claims.sid,
        sub: Some(&claims.sub),
        client_id: &claims.client_id,
        aud: &audience,
        kid: &verified.kid,
        rev_seq: claims.rev_seq,
    };
    match app.live.judge(&bearing).await.map_err(Error::unavailable)? {
        Judged::Live => {}
        other => return Err(invalid(&format!("{other:?}"))),
    }
    Ok(AccessToken {
        jti: claims.jti,
        sub: claims.sub,
        client_id,
        scopes: Scopes::stored(&claims.scope),
        family_id: claims.family_id,
        claims: verified.claims,
        audience,
        _verified: Verified,
    })
}

impl AccessToken {
    /// For Chancery's own APIs: the issuer is the audience, and the scope is there.
    pub fn for_own_api(self, app: &App, scope: &'static str) -> Result<Self, Error> {
        if !self.audience.iter().any(|aud| aud == app.config.issuer.as_str()) {
            return Err(invalid("the token is for another audience"));
        }
        // These scopes are for clients acting for themselves: a token with a user behind it got them by no rule of ours.
        if self.family_id.is_some() || !self.scopes.has(scope) {
            return Err(Error::new(Code::InsufficientScope, format!("the token needs the scope {scope}")));
        }
        Ok(self)
    }
}

fn signature(app: &App, text: &str) -> Result<keyring::Verified, keyring::Refused> {
    app.keyring.verify(text, Expect::new(&[ACCESS_TYP], &[Alg::Es256]))
}

fn invalid(detail: &str) -> Error {
    Error::new(Code::InvalidToken, "the access token is invalid, expired or revoked").because(detail)
}
