//! What this server speaks: one line each. Metadata, registration, forms and help are derived from it; nothing is advertised
//! that isn't here.

use super::answer::{self, ResponseMode};
use super::client_auth::methods::{self, Method};
use super::grants::request::{ActsFor, Grant};
use super::grants::{authorization_code, client_credentials, device_code, refresh_token};
use super::prompt::{self, Word};
use super::redirect::ValidRedirect;
use super::{code, pkce};
use crate::keyring::Alg;
use crate::oidc::channels::{self, Channel};
use crate::oidc::{id_token, subject};

/// The grants of the token endpoint.
pub const GRANTS: &[Grant] =
    &[authorization_code::GRANT, refresh_token::GRANT, client_credentials::GRANT, device_code::GRANT];

/// How clients authenticate at the token, introspection and revocation endpoints.
pub const AUTH_METHODS: &[Method] = methods::METHODS;

/// How authorization responses travel.
pub const RESPONSE_MODES: &[ResponseMode] = &[answer::QUERY, answer::FORM_POST];

/// What may be asked for at the authorization endpoint.
pub const RESPONSE_TYPES: &[&str] = &[code::RESPONSE_TYPE];

/// The transformations of PKCE.
pub const CHALLENGE_METHODS: &[&str] = pkce::METHODS;

/// The values of `prompt` that are honoured.
pub const PROMPTS: &[Word] = prompt::WORDS;

/// What ID tokens are signed with.
pub const ID_TOKEN_ALGS: &[Alg] = id_token::ALGORITHMS;

/// What userinfo is signed with, for clients that want it signed.
pub const USERINFO_ALGS: &[Alg] = id_token::ALGORITHMS;

/// How users are named to clients.
pub const SUBJECT_TYPES: &[&str] = subject::TYPES;
/// How clients are told that a session has ended.
pub const LOGOUT_CHANNELS: &[&Channel] = &[&channels::BACK, &channels::FRONT];

/// The grant of this name.
#[must_use]
pub fn grant(name: &str) -> Option<&'static Grant> {
    GRANTS.iter().find(|grant| grant.name == name)
}

/// The full name of a grant that is named by the end of its URN alone; any other text as it is.
#[must_use]
pub fn grant_name(text: &str) -> &str {
    let ends = |grant: &&Grant| grant.name.rsplit_once(':').is_some_and(|(_, end)| end == text);
    GRANTS.iter().find(ends).map_or(text, |grant| grant.name)
}

/// The response mode of this name, if it can carry an answer with this `state` there; without one, or with one that isn't here or
/// can't, that of a code (OAuth 2.0 Multiple Response Types 2.1).
#[must_use]
pub fn response_mode(name: Option<&str>, redirect: &ValidRedirect, state: Option<&str>) -> ResponseMode {
    let named = name.and_then(|name| RESPONSE_MODES.iter().find(|mode| mode.name == name)).copied();
    named.filter(|mode| mode.unfit(redirect, state).is_none()).unwrap_or(answer::QUERY)
}

/// The names of those grants for which `which` holds, as help and errors list them.
#[must_use]
pub fn grant_names(which: impl Fn(&Grant) -> bool) -> Vec<&'static str> {
    GRANTS.iter().filter(|grant| which(grant)).map(|grant| grant.name).collect()
}

/// The names of those authentication methods for which `which` holds.
#[must_use]
pub fn method_names(which: impl Fn(&Method) -> bool) -> Vec<&'static str> {
    AUTH_METHODS.iter().filter(|method| which(method)).map(|method| method.name).collect()
}

/// What the proofs of those authentication methods for which `which` holds are signed with.
#[must_use]
pub fn signed_with(which: impl Fn(&Method) -> bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    for alg in AUTH_METHODS.iter().filter(|method| which(method)).flat_map(|method| method.signed_with) {
        if !names.contains(&alg.name()) {
            names.push(alg.name());
        }
    }
    names
}

/// Whether one of these grants acts for this one.
#[must_use]
pub fn any_acts_for(names: &[String], whom: ActsFor) -> bool {
    names.iter().filter_map(|name| grant(name)).any(|grant| grant.acts_for == whom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_may_be_called_by_its_end() {
        assert_eq!(grant_name("device_code"), device_code::GRANT.name);
        for name in ["refresh_token", "grant-type", "urn", "", "device_code ", device_code::GRANT.name] {
            assert_eq!(grant_name(name), name);
        }
    }
}
