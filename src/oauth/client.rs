//! A client as the rules see it: its profile, and what it may do. Public and confidential clients are different types, so
//! that a rule meant for one can't be asked of the other.

use std::time::Duration;

use chrono::{DateTime, Utc};
use url::Url;
use uuid::Uuid;

use super::client_auth::methods::{self, Method};
use super::error::Error;
use super::profile::Profile;
use super::scope::Scopes;
use crate::app::App;
use crate::store::client_metadata::Metadata;
use crate::store::clients as rows;

/// A client that can keep no secret.
#[derive(Debug, Clone)]
pub struct PublicClient(Registration);

/// A client that proves itself at the token endpoint.
#[derive(Debug, Clone)]
pub struct ConfidentialClient(Registration);

/// The client registered under this id, disabled or not. Nobody has proved to be it: for pages and redirects, which are about
/// a client, and as the first step of its authentication. A grant takes an `AuthenticatedClient`.
pub async fn find(app: &App, id: Uuid) -> Result<Option<Client>, Error> {
    Ok(rows::get(&app.store, id).await?.and_then(Client::read))
}

/// The client that is called so outside, disabled or not; a document as it was last read, where those of its host are clients by the
/// settings of now. Who is a document is called by its URL alone.
pub async fn named(app: &App, public: &str) -> Result<Option<Client>, Error> {
    let Some(id) = rows::id_of(public) else { return Ok(None) };
    let named = |client: &Client| client.registration().public_id() == public && client.registration().is_taken(app);
    Ok(find(app, id).await?.filter(named))
}

/// A client.
#[derive(Debug, Clone)]
pub enum Client {
    Public(PublicClient),
    Confidential(ConfidentialClient),
}

/// How a client came to be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// By an administrator.
    Admin,
    /// By itself (RFC 7591).
    Dynamic,
    /// By a document at the URL that is its id (draft-ietf-oauth-client-id-metadata-document).
    Document,
}

impl Source {
    pub const ALL: &'static [Self] = &[Self::Admin, Self::Dynamic, Self::Document];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Dynamic => "dynamic",
            Self::Document => "document",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.name() == text)
    }
}

/// What both kinds have registered.
#[derive(Debug, Clone)]
pub struct Registration {
    pub id: Uuid,
    pub name: String,
    pub profile: Profile,
    auth_method: &'static Method,
    pub redirect_uris: Vec<String>,
    pub post_logout_redirect_uris: Vec<String>,
    pub origins: Vec<String>,
    pub grants: Vec<String>,
    pub scopes: Scopes,
    pub resources: Vec<String>,
    pub skips_consent: bool,
    pub retry_window: Option<Duration>,
    pub outlives_session: bool,
    pub id_token_claims: bool,
    pkce_optional: bool,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    pub metadata: Metadata,
    pub version: i64,
    pub disabled: bool,
    pub source: Source,
    /// When tokens were last given to it, to the day; noted of those no administrator registered.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The URL of the metadata document it is.
    pub document: Option<String>,
    /// How long what was read of that document holds.
    pub document_until: Option<DateTime<Utc>>,
}

impl Registration {
    /// What it is called outside: `client_id` in requests, tokens and the revocation log.
    #[must_use]
    pub fn public_id(&self) -> String {
        self.document.clone().unwrap_or_else(|| self.id.to_string())
    }

    /// Whether the settings let it be a client: of a document, that there are such, and of this host.
    fn is_taken(&self, app: &App) -> bool {
        let Some(document) = &self.document else { return true };
        let url = Url::parse(document).ok();
        url.as_ref().and_then(Url::host_str).is_some_and(|host| app.config.registration.takes_documents_of(host))
    }
}

impl Client {
    /// Reads a row; a deleted client, or a row that makes no sense, is none.
    #[must_use]
    pub fn read(row: rows::Client) -> Option<Self> {
        if row.deleted_at.is_some() {
            return None;
        }
        let registration = Registration {
            id: row.id,
            profile: Profile::parse(&row.profile)?,
            auth_method: methods::named(&row.auth_method)?,
            name: row.name,
            redirect_uris: row.redirect_uris.0,
            post_logout_redirect_uris: row.post_logout_redirect_uris.0,
            origins: row.origins.0,
            grants: row.grants.0,
            scopes: Scopes::stored(&row.scopes),
            resources: row.resources.0,
            skips_consent: row.consent == "skip",
            retry_window: row.retry_window_seconds.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
            outlives_session: row.outlives_session,
            id_token_claims: row.id_token_claims,
            pkce_optional: row.pkce_optional,
            policy_uri: row.policy_uri,
            tos_uri: row.tos_uri,
            metadata: row.metadata.0,
            version: row.version,
            disabled: row.disabled_at.is_some(),
            source: Source::parse(&row.source)?,
            last_used_at: row.last_used_at,
            document: row.document,
            document_until: row.document_until,
        };
        Some(if registration.auth_method.public {
            Self::Public(PublicClient(registration))
        } else {
            Self::Confidential(ConfidentialClient(registration))
        })
    }

    /// How it authenticates, as registered.
    #[must_use]
    pub fn auth_method(&self) -> &'static Method {
        self.registration().auth_method
    }

    /// What is registered, whichever kind it is.
    #[must_use]
    pub fn registration(&self) -> &Registration {
        match self {
            Self::Public(client) => &client.0,
            Self::Confidential(client) => &client.0,
        }
    }

    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Public(_))
    }

    /// Whether a code flow without PKCE is accepted: confidential, of a profile that allows it, and registered so.
    #[must_use]
    pub fn may_omit_pkce(&self) -> bool {
        match self {
            Self::Public(_) => false,
            Self::Confidential(client) => client.0.profile.may_omit_pkce() && client.0.pkce_optional,
        }
    }

    /// Whether an administrator registered it.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.registration().source == Source::Admin
    }

    /// Whether a consent may be remembered: the client's identity is assured by its secret, or by an `https` redirect that
    /// an admin registered, or that stands in the document whose URL is the client's id. Loopback and private-scheme clients
    /// could be anyone and are asked each time (RFC 9700, 2.3; OAuth 2.1, 7.5), and so is a public one that registered itself.
    #[must_use]
    pub fn is_assured(&self, redirect_uri: &str) -> bool {
        !self.is_public() || (redirect_uri.starts_with("https://") && self.registration().source != Source::Dynamic)
    }

    #[must_use]
    pub fn may_use_grant(&self, name: &str) -> bool {
        self.registration().grants.iter().any(|grant| grant == name)
    }
}
