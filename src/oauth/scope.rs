//! Scopes (RFC 6749, 3.3): a set with an order, read strictly, that can be narrowed and never grows.
//!
//! Refuses: characters outside the grammar, more than 64 scopes, a scope of more than 200 characters.

use std::fmt;

use super::error::{Code, Error};

/// A set of scopes, in the order first named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<String>);

/// The most scopes one request may name.
pub const MOST: usize = 64;

/// Scopes of Chancery's own APIs; their audience is the issuer.
pub const OWN: &[(&str, &str)] = &[
    ("chancery:feed", "read the revocation feed"),
    ("chancery:revocations:write", "revoke tokens through the admin API"),
];

/// Scopes whose claims OpenID Connect Core 5.4 defines, `offline_access` (11), and `groups`.
pub const STANDARD: &[&str] = &["openid", "profile", "email", "address", "phone", "groups", "offline_access"];

/// Those of them that a client has unless its registration says otherwise: where somebody lives, and his telephone, few have to
/// know.
pub const USUAL: &[&str] = &["openid", "profile", "email", "groups", "offline_access"];

impl Scopes {
    /// Reads a space-delimited list; repetition is no error.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut out = Self::default();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if scope.len() > 200 || !scope.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~')) {
                return Err(Error::new(
                    Code::InvalidScope,
                    "a scope has characters that scopes don't have, or is too long",
                ));
            }
            if out.0.len() == MOST {
                return Err(Error::new(Code::InvalidScope, "more than 64 scopes"));
            }
            out.add(scope);
        }
        Ok(out)
    }

    /// Reads what a client asks of a user: scopes it is registered for, and none of this server's own APIs, which are for clients
    /// that act for themselves.
    pub fn of_user(text: &str, registered: &Self) -> Result<Self, Error> {
        let scopes = Self::parse(text)?;
        if scopes.beyond(registered).is_some() {
            return Err(Error::new(Code::InvalidScope, "a scope is not registered for this client"));
        }
        if scopes.iter().any(|scope| OWN.iter().any(|(own, _)| *own == scope)) {
            return Err(Error::new(
                Code::InvalidScope,
                "the scopes of this server's own APIs are for clients acting for themselves",
            ));
        }
        Ok(scopes)
    }

    /// Scopes as they were stored.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
    }

    fn add(&mut self, scope: &str) {
        if !self.has(scope) {
            self.0.push(scope.to_owned());
        }
    }

    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|have| have == scope)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether all of these are among `others`.
    #[must_use]
    pub fn within(&self, others: &Self) -> bool {
        self.iter().all(|scope| others.has(scope))
    }

    /// The first of these that is not among `others`.
    #[must_use]
    pub fn beyond(&self, others: &Self) -> Option<&str> {
        self.iter().find(|scope| !others.has(scope))
    }

    /// Those of these for which `keep` holds.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|scope| keep(scope)).cloned().collect())
    }

    /// These and others.
    #[must_use]
    pub fn with(mut self, others: &Self) -> Self {
        others.iter().for_each(|scope| self.add(scope));
        self
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
