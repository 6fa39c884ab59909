//! A registration as its client is told it (RFC 7591, 3.2.1; RFC 7592, 3): every member that is registered, as it is registered
//! now, so that sent back it changes nothing. Secrets are for the caller to add, when there are any to tell.

use serde_json::{Map, Value, json};

use super::MEMBERS;
use crate::config::Issuer;
use crate::oauth::grants::authorization_code;
use crate::oauth::registry;
use crate::store::clients::Client;

/// Everything registered of a client that registered itself.
#[must_use]
pub fn information(issuer: &Issuer, client: &Client) -> Map<String, Value> {
    let coded = client.grants.iter().any(|grant| grant == authorization_code::GRANT.name);
    let mut told = Map::from_iter(
        [
            ("client_id", json!(client.id)),
            ("client_id_issued_at", json!(client.created_at.timestamp())),
            ("registration_client_uri", json!(registration_uri(issuer, client))),
            ("client_name", json!(client.name)),
            ("redirect_uris", json!(client.redirect_uris.0)),
            ("grant_types", json!(client.grants.0)),
            ("response_types", json!(if coded { registry::RESPONSE_TYPES } else { &[] })),
            ("token_endpoint_auth_method", json!(client.auth_method)),
            ("scope", json!(client.scopes)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let pages = [("policy_uri", &client.policy_uri), ("tos_uri", &client.tos_uri)];
    told.extend(pages.into_iter().filter_map(|(name, uri)| Some((name.to_owned(), json!(uri.as_ref()?)))));
    if !client.post_logout_redirect_uris.is_empty() {
        told.insert("post_logout_redirect_uris".to_owned(), json!(client.post_logout_redirect_uris.0));
    }
    told.extend(client.metadata.members().into_iter().filter(|(name, _)| MEMBERS.contains(&name.as_str())));
    told
}

/// Where a client manages its registration.
fn registration_uri(issuer: &Issuer, client: &Client) -> String {
    issuer.endpoint(&format!("/oauth2/register/{}", client.id))
}
