//! `chancery client create` and `update`: the flags of what a registration says beyond what every client says.

use std::collections::BTreeMap;
use std::fs;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::out::{Done, Failure};
use crate::fetch::Fetch;
use crate::store::client_metadata::{self as stored, Metadata, SubjectType};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Delivery {
    Body,
    Cookie,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subjects {
    Public,
    Pairwise,
}

/// Each replaces what was registered; "" takes it away.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Flags {
    /// The client's home page
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// The client's logo, shown where users are asked what they allow
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,
    /// E-mail address of who is responsible for the client; may be repeated
    #[arg(long = "contact", value_name = "ADDRESS")]
    contacts: Option<Vec<String>>,
    /// File with the client's public keys, a JWK set: for the authentication method private_key_jwt
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<String>,
    /// Where the client's public keys are fetched from, instead of a file
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
    /// How users are named to it: by one name for all clients, or by one of its sector's own
    #[arg(long, value_name = "public|pairwise")]
    subject_type: Option<Subjects>,
    /// Document that lists the redirect URIs of all clients that see the same pairwise names
    #[arg(long, value_name = "URI")]
    sector_identifier_uri: Option<String>,
    /// What its ID tokens are signed with, such as RS256 or ES256, instead of what its profile says
    #[arg(long, value_name = "ALG")]
    id_token_signed_response_alg: Option<String>,
    /// What userinfo is signed with, such as RS256 or ES256; without it userinfo is plain JSON
    #[arg(long, value_name = "ALG")]
    userinfo_signed_response_alg: Option<String>,
    /// A claim of the client's own, told from a user attribute with the scope profile: department=dept; may be repeated
    #[arg(long = "claim", value_name = "CLAIM=ATTRIBUTE")]
    claims: Option<Vec<String>>,
    /// The oldest sign-in it accepts when a request names no max_age
    #[arg(long, value_name = "SECONDS")]
    default_max_age: Option<u64>,
    /// An acr it prefers when a request names none; may be repeated
    #[arg(long = "default-acr", value_name = "ACR")]
    default_acr_values: Option<Vec<String>>,
    /// Where the server tells the client, from server to server, that a user signed out
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// Name the session in logout tokens, always
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    backchannel_logout_session_required: Option<bool>,
    /// Page of the client that the browser loads, hidden, when a user signs out
    #[arg(long, value_name = "URI")]
    frontchannel_logout_uri: Option<String>,
    /// Send issuer and session along to that page
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    frontchannel_logout_session_required: Option<bool>,
    /// Where refresh tokens travel: in the answer, or, for a dashboard on the issuer's site, in a cookie that no script reads.
    /// Another way than before ends what the client holds
    #[arg(long, value_name = "body|cookie")]
    refresh_delivery: Option<Delivery>,
}

impl Flags {
    /// Whether the server of these settings would go where the client has it go: told now, not when it first should. A sector's
    /// document is fetched at once.
    pub(super) fn permitted(&self, fetch: &Fetch) -> Done {
        let gone_to = [("--jwks-uri", &self.jwks_uri), ("--backchannel-logout-uri", &self.backchannel_logout_uri)];
        for (flag, uri) in gone_to {
            let Some(uri) = uri.as_deref().filter(|uri| !uri.is_empty()) else { continue };
            fetch
                .permits(uri)
                .map_err(|why| Failure::new(format!("{flag}: {why}: this server would never go there")))?;
        }
        Ok(())
    }

    /// The edit that was asked for; files are read, and pairs taken apart, before anything is changed.
    pub(super) fn edit(self) -> Done<impl FnOnce(&mut Metadata)> {
        let jwks = self.jwks.as_deref().map(key_set).transpose()?;
        let claims = self.claims.as_deref().map(pairs).transpose()?;
        Ok(move |metadata: &mut Metadata| {
            let texts = [
                (self.client_uri, &mut metadata.client_uri),
                (self.logo_uri, &mut metadata.logo_uri),
                (self.jwks_uri, &mut metadata.jwks_uri),
                (self.sector_identifier_uri, &mut metadata.sector_identifier_uri),
                (self.id_token_signed_response_alg, &mut metadata.id_token_signed_response_alg),
                (self.userinfo_signed_response_alg, &mut metadata.userinfo_signed_response_alg),
                (self.backchannel_logout_uri, &mut metadata.backchannel_logout_uri),
                (self.frontchannel_logout_uri, &mut metadata.frontchannel_logout_uri),
            ];
            for (given, kept) in texts {
                if let Some(text) = given {
                    *kept = Some(text).filter(|text| !text.is_empty());
                }
            }
            let lists =
                [(self.contacts, &mut metadata.contacts), (self.default_acr_values, &mut metadata.default_acr_values)];
            for (given, kept) in lists {
                if let Some(list) = given {
                    *kept = list.into_iter().filter(|text| !text.is_empty()).collect();
                }
            }
            let flags = [
                (self.backchannel_logout_session_required, &mut metadata.backchannel_logout_session_required),
                (self.frontchannel_logout_session_required, &mut metadata.frontchannel_logout_session_required),
            ];
            for (given, kept) in flags {
                *kept = given.unwrap_or(*kept);
            }
            // One of the two: who gives the one takes the other away.
            if let Some(jwks) = jwks {
                metadata.jwks = jwks;
                metadata.jwks_uri = metadata.jwks_uri.take().filter(|_| metadata.jwks.is_none());
            } else if metadata.jwks_uri.is_some() {
                metadata.jwks = None;
            }
            metadata.claims = claims.unwrap_or_else(|| std::mem::take(&mut metadata.claims));
            metadata.default_max_age = self.default_max_age.or(metadata.default_max_age);
            if let Some(subjects) = self.subject_type {
                metadata.subject_type = match subjects {
                    Subjects::Public => SubjectType::Public,
                    Subjects::Pairwise => SubjectType::Pairwise,
                };
            }
            if let Some(delivery) = self.refresh_delivery {
                metadata.refresh_token_delivery = match delivery {
                    Delivery::Body => stored::Delivery::Body,
                    Delivery::Cookie => stored::Delivery::Cookie,
                };
            }
        })
    }
}

/// The file's JSON; none for "".
fn key_set(file: &str) -> Done<Option<Value>> {
    if file.is_empty() {
        return Ok(None);
    }
    let text = fs::read_to_string(file).map_err(|error| Failure::new(format!("--jwks {file}: {error}")))?;
    let read = serde_json::from_str(&text);
    read.map(Some).map_err(|error| {
        Failure::new(format!("--jwks {file}: no JWK set, which is JSON with the member keys: {error}"))
    })
}

/// `CLAIM=ATTRIBUTE`, each; none for "".
pub(super) fn pairs(given: &[String]) -> Done<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for text in given.iter().filter(|text| !text.is_empty()) {
        let (claim, attribute) = text
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("--claim {text:?}: write CLAIM=ATTRIBUTE, such as department=dept")))?;
        pairs.insert(claim.to_owned(), attribute.to_owned());
    }
    Ok(pairs)
}
