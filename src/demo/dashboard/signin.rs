//! The sign-in: to the issuer with PKCE, `state` and `nonce`, and back with a code.
//!
//! OpenID Connect Core 1.0 §3.1.2, RFC 7636, RFC 9207, RFC 8707, RFC 9700 §2.1. Refuses an answer whose `state` this
//! browser did not send (or sent before), one from another issuer, and repeated parameters.

use std::collections::HashMap;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::jwt::text;
use super::super::page;
use super::super::web::Trouble;
use super::super::web::random_text;
use super::browsers::Browser;
use super::id_token::Occasion;
use super::tokens::{Generation, SignedIn, TokenSet, jti_of};
use super::{Dashboard, Shared, pages};
use crate::secret;

const SCOPE: &str = "openid profile email groups offline_access shipments:read";
const PENDING_SECONDS: i64 = 600;
const PENDING_MOST: usize = 8;

/// A sign-in under way.
pub(super) struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    began: i64,
}

/// `POST /sign-in`: remember what must come back, and go.
pub(super) async fn start(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    let pending = Pending {
        state: random_text(),
        nonce: random_text(),
        verifier: random_text(),
        began: dashboard.clock.now().timestamp(),
    };
    let to = match dashboard.authorization_request(&pending).await {
        Ok(to) => to,
        Err(trouble) => return pages::trouble(&dashboard, StatusCode::BAD_GATEWAY, &trouble),
    };
    let now = dashboard.clock.monotonic();
    if let Some(browser) = dashboard.browsers.find(&headers, now) {
        let mut browser = browser.lock().await;
        if browser.pending.len() >= PENDING_MOST {
            browser.pending.remove(0);
        }
        browser.pending.push(pending);
        return page::see_other(&to, None);
    }
    let browser = Browser { pending: vec![pending], ..Browser::default() };
    let cookie = dashboard.browsers.keep(browser, &headers, now);
    page::see_other(&to, Some(&cookie))
}

/// `GET /callback`: the issuer's answer.
pub(super) async fn callback(State(dashboard): State<Shared>, headers: HeaderMap, query: RawQuery) -> Response {
    let answer = match once_each(query.0.as_deref().unwrap_or_default()) {
        Ok(answer) => answer,
        Err(trouble) => return pages::trouble(&dashboard, StatusCode::BAD_REQUEST, &trouble),
    };
    match dashboard.finish(&headers, &answer).await {
        Ok(signed_in) => {
            let browser = Browser { signed_in: Some(signed_in), ..Browser::default() };
            let cookie = dashboard.browsers.keep(browser, &headers, dashboard.clock.monotonic());
            page::see_other(&format!("{}/", dashboard.config.base_url), Some(&cookie))
        }
        Err(trouble @ Trouble::Refused(_)) => pages::trouble(&dashboard, StatusCode::BAD_REQUEST, &trouble),
        Err(trouble) => pages::trouble(&dashboard, StatusCode::BAD_GATEWAY, &trouble),
    }
}

impl Dashboard {
    async fn authorization_request(&self, pending: &Pending) -> Result<String, Trouble> {
        let metadata = self.issuer.metadata().await?;
        let mut to = url::Url::parse(&metadata.authorization_endpoint)
            .map_err(|_| Trouble::Refused("The issuer's metadata hold no usable authorization endpoint.".into()))?;
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.config.redirect_uri())
            .append_pair("scope", SCOPE)
            .append_pair("resource", &self.config.resource)
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &challenge(&pending.verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(to.into())
    }

    /// The checks, in the order that matters: ours, from our issuer, no refusal, and only then the code is spent.
    async fn finish(&self, headers: &HeaderMap, answer: &HashMap<String, String>) -> Result<SignedIn, Trouble> {
        let refused = |why: &str| Trouble::Refused(why.to_owned());
        let state = answer.get("state").ok_or_else(|| refused("The answer carries no `state`."))?;
        let browser = self.browsers.find(headers, self.clock.monotonic());
        let pending = match browser {
            Some(browser) => take(&mut browser.lock().await.pending, state, self.clock.now().timestamp()),
            None => None,
        };
        let pending = pending.ok_or_else(|| {
            refused("The answer's `state` is not one this browser began with: it was used before, is too old, or belongs to somebody else.")
        })?;
        let metadata = self.issuer.metadata().await?;
        match answer.get("iss") {
            Some(iss) if *iss != self.config.issuer => return Err(refused("The answer's `iss` is another issuer.")),
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err(refused("The answer carries no `iss`, though the issuer promises it."));
            }
            _ => {}
        }
        if let Some(error) = answer.get("error") {
            let why = answer.get("error_description").map(|why| format!(": {why}")).unwrap_or_default();
            return Err(Trouble::Refused(format!("The issuer did not sign you in: {error}{why}.")));
        }
        let code = answer.get("code").ok_or_else(|| refused("The answer carries no `code`."))?;
        self.redeem(code, &pending).await
    }

    async fn redeem(&self, code: &str, pending: &Pending) -> Result<SignedIn, Trouble> {
        let answer = self
            .token(&[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", &self.config.redirect_uri()),
                ("code_verifier", &pending.verifier),
            ])
            .await?;
        let tokens: TokenSet = answer.expect()?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(answer.unexpected(format!("token type {}", tokens.token_type)));
        }
        let id_token = tokens.id_token.ok_or_else(|| answer.unexpected("no ID token".into()))?;
        let occasion = Occasion::SignIn { nonce: &pending.nonce };
        let id_claims = self.id_token(&id_token, &tokens.access_token, occasion).await?;
        let sub = text(&id_claims, "sub").unwrap_or_default();
        let userinfo = self.userinfo(&tokens.access_token, sub).await?;
        let (at, jti) = (self.clock.now().timestamp(), jti_of(&tokens.access_token));
        let first = |refresh_token| Generation { refresh_token, at, how: "sign-in", jti, repeats: 0 };
        Ok(SignedIn {
            id_token,
            id_claims,
            userinfo,
            access_token: tokens.access_token,
            scope: tokens.scope,
            history: tokens.refresh_token.map(first).into_iter().collect(),
            ended: None,
        })
    }
}

/// Finds the sign-in with this `state` and forgets it: each answer counts once.
fn take(pending: &mut Vec<Pending>, state: &str, now: i64) -> Option<Pending> {
    let at = pending.iter().position(|one| one.state == state)?;
    let found = pending.remove(at);
    (now - found.began <= PENDING_SECONDS).then_some(found)
}

/// RFC 7636 §4.2.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(secret::sha256(&[verifier.as_bytes()]))
}

/// RFC 6749 §3.1: no parameter may come twice.
fn once_each(query: &str) -> Result<HashMap<String, String>, Trouble> {
    let mut all = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if all.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(Trouble::Refused(format!("The answer carries `{name}` twice.")));
        }
    }
    Ok(all)
}
