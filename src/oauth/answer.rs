//! Authorization responses (RFC 6749, 4.1.2; RFC 9207; OAuth 2.0 Form Post Response Mode 1.0): where the browser goes, with a code
//! or an error, and whether an address or a form takes it there.
//!
//! Only a [`ValidRedirect`] is ever gone to. Every answer, errors too, carries `iss`, and `state` byte for byte. Refused: a form
//! for whom no form reaches, and one that would change the `state`.

use super::error::Error;
use super::redirect::ValidRedirect;
use crate::http::params;

/// An answer on its way to the client.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// In an address.
    Address(String),
    /// In a form that the browser posts there: nothing of it stands in an address.
    Form {
        /// The client's redirect URI.
        action: String,
        /// Name and value, in order.
        fields: Vec<(&'static str, String)>,
    },
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Address(_) => "Address(redacted)",
            Self::Form { .. } => "Form(redacted)",
        })
    }
}

/// What an answer says, and to whom.
type Write = fn(&ValidRedirect, Vec<(&'static str, String)>) -> Answer;

/// A way for an answer to travel.
#[derive(Clone, Copy)]
pub struct ResponseMode {
    /// The `response_mode`.
    pub name: &'static str,
    write: Write,
    /// Why it can't carry an answer with this `state` there, if it can't.
    unfit: fn(&ValidRedirect, Option<&str>) -> Option<&'static str>,
}

impl std::fmt::Debug for ResponseMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl ResponseMode {
    /// Why it can't carry an answer with this `state` to this client, if it can't.
    #[must_use]
    pub fn unfit(self, redirect: &ValidRedirect, state: Option<&str>) -> Option<&'static str> {
        (self.unfit)(redirect, state)
    }
}

/// In the query. A registered one stays as it is; ours comes after it.
pub const QUERY: ResponseMode = ResponseMode {
    name: "query",
    write: |redirect, pairs| {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        Answer::Address(params::append(redirect.uri(), pairs))
    },
    unfit: |_, _| None,
};

/// In a form that posts itself.
pub const FORM_POST: ResponseMode = ResponseMode {
    name: "form_post",
    write: |redirect, fields| Answer::Form { action: redirect.uri().to_owned(), fields },
    unfit: |redirect, state| {
        if !redirect.uri().starts_with("https://") && !redirect.uri().starts_with("http://") {
            return Some("response_mode form_post is for redirect URIs of the web: nothing else takes a form");
        }
        // Browsers turn every line end of a form into CR LF.
        let lines = state.is_some_and(|state| state.contains(['\r', '\n']));
        lines.then_some("state has a line end, which a form does not carry unchanged")
    },
};

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
    pub fn code(&self, code: &str) -> Answer {
        self.with(vec![("code", code.to_owned())])
    }

    /// With an error: `error`, `error_description`, `state`, `iss`, and nothing else.
    #[must_use]
    pub fn error(&self, error: &Error) -> Answer {
        self.with(vec![("error", error.code.name().to_owned()), ("error_description", error.description())])
    }

    fn with(&self, mut pairs: Vec<(&'static str, String)>) -> Answer {
        pairs.extend(self.state.map(|state| ("state", state.to_owned())));
        pairs.push(("iss", self.issuer.to_owned()));
        (self.mode.write)(self.redirect, pairs)
    }
}
