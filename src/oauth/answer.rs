//! Authorization responses (RFC 6749, 4.1.2; RFC 9207): where the browser goes, with a code or an error.
//!
//! Only a [`ValidRedirect`] is ever gone to. Every answer, errors too, carries `iss`, and `state` byte for byte.

use super::error::Error;
use super::redirect::ValidRedirect;
use crate::http::params;

/// A way for an answer to travel.
#[derive(Clone, Copy)]
pub struct ResponseMode {
    /// The `response_mode`.
    pub name: &'static str,
    /// The address that brings these parameters.
    answer: fn(&ValidRedirect, &[(&str, &str)]) -> String,
}

impl std::fmt::Debug for ResponseMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// In the query. A registered one stays as it is; ours comes after it.
pub const QUERY: ResponseMode =
    ResponseMode { name: "query", answer: |redirect, pairs| params::append(redirect.uri(), pairs.iter().copied()) };

/// The way back to a client.
#[derive(Debug, Clone, Copy)]
pub struct Back<'a> {
    pub issuer: &'a str,
    pub redirect: &'a ValidRedirect,
    pub mode: ResponseMode,
    pub state: Option<&'a str>,
}

impl Back<'_> {
    /// With a code.
    #[must_use]
    pub fn code(&self, code: &str) -> String {
        self.with(&[("code", code)])
    }

    /// With an error: `error`, `error_description`, `state`, `iss`, and nothing else.
    #[must_use]
    pub fn error(&self, error: &Error) -> String {
        self.with(&[("error", error.code.name()), ("error_description", &error.description())])
    }

    fn with(&self, what: &[(&str, &str)]) -> String {
        let mut pairs = what.to_vec();
        pairs.extend(self.state.map(|state| ("state", state)));
        pairs.push(("iss", self.issuer));
        (self.mode.answer)(self.redirect, &pairs)
    }
}
