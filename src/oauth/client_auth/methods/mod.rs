//! How clients authenticate (RFC 6749, 2.3): one file each, stating its name, what it takes from a request and how that is
//! verified; registered in one line below. Registration, metadata, command help and every check read this table.
//!
//! The table stands before the client, whose kind it tells; `oauth/registry` shows it beside the grants.

mod basic;
mod none;
mod post;
mod private_key_jwt;
mod secret;

use std::future::Future;
use std::pin::Pin;

use uuid::Uuid;

use crate::app::App;
use crate::http::params::Params;
use crate::keyring::foreign::ForeignAlg;
use crate::oauth::error::Error;
use crate::oauth::profile::Profile;
use crate::secret::Digest;
use crate::store::client_metadata::Metadata;

/// What is accepted, one line each.
pub const METHODS: &[Method] = &[basic::METHOD, post::METHOD, private_key_jwt::METHOD, none::METHOD];

/// What a client has unless its registration says otherwise.
pub const USUAL: Method = basic::METHOD;

/// What a client has that can prove nothing.
pub const PUBLIC: Method = none::METHOD;

/// A request, as far as it may say who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    pub authorization: &'a [&'a str],
    pub form: &'a Params,
}

/// Whom a request says it is from, and what is to prove it: never printed.
pub struct Claim {
    pub client_id: String,
    pub proof: String,
}

/// A proof, with the client it is to prove.
pub struct Presented<'a> {
    pub app: &'a App,
    pub client_id: Uuid,
    /// What it is called outside.
    pub called: &'a str,
    pub proof: &'a str,
    pub profile: Profile,
    /// What else it has registered: its keys.
    pub metadata: &'a Metadata,
    /// The same request has proved itself before, and begins again: what may be presented once was.
    pub again: bool,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Whether a proof holds, as a future.
pub type Verifying<'a> = Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + 'a>>;

/// A method: what is unique to it. `client_auth` owns everything else.
#[derive(Clone, Copy)]
pub struct Method {
    /// As registrations and metadata name it.
    pub name: &'static str,
    /// Whether it proves nothing: its clients are public.
    pub public: bool,
    /// Whether its clients are given a secret.
    pub needs_secret: bool,
    /// What its proofs are signed with, by a key that the client alone has; nothing where nothing is signed.
    pub signed_with: &'static [ForeignAlg],
    /// Whether a request uses it. Of those that prove something, one may; the others count when none does.
    pub used_in: fn(&Sent<'_>) -> bool,
    /// What a request that uses it says.
    pub read: fn(&Sent<'_>) -> Result<Claim, Error>,
    pub verify: for<'a> fn(&'a Presented<'a>) -> Verifying<'a>,
}

impl Method {
    /// Whether its clients prove a key at each use: whoever stole their tokens can't.
    #[must_use]
    pub fn proves_key(&self) -> bool {
        !self.signed_with.is_empty()
    }
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The method of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The one refusal, at the cost of a comparison, so that an unknown client takes as long as a wrong secret.
pub fn refused(detail: &str) -> Error {
    let _ = Digest::of(&[b"a comparison"]).matches(&Digest::of(&[b"of the same cost"]));
    Error::invalid_client().because(detail)
}

/// The client a form names.
fn client_id(form: &Params) -> Result<String, Error> {
    form.get("client_id").map(str::to_owned).ok_or_else(|| refused("neither an Authorization header nor client_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_the_public_one_proves_nothing() {
        for (at, method) in METHODS.iter().enumerate() {
            assert_eq!(METHODS.iter().position(|other| other.name == method.name), Some(at));
            assert!(!(method.public && (method.needs_secret || method.proves_key())), "{method:?}");
        }
        const { assert!(PUBLIC.public && !USUAL.public) };
        assert!(named("client_secret_jwt").is_none());
    }
}
