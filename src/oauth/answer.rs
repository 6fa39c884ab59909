//! Authorization responses (RFC 6749, 4.1.2; RFC 9207): where the browser goes, with a code or an error.
//!
//! Only a [`ValidRedirect`] is ever gone to. Every answer, errors too, carries `iss`, and `state` byte for byte.

use super::error::Error;
use super::redirect::ValidRedirect;
use crate::http::params;

/// The way back with a code.
#[must_use]
pub fn success(issuer: &str, redirect: &ValidRedirect, code: &str, state: Option<&str>) -> String {
    location(redirect, &[("code", Some(code)), ("state", state), ("iss", Some(issuer))])
}

/// The way back with an error: `error`, `error_description`, `state`, `iss`, and nothing else.
#[must_use]
pub fn failure(issuer: &str, redirect: &ValidRedirect, error: &Error, state: Option<&str>) -> String {
    let description = error.description();
    let pairs = [
        ("error", Some(error.code.name())),
        ("error_description", Some(description.as_str())),
        ("state", state),
        ("iss", Some(issuer)),
    ];
    location(redirect, &pairs)
}

/// A registered query stays as it is; ours comes after it.
fn location(redirect: &ValidRedirect, pairs: &[(&str, Option<&str>)]) -> String {
    params::append(redirect.uri(), pairs.iter().filter_map(|(name, value)| value.map(|value| (*name, value))))
}
