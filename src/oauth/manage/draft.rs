//! A registration as it is asked for, and the row it becomes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::sector::Listed;
use crate::oauth::client::Source;
use crate::oauth::client_auth::methods;
use crate::oauth::grants::{authorization_code, refresh_token};
use crate::oauth::profile::Profile;
use crate::oauth::scope::{Scopes, USUAL};
use crate::oidc::subject;
use crate::store::client_metadata::Metadata;
use crate::store::clients::Client;

/// What may be said of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub profile: Profile,
    /// The name of an authentication method.
    pub auth_method: String,
    pub redirect_uris: Vec<String>,
    pub post_logout_redirect_uris: Vec<String>,
    pub origins: Vec<String>,
    pub grants: Vec<String>,
    pub scopes: Vec<String>,
    /// URIs; the first is the default one.
    pub resources: Vec<String>,
    pub skips_consent: bool,
    /// None: the server's own setting.
    pub retry_window: Option<Duration>,
    pub outlives_session: bool,
    /// Scope claims go into the ID token, too.
    pub id_token_claims: bool,
    /// Only a confidential client, of a profile that allows it, may do without PKCE, and only unless this is set.
    pub require_pkce: bool,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    pub metadata: Metadata,
    /// What its sector document was found to list.
    pub listed: Option<Listed>,
}

impl Default for Draft {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: String::new(),
            profile: Profile::OAuth21,
            auth_method: methods::USUAL.name.to_owned(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            origins: Vec::new(),
            grants: words(&[authorization_code::GRANT.name, refresh_token::GRANT.name]),
            scopes: words(USUAL),
            resources: Vec::new(),
            skips_consent: false,
            retry_window: None,
            outlives_session: false,
            id_token_claims: false,
            require_pkce: false,
            policy_uri: None,
            tos_uri: None,
            metadata: Metadata::default(),
            listed: None,
        }
    }
}

impl Draft {
    /// What a row says; none when its profile is not one this version knows: another rulebook is not for it to choose.
    #[must_use]
    pub fn of(row: &Client) -> Option<Self> {
        Some(Self {
            name: row.name.clone(),
            profile: Profile::parse(&row.profile)?,
            auth_method: row.auth_method.clone(),
            redirect_uris: row.redirect_uris.0.clone(),
            post_logout_redirect_uris: row.post_logout_redirect_uris.0.clone(),
            origins: row.origins.0.clone(),
            grants: row.grants.0.clone(),
            scopes: Scopes::stored(&row.scopes).iter().map(str::to_owned).collect(),
            resources: row.resources.0.clone(),
            skips_consent: row.consent == "skip",
            retry_window: row.retry_window_seconds.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
            outlives_session: row.outlives_session,
            id_token_claims: row.id_token_claims,
            require_pkce: !row.pkce_optional,
            policy_uri: row.policy_uri.clone(),
            tos_uri: row.tos_uri.clone(),
            metadata: row.metadata.0.clone(),
            listed: None,
        })
    }

    #[must_use]
    pub fn is_public(&self) -> bool {
        methods::named(&self.auth_method).is_some_and(|method| method.public)
    }

    /// The sector of its pairwise subjects.
    pub(super) fn sector(&self) -> Result<Option<String>, &'static str> {
        subject::sector(&self.metadata, &self.redirect_uris)
    }

    /// Whether it is given a secret.
    pub(super) fn needs_secret(&self) -> bool {
        methods::named(&self.auth_method).is_some_and(|method| method.needs_secret)
    }

    /// The row of a new client.
    pub(super) fn row(&self, id: Uuid, at: DateTime<Utc>) -> Client {
        Client {
            id,
            name: self.name.clone(),
            profile: self.profile.name().to_owned(),
            auth_method: self.auth_method.clone(),
            redirect_uris: Json(self.redirect_uris.clone()),
            post_logout_redirect_uris: Json(self.post_logout_redirect_uris.clone()),
            origins: Json(self.origins.clone()),
            grants: Json(self.grants.clone()),
            scopes: self.scopes.join(" "),
            resources: Json(self.resources.clone()),
            consent: if self.skips_consent { "skip" } else { "ask" }.to_owned(),
            retry_window_seconds: self.retry_window.map(|window| i64::try_from(window.as_secs()).unwrap_or(i64::MAX)),
            outlives_session: self.outlives_session,
            id_token_claims: self.id_token_claims,
            pkce_optional: !self.require_pkce && !self.is_public() && self.profile.may_omit_pkce(),
            policy_uri: self.policy_uri.clone(),
            tos_uri: self.tos_uri.clone(),
            metadata: Json(self.metadata.clone()),
            version: 1,
            disabled_at: None,
            deleted_at: None,
            revoked_seq: 0,
            created_at: at,
            updated_at: at,
            source: Source::Admin.name().to_owned(),
            document: None,
            document_until: None,
            last_used_at: None,
        }
    }

    /// A client's row with this registration: what it is not about stays.
    pub(super) fn onto(&self, before: &Client) -> Client {
        Client {
            version: before.version,
            disabled_at: before.disabled_at,
            deleted_at: before.deleted_at,
            revoked_seq: before.revoked_seq,
            source: before.source.clone(),
            document: before.document.clone(),
            document_until: before.document_until,
            last_used_at: before.last_used_at,
            ..self.row(before.id, before.created_at)
        }
    }

    /// Whether users who allowed what was would see something else now: another name, or being taken elsewhere.
    pub(super) fn looks_unlike(&self, was: &Self) -> bool {
        self.name != was.name || self.redirect_uris.iter().any(|uri| !was.redirect_uris.contains(uri))
    }

    /// Why a change ends what the client holds, if it does: another profile is another rulebook, other subjects are other names for
    /// everybody, and another way for refresh tokens to travel is another keeper, from whom none is to be taken that went the
    /// other way.
    pub(super) fn ends(&self, was: &Self) -> Option<&'static str> {
        let delivery = |draft: &Self| draft.metadata.refresh_token_delivery;
        match () {
            () if self.profile != was.profile => Some("profile_changed"),
            () if self.sector() != was.sector() => Some("subjects_changed"),
            () if delivery(self) != delivery(was) => Some("delivery_changed"),
            () => None,
        }
    }

    /// The names of what differs.
    pub(super) fn differing(&self, other: &Self) -> Vec<String> {
        let differs = [
            ("name", self.name != other.name),
            ("profile", self.profile != other.profile),
            ("auth_method", self.auth_method != other.auth_method),
            ("redirect_uris", self.redirect_uris != other.redirect_uris),
            ("post_logout_redirect_uris", self.post_logout_redirect_uris != other.post_logout_redirect_uris),
            ("origins", self.origins != other.origins),
            ("grants", self.grants != other.grants),
            ("scopes", self.scopes != other.scopes),
            ("resources", self.resources != other.resources),
            ("consent", self.skips_consent != other.skips_consent),
            ("retry_window", self.retry_window != other.retry_window),
            ("outlives_session", self.outlives_session != other.outlives_session),
            ("id_token_claims", self.id_token_claims != other.id_token_claims),
            ("require_pkce", self.require_pkce != other.require_pkce),
            ("policy_uri", self.policy_uri != other.policy_uri),
            ("tos_uri", self.tos_uri != other.tos_uri),
        ];
        let (ours, theirs) = (self.metadata.members(), other.metadata.members());
        let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
        let metadata = names.filter(|name| ours.get(*name) != theirs.get(*name)).cloned();
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).chain(metadata).collect()
    }
}
