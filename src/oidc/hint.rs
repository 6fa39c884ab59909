//! ID tokens that come back as hints (OpenID Connect Core 3.1.2.1; RP-Initiated Logout 1.0, 2): whose sign-in is meant.
//!
//! Ours by signature, whatever their age, keys that are gone included; they prove nothing about who presents them. Refused: what
//! another issuer signed, what was altered, and tokens of another type.

use serde::Deserialize;
use uuid::Uuid;

use super::id_token::ALGORITHMS;
use crate::app::App;
use crate::keyring::Expect;

/// What of an ID token a hint is read for.
#[derive(Debug, Clone, Deserialize)]
pub struct Hint {
    iss: String,
    pub sub: String,
    /// What the client is called outside.
    pub aud: String,
    pub sid: Option<Uuid>,
}

/// Reads a hint.
#[must_use]
pub fn read(app: &App, text: &str) -> Option<Hint> {
    let expect = Expect::new(&["JWT"], ALGORITHMS).accept_gone();
    let verified = app.keyring.verify(text, expect).ok()?;
    let hint: Hint = serde_json::from_value(serde_json::Value::Object(verified.claims)).ok()?;
    (hint.iss == app.config.issuer.as_str()).then_some(hint)
}
