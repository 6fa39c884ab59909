//! What this server speaks: one line each. Metadata, registration, forms and help are derived from it; nothing is advertised
//! that isn't here.

use super::client_auth::methods::{self, Method};
use super::grants::request::{ActsFor, Grant};
use super::grants::{authorization_code, client_credentials, refresh_token};
use super::pkce;
use super::prompt::{self, Word};

/// The grants of the token endpoint.
pub const GRANTS: &[Grant] = &[authorization_code::GRANT, refresh_token::GRANT, client_credentials::GRANT];

/// How clients authenticate at the token, introspection and revocation endpoints.
pub const AUTH_METHODS: &[Method] = methods::METHODS;

/// How authorization responses travel.
pub const RESPONSE_MODES: &[&str] = &["query"];

/// What may be asked for at the authorization endpoint.
pub const RESPONSE_TYPES: &[&str] = &["code"];

/// The transformations of PKCE.
pub const CHALLENGE_METHODS: &[&str] = pkce::METHODS;

/// The values of `prompt` that are honoured.
pub const PROMPTS: &[Word] = prompt::WORDS;

/// The grant of this name.
#[must_use]
pub fn grant(name: &str) -> Option<&'static Grant> {
    GRANTS.iter().find(|grant| grant.name == name)
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

/// Whether one of these grants acts for this one.
#[must_use]
pub fn any_acts_for(names: &[String], whom: ActsFor) -> bool {
    names.iter().filter_map(|name| grant(name)).any(|grant| grant.acts_for == whom)
}
