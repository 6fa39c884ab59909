//! What comes next, given what the browser has proved: a pure function over session, request and consent.

use chrono::{DateTime, Utc};

use super::request::AuthorizationRequest;
use crate::session::Held;

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    SignIn,
    Consent,
    /// Nothing more to ask: a code.
    Ready,
}

/// What is decided on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The browser's session, if it stands.
    pub held: Option<&'a Held>,
    pub request: &'a AuthorizationRequest,
    /// When this interaction began; a sign-in since then satisfies `prompt=login`.
    pub since: DateTime<Utc>,
    pub now: DateTime<Utc>,
    /// Whether consent needs no page.
    pub remembered: bool,
}

/// Decides.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> Decision {
    let Some(held) = facts.held else { return Decision::SignIn };
    let prompt = facts.request.prompt;
    let proved_here = held.auth_time >= facts.since;
    if (prompt.login || prompt.select_account) && !proved_here {
        return Decision::SignIn;
    }
    let age = (facts.now - held.auth_time).num_seconds();
    let too_old = facts.request.max_age.is_some_and(|most| age > i64::try_from(most).unwrap_or(i64::MAX));
    if too_old || (facts.request.max_age == Some(0) && !proved_here) {
        return Decision::SignIn;
    }
    if prompt.consent || !facts.remembered { Decision::Consent } else { Decision::Ready }
}
