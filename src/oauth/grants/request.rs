//! What the token endpoint hands to a grant, and how a grant is known.

use std::future::Future;
use std::pin::Pin;

use crate::app::App;
use crate::event::Caller;
use crate::http::params::Params;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::delivery::FromPage;
use crate::oauth::error::Error;
use crate::token::entitlement::Entitlement;

/// A token request whose client is authenticated and may use the grant.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    pub app: &'a App,
    pub client: &'a AuthenticatedClient,
    pub params: &'a Params,
    pub caller: &'a Caller,
    /// That a page of the client's own sent it; of every client whose refresh tokens travel in a cookie.
    pub page: Option<FromPage<'a>>,
}

/// What becomes of a token request.
#[derive(Debug)]
pub enum Redeemed {
    /// All checks passed, and all is enrolled.
    Entitled(Box<Entitlement>),
    /// The client's registration has changed since it authenticated: begin again.
    ClientMoved,
}

/// A grant's work, as a future.
pub type Redeeming<'a> = Pin<Box<dyn Future<Output = Result<Redeemed, Error>> + Send + 'a>>;

/// Whom the tokens of a grant stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActsFor {
    /// A user who has signed in.
    User,
    /// The client itself.
    Itself,
}

/// What a grant has to do with refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It gives the first of a family.
    Gives,
    /// It takes one.
    Takes,
    Without,
}

/// A grant: what is unique to it. The endpoint owns everything else.
#[derive(Clone, Copy)]
pub struct Grant {
    /// The `grant_type`.
    pub name: &'static str,
    /// Whether a public client may be registered for it.
    pub public_clients: bool,
    pub acts_for: ActsFor,
    pub refresh: Refresh,
    pub redeem: for<'a> fn(&'a TokenRequest<'a>) -> Redeeming<'a>,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
