//! The only place that makes tokens. It takes an [`Entitlement`], or for logout tokens a [`LogoutNotice`], and nothing else.
//!
//! Access tokens are RFC 9068 `at+jwt`, ES256, and carry whatever the revocation log names, so that a gateway can match
//! every entry. Refused: a standing read more than 30 s ago, and a node whose view or clock can't be trusted.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::entitlement::{Draft, Entitlement};
use super::notice::LogoutNotice;
use super::refresh;
use crate::app::App;
use crate::keyring::Alg;
use crate::oauth::client::Registration;
use crate::oauth::error::Error;
use crate::oidc::claims::{self, own};
use crate::oidc::id_token::{self, IdToken};
use crate::oidc::{requested, subject};
use crate::store::rolls::UserRoll;

/// How old a standing may be when it is minted on.
const OLDEST_STANDING: Duration = Duration::from_secs(30);

/// The `typ` of an access token (RFC 9068, 2.1).
pub const ACCESS_TYP: &str = "at+jwt";

/// The algorithm of access tokens.
pub const ACCESS_ALG: Alg = Alg::Es256;

/// The `typ` of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4).
pub const LOGOUT_TYP: &str = "logout+jwt";

/// The member of a logout token's `events`.
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a logout token is good for: as long as its way to the client may take.
const LOGOUT_LIFETIME: i64 = 120;

pub use crate::keyring::mac::REFRESH as REFRESH_LABEL;

/// What the token endpoint answers with.
#[derive(Serialize)]
pub struct Minted {
    pub access_token: String,
    pub token_type: &'static str,
    pub expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    pub scope: String,
    /// The refresh token that travels in a cookie instead.
    #[serde(skip)]
    pub cookie: Option<ByCookie>,
}

/// A refresh token that no script is to read.
pub struct ByCookie {
    pub refresh_token: String,
    /// How long it may be of use, whatever happens.
    pub seconds: i64,
}

impl std::fmt::Debug for ByCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByCookie(redacted)")
    }
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Minted(redacted)")
    }
}

#[derive(Debug, Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    aud: Audience<'a>,
    exp: i64,
    iat: i64,
    jti: String,
    sub: String,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_id: Option<String>,
    rev_seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [String]>,
    /// Claims of the audience's own; none of them has a name of the above.
    #[serde(flatten)]
    told: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Many(&'a [String]),
}

/// Signs what the entitlement entitles to.
pub fn issue(app: &App, entitlement: &Entitlement) -> Result<Minted, Error> {
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    if app.clock.monotonic().saturating_sub(entitlement.standing.read_at()) > OLDEST_STANDING {
        return Err(Error::unavailable("the standing was read too long ago"));
    }
    // Whatever will end this token is dated after it.
    app.clock.stamp(entitlement.draft.issued_at);
    let issuer = app.config.issuer.as_str();
    let access_token = access_token(app, entitlement)?;
    let id_token = id_token(app, entitlement, &access_token)?;
    let keys = app.keyring.mac(REFRESH_LABEL);
    let Draft { issued_at, expires_at, scopes, all_ends_at, .. } = &entitlement.draft;
    let (mut refresh_token, mut cookie) = (None, None);
    if let Some((token, carrier)) = &entitlement.refresh {
        let written = refresh::write(&keys, issuer, token);
        if carrier.is_bound() {
            let seconds = all_ends_at.map_or(0, |end| (end - *issued_at).num_seconds());
            cookie = Some(ByCookie { refresh_token: written, seconds });
        } else {
            refresh_token = Some(written);
        }
    }
    Ok(Minted {
        access_token,
        token_type: "Bearer",
        expires_in: (*expires_at - *issued_at).num_seconds(),
        refresh_token,
        id_token,
        scope: scopes.to_string(),
        cookie,
    })
}

fn access_token(app: &App, entitlement: &Entitlement) -> Result<String, Error> {
    let Entitlement { standing, client, draft, authentication, .. } = entitlement;
    let user = authentication.as_ref().and(standing.user());
    let aud = match draft.audience.as_slice() {
        [one] => Audience::One(one),
        many => Audience::Many(many),
    };
    let told = match user {
        Some(user) if !draft.claims.is_empty() => own::all(with_details(user)?, &draft.claims),
        _ => Map::new(),
    };
    let claims = AccessClaims {
        iss: app.config.issuer.as_str(),
        aud,
        exp: draft.expires_at.timestamp(),
        iat: draft.issued_at.timestamp(),
        jti: draft.jti.to_string(),
        sub: match user {
            Some(_) => subject::known_to(client, standing)?,
            None => subject::of_client(client.id),
        },
        client_id: client.public_id(),
        scope: draft.scopes.to_string(),
        sid: authentication
            .as_ref()
            .filter(|a| a.hangs_on_session)
            .and(standing.session())
            .map(|session| session.session_id.to_string()),
        family_id: authentication.as_ref().map(|a| a.family_id.to_string()),
        rev_seq: standing.as_of(),
        auth_time: authentication.as_ref().map(|a| a.auth_time.timestamp()),
        acr: authentication.as_ref().map(|a| a.acr.as_str()),
        amr: authentication.as_ref().map(|a| a.amr.as_slice()),
        groups: user
            .filter(|user| draft.scopes.has("groups") && !user.groups.0.is_empty())
            .map(|user| user.groups.0.as_slice()),
        told,
    };
    Ok(app.keyring.sign(ACCESS_ALG, ACCESS_TYP, &claims).map_err(Error::server)?.compact)
}

fn id_token(app: &App, entitlement: &Entitlement, access_token: &str) -> Result<Option<String>, Error> {
    let Entitlement { standing, client, draft, authentication, .. } = entitlement;
    let (Some(authentication), Some(user), Some(session)) = (authentication, standing.user(), standing.session())
    else {
        return Ok(None);
    };
    if !draft.scopes.has("openid") {
        return Ok(None);
    }
    let alg = id_token::alg(client)?;
    let lifetime = app.config.tokens.id_token_lifetime.as_secs();
    let token = IdToken {
        iss: app.config.issuer.as_str().to_owned(),
        sub: subject::known_to(client, standing)?,
        aud: client.public_id(),
        exp: draft.issued_at.timestamp().saturating_add_unsigned(lifetime),
        iat: draft.issued_at.timestamp(),
        auth_time: authentication.auth_time.timestamp(),
        nonce: authentication.nonce.clone(),
        acr: authentication.acr.clone(),
        amr: authentication.amr.clone(),
        azp: client.public_id(),
        sid: session.session_id.to_string(),
        at_hash: id_token::at_hash(alg, access_token),
        claims: id_token_claims(client, user, draft, &authentication.claims.id_token)?,
    };
    Ok(Some(app.keyring.sign(alg, "JWT", &token).map_err(Error::server)?.compact))
}

/// Scope claims, where the client asks for them in ID tokens, too; and what the request asked for there by name.
fn id_token_claims(
    client: &Registration,
    user: &UserRoll,
    draft: &Draft,
    asked: &[String],
) -> Result<Map<String, Value>, Error> {
    let mut told = Map::new();
    if client.id_token_claims {
        told.extend(claims::of_user(with_details(user)?, &client.metadata.claims, &draft.scopes));
    }
    // What the client is no longer registered for is no longer told.
    let named = requested::allowed(asked.to_vec(), &client.scopes);
    if !named.is_empty() {
        told.extend(claims::of_user_named(with_details(user)?, &named));
    }
    Ok(told)
}

/// Whoever tells less than is asked for says so.
fn with_details(user: &UserRoll) -> Result<&UserRoll, Error> {
    if user.details.is_some() { Ok(user) } else { Err(Error::server("claims are to be told, and were not read along")) }
}

#[derive(Debug, Serialize)]
struct LogoutClaims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
    sid: String,
    events: Value,
}

/// Signs a logout token, with what the client's ID tokens are signed with. It never has a `nonce`, so that it can't pass for one.
pub fn logout_token(app: &App, notice: &LogoutNotice) -> Result<String, Error> {
    app.live.issuing_allowed().map_err(Error::unavailable)?;
    let LogoutNotice { client, sub, sid, jti, now } = notice;
    let claims = LogoutClaims {
        iss: app.config.issuer.as_str(),
        sub: sub.as_deref(),
        aud: client.public_id(),
        iat: now.timestamp(),
        exp: now.timestamp() + LOGOUT_LIFETIME,
        jti: jti.to_string(),
        sid: sid.to_string(),
        events: serde_json::json!({ LOGOUT_EVENT: {} }),
    };
    Ok(app.keyring.sign(id_token::alg(client)?, LOGOUT_TYP, &claims).map_err(Error::server)?.compact)
}
