//! What the dashboard keeps of one sign-in, in memory: the tokens, and the history of refresh tokens.
//!
//! A real dashboard forgets a refresh token the moment it has the next one. This one keeps the old ones on purpose, so
//! that a person can replay one and watch what happens.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::jwt;

/// A successful answer of the token endpoint (RFC 6749 §5.1).
#[derive(Deserialize)]
pub(super) struct TokenSet {
    pub access_token: String,
    pub token_type: String,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
    pub scope: Option<String>,
}

/// One refresh token the dashboard was given, oldest first in the history.
pub(super) struct Generation {
    pub refresh_token: String,
    pub at: i64,
    pub how: &'static str,
    /// The `jti` of the access token that came with it.
    pub jti: String,
    /// How often the issuer answered this same generation again.
    pub repeats: u32,
}

/// A person signed in, with everything the issuer gave.
pub(super) struct SignedIn {
    pub id_token: String,
    pub id_claims: Map<String, Value>,
    pub userinfo: Map<String, Value>,
    pub access_token: String,
    pub scope: Option<String>,
    pub history: Vec<Generation>,
    /// Why the refresh token no longer works, once it doesn't.
    pub ended: Option<&'static str>,
}

/// What a refresh brought.
pub(super) enum Brought {
    /// A generation we did not have.
    Next,
    /// The generation we have already: an honest retry.
    Same,
}

impl SignedIn {
    /// Takes in the answer to a refresh.
    pub fn take(&mut self, tokens: TokenSet, at: i64, how: &'static str) -> Brought {
        let jti = jti_of(&tokens.access_token);
        self.access_token = tokens.access_token;
        self.scope = tokens.scope.or(self.scope.take());
        if let Some(id_token) = tokens.id_token {
            self.id_token = id_token;
        }
        match (tokens.refresh_token, self.history.last_mut()) {
            (Some(next), last) if last.as_ref().is_none_or(|last| last.refresh_token != next) => {
                self.history.push(Generation { refresh_token: next, at, how, jti, repeats: 0 });
                Brought::Next
            }
            (_, last) => {
                if let Some(last) = last {
                    last.repeats += 1;
                }
                Brought::Same
            }
        }
    }

    /// The refresh token of the newest generation.
    pub fn newest(&self) -> Option<&str> {
        self.history.last().map(|generation| generation.refresh_token.as_str())
    }

    /// The one before it.
    pub fn previous(&self) -> Option<&str> {
        self.history.iter().rev().nth(1).map(|generation| generation.refresh_token.as_str())
    }

    /// The very first one.
    pub fn oldest(&self) -> Option<&str> {
        self.history.first().map(|generation| generation.refresh_token.as_str())
    }
}

/// The access token's `jti`, only to show it.
pub(super) fn jti_of(access_token: &str) -> String {
    let shown = jwt::show(access_token);
    shown.and_then(|(_, claims)| jwt::text(&claims, "jti").map(str::to_owned)).unwrap_or_else(|| "unknown".into())
}
