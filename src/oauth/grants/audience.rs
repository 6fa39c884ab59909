//! Whom a token is for (RFC 8707), and how long it may live there.
//!
//! A client acting for itself: what it asks for, else its default resource, else the issuer. A user's authorization: what it
//! named and is still allowed, or the part of it that is asked for by name. Refused (`invalid_target`): asking for what isn't
//! registered, has retired, isn't the client's, or wasn't authorized. What of the scopes means nothing there is left out.

use std::time::Duration;

use crate::app::App;
use crate::oauth::client::Registration;
use crate::oauth::error::{Code, Error};
use crate::oauth::scope::{self, Scopes};
use crate::oidc::claims::Own;
use crate::store::resources::{self, Resource};
use crate::token::entitlement::{Allowed, Demand};

/// The most `resource` parameters one request may have.
pub const MOST: usize = 10;

/// Settles audience, scopes and lifetime of a token of an authorization for `authorized`. None when nothing of that is left: a
/// resource that has retired, or is no longer the client's, drops out unless it is asked for by name.
pub async fn of_authorization(
    app: &App,
    client: &Registration,
    authorized: &[String],
    asked: &[String],
    scopes: Scopes,
) -> Result<Option<Allowed>, Error> {
    // One written before audiences were settled at birth named nothing, when the client had no default to name.
    let issuer = [app.config.issuer.as_str().to_owned()];
    let authorized = if authorized.is_empty() { &issuer } else { authorized };
    if asked.iter().any(|uri| !authorized.contains(uri)) {
        return Err(Error::new(Code::InvalidTarget, "the resource was not part of the authorization"));
    }
    if !asked.is_empty() {
        return settle(app, client, asked, scopes).await.map(Some);
    }
    let mut left = Vec::new();
    for uri in authorized {
        if issuer.contains(uri) || allowed(app, client, uri).await?.is_some() {
            left.push(uri.clone());
        }
    }
    if left.is_empty() { Ok(None) } else { settle(app, client, &left, scopes).await.map(Some) }
}

/// The same for what a client asks on its own.
pub async fn settle(app: &App, client: &Registration, asked: &[String], scopes: Scopes) -> Result<Allowed, Error> {
    let issuer = app.config.issuer.as_str().to_owned();
    let chosen: Vec<String> =
        if asked.is_empty() { client.resources.first().cloned().into_iter().collect() } else { asked.to_vec() };
    let own_only = !scopes.is_empty() && scopes.iter().all(|scope| scope::OWN.iter().any(|(own, _)| *own == scope));
    // Scopes of Chancery's own APIs are for the issuer, whatever the client's default resource is.
    if chosen.is_empty() || (asked.is_empty() && own_only) {
        let lifetime = app.config.tokens.access_token_lifetime;
        return Ok(Allowed { scopes, audience: vec![issuer], lifetime, demands: Vec::new(), claims: Own::new() });
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
    let asked_for = !scopes.is_empty();
    let scopes = known_by(&known, chosen.contains(&issuer), &scopes);
    if asked_for && scopes.is_empty() {
        return Err(Error::new(Code::InvalidScope, "none of the scopes is one of the resource that is asked for"));
    }
    Ok(Allowed { scopes, audience: chosen, lifetime, demands: demands(&known), claims: claims(&known) })
}

/// Whether a scope is about the user or this server, and no resource's.
fn is_ours(scope: &str) -> bool {
    scope::STANDARD.contains(&scope) || scope::OWN.iter().any(|(own, _)| *own == scope)
}

/// Those scopes that mean something at one of these resources (RFC 8707, 2: a token is for no more than it needs to be): theirs,
/// and those about the user; this server's own where it is meant, too.
fn known_by(resources: &[Resource], issuer: bool, scopes: &Scopes) -> Scopes {
    let theirs = |scope: &str| resources.iter().any(|resource| resource.scopes.iter().any(|own| own.name == scope));
    scopes.only(|scope| scope::STANDARD.contains(&scope) || theirs(scope) || (issuer && is_ours(scope)))
}

/// What these resources demand. A token for several is good at each: what one of them demands is demanded.
fn demands(resources: &[Resource]) -> Vec<Demand> {
    let all = resources.iter().flat_map(|resource| resource.scopes.iter()).filter(|scope| !scope.groups.is_empty());
    all.map(|scope| Demand { scope: scope.name.clone(), groups: scope.groups.clone() }).collect()
}

/// The resources of a request that passed its checks; empty where no scope is a resource's, and nothing has to be looked up.
async fn named(app: &App, resources: &[String], scopes: &Scopes) -> Result<Option<Vec<Resource>>, Error> {
    if resources.is_empty() || scopes.iter().all(|scope| scope::STANDARD.contains(&scope)) {
        return Ok(None);
    }
    let all = resources::list(&app.store).await?;
    Ok(Some(all.into_iter().filter(|known| known.retired_at.is_none() && resources.contains(&known.uri)).collect()))
}

/// Those of these scopes that mean something at the resources a request is for; refused where none does.
pub async fn known_at(app: &App, resources: &[String], scopes: &Scopes) -> Result<Scopes, Error> {
    let issuer = resources.iter().any(|uri| uri == app.config.issuer.as_str());
    let named = named(app, resources, scopes).await?;
    let known = named.map_or_else(|| scopes.clone(), |named| known_by(&named, issuer, scopes));
    if known.is_empty() && !scopes.is_empty() {
        return Err(Error::new(Code::InvalidScope, "none of the scopes is one of the resource that is asked for"));
    }
    Ok(known)
}

/// Those of these scopes that a user of these groups may have there.
pub async fn for_user(app: &App, resources: &[String], scopes: &Scopes, groups: &[String]) -> Result<Scopes, Error> {
    let named = named(app, resources, scopes).await?;
    Ok(named.map_or_else(|| scopes.clone(), |named| Demand::narrow(&demands(&named), scopes, groups)))
}

/// The claims of a token's audience. What two resources mean differently by one name is told to neither.
fn claims(audience: &[Resource]) -> Own {
    let mut told = Own::new();
    for (name, attribute) in audience.iter().flat_map(|resource| resource.claims.iter()) {
        let differs = |other: &Resource| other.claims.get(name).is_some_and(|theirs| theirs != attribute);
        if !audience.iter().any(differs) {
            told.insert(name.clone(), attribute.clone());
        }
    }
    told
}

/// A resource that the client may ask for.
pub async fn live(app: &App, client: &Registration, uri: &str) -> Result<Resource, Error> {
    allowed(app, client, uri).await?.ok_or_else(|| {
        Error::new(Code::InvalidTarget, "the resource is unknown, has retired, or is not one this client may ask for")
    })
}

async fn allowed(app: &App, client: &Registration, uri: &str) -> Result<Option<Resource>, Error> {
    if !client.resources.iter().any(|own| own == uri) {
        return Ok(None);
    }
    Ok(resources::by_uri(&app.store, uri).await?.filter(|resource| resource.retired_at.is_none()))
}

/// What a user is asked to authorize a client for: the live resources of the client that the request names, or its default one.
pub async fn of_request(
    app: &App,
    client: &Registration,
    params: &crate::http::params::Params,
) -> Result<Vec<String>, Error> {
    let resources = asked(params)?;
    for uri in &resources {
        live(app, client, uri).await?;
    }
    Ok(if resources.is_empty() { client.resources.first().cloned().into_iter().collect() } else { resources })
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
