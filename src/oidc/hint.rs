//! ID tokens that come back as hints (OpenID Connect Core 3.1.2.1; RP-Initiated Logout 1.0, 2): whose sign-in is meant.
//!
//! Ours by signature, whatever their age, keys that are gone included; they prove nothing about who presents them. Refused: what
//! another issuer signed, what was altered, and tokens of another type.

use serde::Deserialize;
use uuid::Uuid;

use super::id_token::ALGORITHMS;
use super::subject;
use crate::app::App;
use crate::keyring::Expect;
use crate::store;

/// What of an ID token a hint is read for.
#[derive(Debug, Clone, Deserialize)]
pub struct Hint {
    iss: String,
    /// Every ID token has one; a signed userinfo answer, which is otherwise much like it, has none.
    #[serde(rename = "exp")]
    _exp: i64,
    /// The user's own, whatever the client knows him by.
    pub sub: String,
    /// What the client is called outside.
    pub aud: String,
    pub sid: Option<Uuid>,
}

/// Reads a hint; none when it isn't one.
pub async fn read(app: &App, text: &str) -> store::Result<Option<Hint>> {
    let Some(mut hint) = verified(app, text) else { return Ok(None) };
    hint.sub = subject::own(&app.store, &hint.sub).await?;
    Ok(Some(hint))
}

fn verified(app: &App, text: &str) -> Option<Hint> {
    let expect = Expect::new(&["JWT"], ALGORITHMS).accept_gone();
    let verified = app.keyring.verify(text, expect).ok()?;
    let hint: Hint = serde_json::from_value(serde_json::Value::Object(verified.claims)).ok()?;
    (hint.iss == app.config.issuer.as_str()).then_some(hint)
}
