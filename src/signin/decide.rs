//! What comes next, given what the browser has proved: a pure function over session, request and consent.
//!
//! `prompt`, `max_age`, the subject that a hint or the `claims` parameter names, and an essential `acr` are its inputs (OpenID
//! Connect Core 3.1.2.1 and 5.5.1).

use chrono::{DateTime, Utc};

use super::request::AuthorizationRequest;
use crate::oauth::scope::Scopes;
use crate::session::{self, Held};

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    SignIn,
    /// Whether it shall be whoever is signed in here.
    Choose,
    Consent,
    /// Whoever has just signed in can't meet the essential `acr`.
    Unmet,
    /// The user may have nothing of what is asked for.
    Nothing,
    /// Nothing more to ask: a code.
    Ready,
}

/// What is decided on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The browser's session, if it stands.
    pub held: Option<&'a Held>,
    pub request: &'a AuthorizationRequest,
    /// Whether this interaction itself signed the session in: that satisfies `prompt=login`, and no clock is asked.
    pub proved_here: bool,
    /// Whether the user has said, in this interaction, to be who is signed in.
    pub chosen: bool,
    /// Whether the request may be answered for the session's user.
    pub accepted: bool,
    /// What of the scopes asked for this user may have.
    pub scopes: &'a Scopes,
    pub now: DateTime<Utc>,
    /// Whether consent needs no page.
    pub remembered: bool,
}

/// Decides.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> Decision {
    let Some(held) = facts.held else { return Decision::SignIn };
    let request = facts.request;
    if !facts.accepted {
        return Decision::SignIn;
    }
    if request.prompt.select_account && !facts.chosen && !facts.proved_here {
        return Decision::Choose;
    }
    if must_sign_in(request, held.auth_time, facts.proved_here, facts.now) {
        return Decision::SignIn;
    }
    if !meets(request, session::acr(&held.proofs)) {
        return if facts.proved_here { Decision::Unmet } else { Decision::SignIn };
    }
    if facts.scopes.is_empty() && !request.scopes.is_empty() {
        return Decision::Nothing;
    }
    if request.prompt.consent || !facts.remembered { Decision::Consent } else { Decision::Ready }
}

/// Whether a class of authentication is what the request insists on, if it does.
fn meets(request: &AuthorizationRequest, acr: &str) -> bool {
    request.wanted.acr.is_empty() || request.wanted.acr.iter().any(|one| one == acr)
}

fn must_sign_in(
    request: &AuthorizationRequest,
    auth_time: DateTime<Utc>,
    proved_here: bool,
    now: DateTime<Utc>,
) -> bool {
    if proved_here {
        return false;
    }
    let age = (now - auth_time).num_seconds();
    let too_old = |most: u64| most == 0 || age > i64::try_from(most).unwrap_or(i64::MAX);
    request.prompt.login || request.max_age.is_some_and(too_old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::prompt::Prompt;

    fn request(prompt: Prompt, max_age: Option<u64>) -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: uuid::Uuid::nil(),
            redirect_uri: "https://rp.example/cb".into(),
            redirect_sent: true,
            state: None,
            nonce: None,
            challenge: None,
            scopes: "openid".into(),
            resources: Vec::new(),
            prompt,
            max_age,
            login_hint: None,
            hinted: None,
            ui_locales: None,
            response_mode: None,
            claims: None,
            wanted: crate::oidc::requested::Wanted::default(),
            acr_values: Vec::new(),
            device: None,
        }
    }

    #[test]
    fn whether_to_sign_in_again() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let ago = |seconds| now - chrono::TimeDelta::seconds(seconds);
        let (plain, login) = (Prompt::default(), Prompt { login: true, ..Prompt::default() });
        for (prompt, max_age, age, proved_here, must) in [
            (plain, None, 1_000_000, false, false),
            (login, None, 0, false, true),
            (login, None, 0, true, false),
            (plain, Some(60), 60, false, false),
            (plain, Some(60), 61, false, true),
            (plain, Some(0), 0, false, true),
            (plain, Some(0), 0, true, false),
            (plain, Some(u64::MAX), 1_000_000, false, false),
            // Another node's clock is ahead: a session from the future is no excuse for `prompt=login`.
            (login, None, -5, false, true),
            (plain, Some(60), -5, false, false),
        ] {
            let must_now = must_sign_in(&request(prompt, max_age), ago(age), proved_here, now);
            assert_eq!(must_now, must, "{prompt:?} {max_age:?} {age} {proved_here}");
        }
    }

    #[test]
    fn without_a_session_there_is_only_one_way() {
        let request = request(Prompt::default(), None);
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let scopes = Scopes::default();
        let facts = Facts {
            held: None,
            request: &request,
            proved_here: true,
            chosen: true,
            accepted: true,
            scopes: &scopes,
            now,
            remembered: true,
        };
        assert_eq!(decide(&facts), Decision::SignIn);
    }

    #[test]
    fn an_essential_acr_is_one_of_those_named() {
        let mut request = request(Prompt::default(), None);
        assert!(meets(&request, "1"));
        request.wanted.acr = vec!["2".into(), "3".into()];
        assert!(meets(&request, "3") && !meets(&request, "1"));
    }
}
