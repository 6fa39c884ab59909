//! Consent that is remembered: which scopes a user allowed a client, and at which resource (RFC 6749, 10.2; RFC 8707, 3).
//!
//! To read at one API is not to read at another. What is remembered is kept for each resource, and covers a request when it
//! covers all its scopes at each of its resources. Refused: to remember it for a client that could be anyone.

use super::client::Client;
use super::scope::Scopes;
use crate::app::App;
use crate::policy::Standing;
use crate::store::grants::Consented;

/// Whom the tokens of a request will be for, settled at the authorization: one that names no resource, and whose client has no
/// default, is for the issuer. A default the client is given later is nothing the user authorized.
#[must_use]
pub fn audience(app: &App, resources: &[String]) -> Vec<String> {
    if resources.is_empty() { vec![app.config.issuer.as_str().to_owned()] } else { resources.to_vec() }
}

/// Whether consent needs no page: the client is registered to skip it, or an earlier consent covers what is asked. A client
/// whose identity isn't assured is asked for each time.
#[must_use]
pub fn remembers(
    client: &Client,
    redirect_uri: &str,
    (scopes, audience): (&Scopes, &[String]),
    standing: &Standing,
) -> bool {
    client.registration().skips_consent || (client.is_assured(redirect_uri) && covers(standing, scopes, audience))
}

/// The same of claims asked for by name, beyond the scopes.
#[must_use]
pub fn remembers_claims(client: &Client, redirect_uri: &str, claims: &[String], standing: &Standing) -> bool {
    let allowed = || standing.consented().map(|grant| Scopes::stored(&grant.grant_claims)).unwrap_or_default();
    claims.is_empty()
        || client.registration().skips_consent
        || (client.is_assured(redirect_uri) && claims.iter().all(|claim| allowed().has(claim)))
}

/// All claims that are consented to once these are allowed, space-delimited.
#[must_use]
pub fn with_claims(standing: &Standing, claims: &[String]) -> String {
    let earlier = Scopes::stored(standing.consented().map_or("", |grant| &grant.grant_claims));
    earlier.with(&Scopes::stored(&claims.join(" "))).to_string()
}

/// Whether what a user allows a device is kept as a consent. Anybody may ask for a device in the name of a public client: where
/// the client could later be sent a code without a page, for a redirect that assures who it is, nothing is kept of it.
#[must_use]
pub fn keeps_of_device(client: &Client) -> bool {
    !client.registration().redirect_uris.iter().any(|uri| client.is_public() && client.is_assured(uri))
}

fn covers(standing: &Standing, scopes: &Scopes, audience: &[String]) -> bool {
    let Some(grant) = standing.consented() else { return false };
    // The list of all scopes is looked at, too: an older version, which may run beside this one, writes it alone.
    let at = |uri| grant.grant_resources.get(uri).is_some_and(|given| scopes.within(&Scopes::stored(given)));
    scopes.within(&Scopes::stored(&grant.grant_scopes)) && audience.iter().all(at)
}

/// What is consented to once these scopes are allowed at these resources: all scopes, and those of each resource.
#[must_use]
pub fn with(standing: &Standing, scopes: &Scopes, audience: &[String]) -> (String, Consented) {
    let earlier = standing.consented();
    let all = Scopes::stored(earlier.map_or("", |grant| &grant.grant_scopes)).with(scopes).to_string();
    let mut by_resource = earlier.map(|grant| grant.grant_resources.clone()).unwrap_or_default();
    for uri in audience {
        let given = by_resource.entry(uri.clone()).or_default();
        *given = Scopes::stored(given).with(scopes).to_string();
    }
    (all, by_resource)
}
