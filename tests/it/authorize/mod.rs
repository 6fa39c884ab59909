//! What relying parties and certification ask of the authorization endpoint, line by line: each test is named after the line it
//! shows (OpenID Connect Core 3.1.2, RFC 6749 4.1, OAuth 2.0 Form Post Response Mode 1.0, RFC 8707, RFC 9728).

mod claims;
mod form_post;
mod prompts;
mod requests;
mod resources;
mod shown;

use chancery::http::params::Params;
use serde_json::Value;
use sqlx::types::Json;

use crate::kit::actors::{Answer, Browser, Flow, RelyingParty, form_of, location};
use crate::kit::issuer::Issuer;

pub use crate::signin::{ALICE, SECOND, asking, follow, has, held, sign_in, signed_in, told};

/// All that the client is told, in an address or in a form.
#[track_caller]
pub fn answer(of: &Answer) -> Params {
    match location(of) {
        Some(to) => Params::parse(to.split_once('?').unwrap().1.as_bytes()).unwrap(),
        None => {
            assert!(has(of, "answer-send"), "{} {}", of.status, of.text);
            let (_, fields) = form_of(of);
            let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            Params::parse(chancery::http::params::encode(pairs).as_bytes()).unwrap()
        }
    }
}

/// The error a client is told for a request of a browser that shows no page.
pub async fn refused(browser: &mut Browser, flow: &Flow) -> String {
    let came = browser.begin(flow).await;
    answer(&came).get("error").unwrap_or_else(|| panic!("no error: {} {}", came.status, came.text)).to_owned()
}

/// From the browser's session, without a page, to tokens.
pub async fn silently(browser: &mut Browser, rp: &RelyingParty, more: &[(&str, &str)]) -> Answer {
    let flow = rp.flow(&[&[("prompt", "none")], more].concat());
    let code = told(&browser.begin(&flow).await, "code");
    rp.redeem(&flow, &code).await.ok()
}

/// A confidential client of profile `oidc` that asks for consent.
pub async fn old_fashioned(issuer: &Issuer) -> RelyingParty {
    issuer
        .client_with(|row| {
            row.profile = "oidc".to_owned();
            row.consent = "ask".to_owned();
            row.pkce_optional = true;
        })
        .await
}

/// A client with this in the document of its registration.
pub async fn registered(issuer: &Issuer, metadata: Value) -> RelyingParty {
    let metadata = serde_json::from_value(metadata).unwrap();
    issuer
        .client_with(|row| {
            row.consent = "ask".to_owned();
            row.metadata = Json(metadata);
        })
        .await
}
