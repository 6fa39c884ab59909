//! Clients and their secrets. A client row is never deleted while lineage needs its mark: it is marked deleted.
//!
//! `version` rises with every change, so that a decision made on an older reading is made again.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::client_metadata::Metadata;
use super::{Reader, Result, Store, Tx, ask, within};
use crate::secret;

/// A client's registration, as stored; `oauth/client` reads rules into it.
#[derive(Debug, Clone, FromRow)]
pub struct Client {
    pub id: Uuid,
    pub name: String,
    /// `oauth21` or `oidc`.
    pub profile: String,
    /// The name of an authentication method.
    pub auth_method: String,
    pub redirect_uris: Json<Vec<String>>,
    pub post_logout_redirect_uris: Json<Vec<String>>,
    pub origins: Json<Vec<String>>,
    pub grants: Json<Vec<String>>,
    /// Space-delimited.
    pub scopes: String,
    /// Resource URIs it may ask for; the first is the default.
    pub resources: Json<Vec<String>>,
    /// `ask` or `skip`.
    pub consent: String,
    pub retry_window_seconds: Option<i64>,
    pub outlives_session: bool,
    /// Scope claims go into the ID token too.
    pub id_token_claims: bool,
    /// A confidential client of profile `oidc` may leave PKCE out.
    pub pkce_optional: bool,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    /// All else that is registered.
    pub metadata: Json<Metadata>,
    pub version: i64,
    pub disabled_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
    pub revoked_seq: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// How it came to be registered: `admin`, `dynamic` or `document`.
    pub source: String,
    /// The URL of the metadata document it is.
    pub document: Option<String>,
    /// How long what was read of that document holds.
    pub document_until: Option<DateTime<Utc>>,
    /// When tokens were last given to it, to the day; noted of those that registered themselves.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What an origin is to the clients that may hold tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// No client is registered with it.
    Not,
    /// One is, and keeps its tokens itself.
    Plainly,
    /// One is that gets its refresh token as a cookie.
    ByCookie,
}

/// What this origin is.
pub async fn of_origin(store: &Store, origin: &str) -> Result<Known> {
    let most: Option<i64> = match store {
        Store::Postgres(pool) => sqlx::query_scalar(
            "SELECT CAST(MAX(CASE WHEN metadata->>'refresh_token_delivery' = 'cookie' THEN 2 ELSE 1 END) AS bigint) FROM client \
             WHERE origins @> jsonb_build_array($1::text) AND disabled_at IS NULL AND deleted_at IS NULL",
        )
        .bind(origin)
        .fetch_one(pool)
        .await?,
        Store::Sqlite(lite) => sqlx::query_scalar(
            "SELECT MAX(CASE WHEN json_extract(client.metadata, '$.refresh_token_delivery') = 'cookie' THEN 2 ELSE 1 END) \
             FROM client, json_each(client.origins) AS o WHERE o.value = $1 AND disabled_at IS NULL AND deleted_at IS NULL",
        )
        .bind(origin)
        .fetch_one(&lite.read)
        .await?,
    };
    Ok(match most {
        None => Known::Not,
        Some(1) => Known::Plainly,
        Some(_) => Known::ByCookie,
    })
}

/// A secret's digest. Two may be live at once.
#[derive(Debug, Clone, FromRow)]
pub struct ClientSecret {
    pub id: Uuid,
    pub client_id: Uuid,
    pub digest: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, name, profile, auth_method, redirect_uris, post_logout_redirect_uris, origins, grants, scopes, resources, consent, \
             retry_window_seconds, outlives_session, id_token_claims, pkce_optional, policy_uri, tos_uri, metadata, version, disabled_at, deleted_at, revoked_seq, created_at, updated_at, \
             source, document, document_until, last_used_at",
            $after
        )
    };
}

/// A client's id by what it is called outside: a UUID in its one spelling, or the URL of a metadata document. A document's id is made
/// of its URL, so that it is known before it is fetched; whoever finds a row by it compares the URL.
#[must_use]
pub fn id_of(public: &str) -> Option<Uuid> {
    if public.starts_with("https://") {
        let digest = secret::sha256(&[b"chancery client document", public.as_bytes()]);
        let (half, _) = digest.split_first_chunk::<16>()?;
        return Some(uuid::Builder::from_custom_bytes(*half).into_uuid());
    }
    Uuid::try_parse(public).ok().filter(|id| id.to_string() == public)
}

/// The URL of the document that this client is, if it is one: what its tokens carry as `client_id`.
pub async fn document(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<String>> {
    let found: Option<Option<String>> = ask!(reader, db => sqlx::query_scalar("SELECT document FROM client WHERE id = $1")
        .bind(id).fetch_optional(db).await?);
    Ok(found.flatten())
}

/// The client with this id, deleted ones too.
pub async fn get(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<Client>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM client WHERE id = $1")).bind(id).fetch_optional(db).await?),
    )
}

/// Clients that are not deleted, by id, after a position: a page.
pub async fn list(reader: impl Into<Reader<'_>>, after: Option<Uuid>, limit: i64) -> Result<Vec<Client>> {
    let after = after.unwrap_or(Uuid::nil());
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM client WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2"))
        .bind(after).bind(limit).fetch_all(db).await?),
    )
}

/// A client's secrets, oldest first.
pub async fn secrets(reader: impl Into<Reader<'_>>, client_id: Uuid) -> Result<Vec<ClientSecret>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, client_id, digest, created_at, expires_at FROM client_secret WHERE client_id = $1 ORDER BY created_at, id",
    ).bind(client_id).fetch_all(db).await?))
}

/// Clients that are disabled or deleted, by id; `true`: deleted.
pub async fn ended(reader: impl Into<Reader<'_>>) -> Result<Vec<(Uuid, bool)>> {
    let rows: Vec<(Uuid, Option<DateTime<Utc>>)> = ask!(reader, db => sqlx::query_as(
        "SELECT id, deleted_at FROM client WHERE disabled_at IS NOT NULL OR deleted_at IS NOT NULL ORDER BY id",
    ).fetch_all(db).await?);
    Ok(rows.into_iter().map(|(id, deleted)| (id, deleted.is_some())).collect())
}

/// Each client with its secrets' ids and ends, by client; one row without a secret for a client that has none.
pub async fn all_secrets(reader: impl Into<Reader<'_>>) -> Result<Vec<(Uuid, Option<Uuid>, Option<DateTime<Utc>>)>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT c.id, s.id, s.expires_at FROM client c LEFT JOIN client_secret s ON s.client_id = c.id ORDER BY c.id, s.id",
    ).fetch_all(db).await?))
}

/// Registers a client.
pub async fn insert(tx: &mut Tx, client: &Client) -> Result<()> {
    within!(tx, db => sqlx::query(columns!(
        "INSERT INTO client (",
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)"
    ))
    .bind(client.id).bind(&client.name).bind(&client.profile).bind(&client.auth_method)
    .bind(&client.redirect_uris).bind(&client.post_logout_redirect_uris).bind(&client.origins).bind(&client.grants)
    .bind(&client.scopes).bind(&client.resources).bind(&client.consent).bind(client.retry_window_seconds)
    .bind(client.outlives_session).bind(client.id_token_claims).bind(client.pkce_optional)
    .bind(&client.policy_uri).bind(&client.tos_uri).bind(&client.metadata).bind(client.version)
    .bind(client.disabled_at).bind(client.deleted_at).bind(client.revoked_seq).bind(client.created_at).bind(client.updated_at)
    .bind(&client.source).bind(&client.document).bind(client.document_until).bind(client.last_used_at)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Writes the changeable columns, raising the version; marks, creation and how it came to be registered stay. The caller holds the row's lock.
pub async fn update(tx: &mut Tx, client: &Client, at: DateTime<Utc>) -> Result<()> {
    within!(tx, db => sqlx::query(
        "UPDATE client SET name = $2, profile = $3, auth_method = $4, redirect_uris = $5, post_logout_redirect_uris = $6, origins = $7, \
         grants = $8, scopes = $9, resources = $10, consent = $11, retry_window_seconds = $12, outlives_session = $13, id_token_claims = $14, \
         pkce_optional = $15, policy_uri = $16, tos_uri = $17, metadata = $18, disabled_at = $19, deleted_at = $20, updated_at = $21, version = version + 1 WHERE id = $1",
    )
    .bind(client.id).bind(&client.name).bind(&client.profile).bind(&client.auth_method)
    .bind(&client.redirect_uris).bind(&client.post_logout_redirect_uris).bind(&client.origins).bind(&client.grants)
    .bind(&client.scopes).bind(&client.resources).bind(&client.consent).bind(client.retry_window_seconds)
    .bind(client.outlives_session).bind(client.id_token_claims).bind(client.pkce_optional)
    .bind(&client.policy_uri).bind(&client.tos_uri).bind(&client.metadata).bind(client.disabled_at).bind(client.deleted_at).bind(at)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Adds a secret and raises the client's version.
pub async fn add_secret(tx: &mut Tx, secret: &ClientSecret) -> Result<()> {
    within!(tx, db => {
        sqlx::query("INSERT INTO client_secret (id, client_id, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(secret.id).bind(secret.client_id).bind(&secret.digest).bind(secret.created_at).bind(secret.expires_at)
            .execute(&mut *db).await?;
        sqlx::query("UPDATE client SET version = version + 1 WHERE id = $1").bind(secret.client_id).execute(&mut *db).await?;
    });
    Ok(())
}

/// Removes a secret and raises the client's version.
pub async fn remove_secret(tx: &mut Tx, client_id: Uuid, id: Uuid) -> Result<()> {
    within!(tx, db => {
        sqlx::query("DELETE FROM client_secret WHERE id = $1 AND client_id = $2").bind(id).bind(client_id).execute(&mut *db).await?;
        sqlx::query("UPDATE client SET version = version + 1 WHERE id = $1").bind(client_id).execute(&mut *db).await?;
    });
    Ok(())
}

/// Gives a secret its end and raises the client's version.
pub async fn expire_secret(tx: &mut Tx, client_id: Uuid, id: Uuid, at: DateTime<Utc>) -> Result<()> {
    within!(tx, db => {
        sqlx::query("UPDATE client_secret SET expires_at = $3 WHERE id = $1 AND client_id = $2")
            .bind(id).bind(client_id).bind(at).execute(&mut *db).await?;
        sqlx::query("UPDATE client SET version = version + 1 WHERE id = $1").bind(client_id).execute(&mut *db).await?;
    });
    Ok(())
}
