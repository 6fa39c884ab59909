//! What a client's registration says beyond what every client says: a document, kept in one column (RFC 7591 section 2, OpenID
//! Connect Dynamic Client Registration section 2). Nothing here is judged by SQL but how an origin's clients
//! get their refresh tokens, and nothing here is secret.
//!
//! A member this version doesn't know was written by a newer one: it is kept through every change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a client's refresh tokens travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// In the token endpoint's answer, as RFC 6749 has it.
    #[default]
    Body,
    /// In a cookie that no script can read, for a browser dashboard on the issuer's site.
    Cookie,
}

/// How a user is named to a client (OpenID Connect Core 8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectType {
    /// By one name, the same for all clients.
    #[default]
    Public,
    /// By a name of his own for each sector, so that clients can't compare notes.
    Pairwise,
}

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The client's home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// E-mail addresses of who is responsible for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Its public keys, as a JWK set; or where they are fetched. Never both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub subject_type: SubjectType,
    /// Lists every redirect URI of the sector (OpenID Connect Core 8.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// None: what the client's profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// None: userinfo is answered as plain JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// Claims of this client's own, by name: each the name of the user attribute it tells.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// Seconds: as if every request asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub backchannel_logout_session_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub frontchannel_logout_session_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub refresh_token_delivery: Delivery,
    /// `web` or `native`, of a client that registered itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
    /// What a newer version wrote.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Metadata {
    /// Its members by name, as they are stored.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_wrote_is_kept_and_nothing_is_written_of_nothing() {
        let written = r#"{"logo_uri":"https://rp.test/logo.svg","later":{"a":[1]}}"#;
        let mut read: Metadata = serde_json::from_str(written).unwrap();
        assert_eq!(read.logo_uri.as_deref(), Some("https://rp.test/logo.svg"));
        read.logo_uri = None;
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"later":{"a":[1]}}"#);
        assert_eq!(serde_json::to_string(&Metadata::default()).unwrap(), "{}");
    }
}
