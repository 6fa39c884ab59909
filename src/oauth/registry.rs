//! What this server speaks: one line each. Metadata, registration, forms and help are derived from it; nothing is advertised
//! that isn't here.

use super::grants::request::Grant;
use super::grants::{authorization_code, client_credentials, refresh_token};
use super::{client_auth, pkce};

/// The grants of the token endpoint.
pub const GRANTS: &[Grant] = &[authorization_code::GRANT, refresh_token::GRANT, client_credentials::GRANT];

/// How clients authenticate at the token, introspection and revocation endpoints.
pub const AUTH_METHODS: &[&str] = client_auth::METHODS;

/// How authorization responses travel.
pub const RESPONSE_MODES: &[&str] = &["query"];

/// What may be asked for at the authorization endpoint.
pub const RESPONSE_TYPES: &[&str] = &["code"];

/// The transformations of PKCE.
pub const CHALLENGE_METHODS: &[&str] = pkce::METHODS;

/// The values of `prompt` that are honoured.
pub const PROMPTS: &[&str] = &["none", "login", "consent", "select_account"];

/// The grant of this name.
#[must_use]
pub fn grant(name: &str) -> Option<&'static Grant> {
    GRANTS.iter().find(|grant| grant.name == name)
}
