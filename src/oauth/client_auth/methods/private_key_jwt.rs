//! `private_key_jwt` (RFC 7523, 2.2 and 3; RFC 7521, 4.2; OpenID Connect Core 9): an assertion signed with a key that the client
//! alone has. Its public half is registered, or fetched from where the registration says.
//!
//! Refused: any audience but this issuer, as one string (profile `oidc` takes the token endpoint too); a life of more than five
//! minutes, or that hasn't begun; a `jti` presented before, to whichever node; a key that the assertion brings along.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::{Claim, Method, Presented, Sent, refused};
use crate::fetch::Unavailable;
use crate::keyring::Refused;
use crate::keyring::foreign::{self, ForeignAlg, ForeignKeys};
use crate::oauth::error::Error;
use crate::secret;
use crate::store::jti::{self, Once};

pub const METHOD: Method = Method {
    name: "private_key_jwt",
    public: false,
    needs_secret: false,
    signed_with: ForeignAlg::ALL,
    used_in: |sent| ["client_assertion", "client_assertion_type"].iter().any(|name| sent.form.get(name).is_some()),
    read,
    verify: |presented| Box::pin(verify(presented)),
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What an assertion may call itself; most call themselves nothing.
const TYPES: &[&str] = &["JWT", "client-authentication+jwt"];
/// How long an assertion may live from now.
const LIFE: TimeDelta = TimeDelta::minutes(5);
/// How far ahead a client's clock may be.
const AHEAD: TimeDelta = TimeDelta::seconds(8);
/// How long a `jti` is known after its assertion has expired: nodes whose clocks differ must not take it twice.
const KNOWN: TimeDelta = TimeDelta::minutes(5);
const LONGEST_JTI: usize = 256;

/// Whom it says it is from: its subject, since the form need not name the client.
fn read(sent: &Sent<'_>) -> Result<Claim, Error> {
    if sent.form.get("client_assertion_type") != Some(TYPE) {
        return Err(refused("client_assertion_type is missing, or not that of a JWT"));
    }
    let proof = sent.form.get("client_assertion").ok_or_else(|| refused("client_assertion is missing"))?;
    let client_id = foreign::claimed_subject(proof).map_err(unsound)?;
    if sent.form.get("client_id").is_some_and(|named| named != client_id) {
        return Err(refused("client_id is not the subject of the assertion"));
    }
    Ok(Claim { client_id, proof: proof.to_owned() })
}

fn unsound(why: Refused) -> Error {
    refused(&format!("assertion: {why}"))
}

async fn verify(presented: &Presented<'_>) -> Result<bool, Error> {
    let app = presented.app;
    // By a clock that is known to be wrong, neither "expired" nor "not yet" can be said.
    app.live.clock_goes_right().map_err(Error::unavailable)?;
    let claims = signed(presented).await?;
    let judged = judge(presented, &claims, app.clock.now());
    let (jti, expires) = judged.map_err(|why| refused(&format!("assertion: {why}")))?;
    if presented.again {
        return Ok(true);
    }
    let digest = secret::sha256(&[jti.as_bytes()]);
    let expires_at = expires + KNOWN;
    let once = Once { purpose: METHOD.name, client_id: presented.client_id, digest: &digest, expires_at };
    match jti::present(&app.store, &once).await? {
        jti::Presented::First => Ok(true),
        jti::Presented::Again => Err(refused("assertion: its jti was presented before")),
    }
}

/// The claims, signed with a key of the client's.
async fn signed(presented: &Presented<'_>) -> Result<Map<String, Value>, Error> {
    let Presented { app, proof, metadata, .. } = *presented;
    if let Some(set) = &metadata.jwks {
        let keys = ForeignKeys::read(set).map_err(|why| refused(&format!("jwks {why}")))?;
        return keys.verify(proof, TYPES).map_err(unsound);
    }
    let Some(uri) = &metadata.jwks_uri else { return Err(refused("the client has registered no keys")) };
    let unavailable = |why: Unavailable| match why.is_passing() {
        true => Error::unavailable(why),
        false => refused(&format!("jwks_uri: {why}")),
    };
    let keys = app.key_sets.get(uri).await.map_err(unavailable)?;
    match keys.verify(proof, TYPES) {
        // Perhaps a new one.
        Err(Refused::UnknownKey) => {
            let keys = app.key_sets.renewed(uri).await.map_err(unavailable)?;
            keys.verify(proof, TYPES).map_err(unsound)
        }
        verified => verified.map_err(unsound),
    }
}

/// Its `jti`, and when it expires.
fn judge<'a>(
    presented: &Presented<'_>,
    claims: &'a Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<(&'a str, DateTime<Utc>), &'static str> {
    let Presented { app, called, profile, .. } = *presented;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(called) || text("sub") != Some(called) {
        return Err("iss and sub are not both the client's id");
    }
    let issuer = &app.config.issuer;
    let ours = |audience: &str| {
        audience == issuer.as_str()
            || profile.takes_token_endpoint_for_audience() && audience == issuer.endpoint("/oauth2/token")
    };
    if !text("aud").is_some_and(ours) {
        return Err("aud is not this issuer, as one string");
    }
    let at = |name: &str| {
        claims.get(name).map(|time| time.as_f64().and_then(time_of).ok_or("a time is no number of seconds"))
    };
    let expires = at("exp").ok_or("exp is missing")??;
    if expires <= now {
        return Err("it has expired");
    }
    if expires > now + LIFE + AHEAD {
        return Err("exp is more than five minutes ahead");
    }
    for begins in ["nbf", "iat"].into_iter().filter_map(at) {
        if begins? > now + AHEAD {
            return Err("it is of the future");
        }
    }
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI);
    Ok((jti.ok_or("jti is missing, or longer than 256 bytes")?, expires))
}

/// A NumericDate (RFC 7519, 2); none that no calendar has.
fn time_of(seconds: f64) -> Option<DateTime<Utc>> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::from_std(since).ok()?)
}
