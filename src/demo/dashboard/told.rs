//! Told by the issuer, from server to server, that somebody signed out elsewhere: OpenID Connect Back-Channel Logout 1.0.
//!
//! The session here ends as well, and the next page of that browser is the one for who is signed out. Refused, with 400 and nothing
//! ended: whatever section 2.6 lists. A token is judged by its signature, not by where the post comes from: it needs no cookie.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::super::issuer::Unopened;
use super::super::jwt::{names_audience, text, time};
use super::{Dashboard, Shared};

const TYPE: &str = "logout+jwt";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How old a token may be, and how far ahead of our clock.
const OLDEST: i64 = 180;
const AHEAD: i64 = 60;

/// `POST /backchannel-logout`
pub(super) async fn told(State(dashboard): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let status = match dashboard.told(&headers, &body).await {
        Ok(()) => StatusCode::OK,
        Err(Untaken::Wrong(why)) => {
            let answer = serde_json::json!({ "error": "invalid_request", "error_description": why });
            return (StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], axum::Json(answer))
                .into_response();
        }
        // Our keys could not be had: the issuer may come again.
        Err(Untaken::NotNow) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = status.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

enum Untaken {
    Wrong(&'static str),
    NotNow,
}

impl Dashboard {
    async fn told(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Untaken> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(Untaken::Wrong("no form"));
        }
        let mut tokens = form_urlencoded::parse(body).filter(|(name, _)| name == "logout_token");
        let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
            return Err(Untaken::Wrong("one logout_token is needed"));
        };
        let opened = self.issuer.open(&token).await.map_err(|why| match why {
            Unopened::Token(_) => Untaken::Wrong("the token is not signed by our issuer"),
            Unopened::Keys(_) => Untaken::NotNow,
        })?;
        if opened.typ.as_deref() != Some(TYPE) {
            return Err(Untaken::Wrong("the token is of another type"));
        }
        let now = self.clock.now().timestamp();
        let says = check(&opened.claims, &self.config.issuer, &self.config.client_id, now).map_err(Untaken::Wrong)?;
        // What was told before has been done, and is told again when our answer was lost: ending nobody is no failure.
        self.browsers.end(|claims| says.covers(claims)).await;
        Ok(())
    }
}

/// Whom a token is about.
struct Says {
    sid: Option<String>,
    sub: Option<String>,
}

impl Says {
    /// Whether a session that began with an ID token of these claims has ended.
    fn covers(&self, claims: &Map<String, Value>) -> bool {
        match (&self.sid, &self.sub) {
            (Some(sid), _) => text(claims, "sid") == Some(sid),
            (None, Some(sub)) => text(claims, "sub") == Some(sub),
            (None, None) => false,
        }
    }
}

/// Section 2.6.
fn check(claims: &Map<String, Value>, issuer: &str, client_id: &str, now: i64) -> Result<Says, &'static str> {
    if text(claims, "iss") != Some(issuer) {
        return Err("`iss` is not our issuer");
    }
    if !names_audience(claims, client_id) {
        return Err("`aud` does not name this client");
    }
    if time(claims, "iat").is_none_or(|iat| iat > now + AHEAD || iat < now - OLDEST) {
        return Err("`iat` is missing, too old or in the future");
    }
    if time(claims, "exp").is_none_or(|exp| exp <= now) {
        return Err("`exp` is missing or past");
    }
    if text(claims, "jti").is_none_or(str::is_empty) {
        return Err("`jti` is missing");
    }
    if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
        return Err("`events` does not tell of a logout");
    }
    if claims.contains_key("nonce") {
        return Err("there is a `nonce`");
    }
    let own = |name| text(claims, name).filter(|value| !value.is_empty()).map(str::to_owned);
    let says = Says { sid: own("sid"), sub: own("sub") };
    if says.sid.is_none() && says.sub.is_none() { Err("neither `sid` nor `sub` is there") } else { Ok(says) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims() -> Map<String, Value> {
        let claims = json!({
            "iss": "https://id.test", "aud": "me", "iat": 1000, "exp": 1120, "jti": "j", "sub": "ada", "sid": "s1",
            "events": { EVENT: {} },
        });
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_missing_or_wrong_is_not_taken() {
        let taken = |claims: &Map<String, Value>| check(claims, "https://id.test", "me", 1001).is_ok();
        assert!(taken(&claims()));
        for name in ["iss", "aud", "iat", "exp", "jti", "events"] {
            let mut less = claims();
            less.remove(name);
            assert!(!taken(&less), "without {name}");
        }
        for (name, value) in [
            ("iss", json!("https://evil.test")),
            ("aud", json!(["you"])),
            ("iat", json!(500)),
            ("iat", json!(2000)),
            ("exp", json!(1001)),
            ("jti", json!("")),
            ("events", json!({})),
            ("events", json!({ EVENT: true })),
            ("nonce", json!("n")),
            ("nonce", json!(null)),
        ] {
            let mut wrong = claims();
            wrong.insert(name.to_owned(), value);
            assert!(!taken(&wrong), "{name}");
        }
        let mut nobody = claims();
        nobody.retain(|name, _| name != "sid" && name != "sub");
        assert!(!taken(&nobody));
    }

    #[test]
    fn a_session_is_meant_by_its_id_and_only_without_one_by_its_user() {
        let mut told = claims();
        let says = |told: &Map<String, Value>| {
            check(told, "https://id.test", "me", 1001).unwrap_or(Says { sid: None, sub: None })
        };
        let session = |sid: &str| json!({ "sub": "ada", "sid": sid }).as_object().unwrap().clone();
        assert!(says(&told).covers(&session("s1")) && !says(&told).covers(&session("s2")));
        told.remove("sid");
        assert!(says(&told).covers(&session("s2")));
    }
}
