//! Whom a token is for (RFC 8707), and how long it may live there.
//!
//! Without `resource`: what the authorization named, else the client's default resource, else the issuer. Refused
//! (`invalid_target`): what isn't registered, has retired, isn't the client's, or wasn't authorized.

use std::time::Duration;

use crate::app::App;
use crate::oauth::client::Registration;
use crate::oauth::error::{Code, Error};
use crate::oauth::scope::{self, Scopes};
use crate::store::resources::{self, Resource};
use crate::token::entitlement::Allowed;

/// The most `resource` parameters one request may have.
pub const MOST: usize = 10;

/// Settles audience, scopes and lifetime of a token.
pub async fn settle(app: &App, client: &Registration, asked: &[String], scopes: Scopes) -> Result<Allowed, Error> {
    let issuer = app.config.issuer.as_str().to_owned();
    let chosen: Vec<String> =
        if asked.is_empty() { client.resources.first().cloned().into_iter().collect() } else { asked.to_vec() };
    let own_only = !scopes.is_empty() && scopes.iter().all(|scope| scope::OWN.iter().any(|(own, _)| *own == scope));
    // Scopes of Chancery's own APIs are for the issuer, whatever the client's default resource is.
    if chosen.is_empty() || (asked.is_empty() && own_only) {
        return Ok(Allowed { scopes, audience: vec![issuer], lifetime: app.config.tokens.access_token_lifetime });
    }
    let mut known = Vec::new();
    for uri in &chosen {
        if *uri == issuer {
            continue;
        }
        known.push(live(app, client, uri).await?);
    }
    let lifetime = known
        .iter()
        .filter_map(|resource| resource.access_token_seconds.map(|seconds| Duration::from_secs(seconds.unsigned_abs())))
        .fold(
            app.config.tokens.access_token_lifetime,
            |least, one| if known.len() == 1 { one } else { least.min(one) },
        );
    Ok(Allowed { scopes, audience: chosen, lifetime })
}

/// A resource that the client may ask for.
pub async fn live(app: &App, client: &Registration, uri: &str) -> Result<Resource, Error> {
    let refused = || {
        Error::new(Code::InvalidTarget, "the resource is unknown, has retired, or is not one this client may ask for")
    };
    if !client.resources.iter().any(|own| own == uri) {
        return Err(refused());
    }
    resources::by_uri(&app.store, uri).await?.filter(|resource| resource.retired_at.is_none()).ok_or_else(refused)
}

/// The `resource` parameters of a request.
pub fn asked(params: &crate::http::params::Params) -> Result<Vec<String>, Error> {
    let mut out: Vec<String> = Vec::new();
    for uri in params.all("resource") {
        if out.len() == MOST {
            return Err(Error::new(Code::InvalidTarget, "more than 10 resources"));
        }
        if !out.iter().any(|known| known == uri) {
            out.push(uri.to_owned());
        }
    }
    Ok(out)
}
