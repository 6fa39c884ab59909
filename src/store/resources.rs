//! Resources: the APIs that tokens are for, by URI (RFC 8707).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Reader, Result, Tx, ask, within};

/// A scope of a resource, with the words shown at consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceScope {
    pub name: String,
    pub description: String,
    /// Only users of one of these groups are given it; empty: everyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// A resource, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct Resource {
    pub id: Uuid,
    pub uri: String,
    pub name: String,
    pub scopes: Json<Vec<ResourceScope>>,
    pub access_token_seconds: Option<i64>,
    pub retired_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Claims of its own, by name: each the user attribute that its access tokens tell.
    pub claims: Json<BTreeMap<String, String>>,
}

/// All resources, retired ones too: there are few.
pub async fn list(reader: impl Into<Reader<'_>>) -> Result<Vec<Resource>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, uri, name, scopes, access_token_seconds, retired_at, created_at, updated_at, claims FROM resource ORDER BY uri",
    ).fetch_all(db).await?))
}

/// The resource with this URI.
pub async fn by_uri(reader: impl Into<Reader<'_>>, uri: &str) -> Result<Option<Resource>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, uri, name, scopes, access_token_seconds, retired_at, created_at, updated_at, claims FROM resource WHERE uri = $1",
    ).bind(uri).fetch_optional(db).await?))
}

/// The resource with this id.
pub async fn get(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<Resource>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, uri, name, scopes, access_token_seconds, retired_at, created_at, updated_at, claims FROM resource WHERE id = $1",
    ).bind(id).fetch_optional(db).await?))
}

/// Registers a resource.
pub async fn insert(tx: &mut Tx, resource: &Resource) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO resource (id, uri, name, scopes, access_token_seconds, retired_at, created_at, updated_at, claims) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(resource.id).bind(&resource.uri).bind(&resource.name).bind(&resource.scopes).bind(resource.access_token_seconds)
    .bind(resource.retired_at).bind(resource.created_at).bind(resource.updated_at).bind(&resource.claims)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Writes the changeable columns. The caller holds the row's lock.
pub async fn update(tx: &mut Tx, resource: &Resource, at: DateTime<Utc>) -> Result<()> {
    within!(tx, db => sqlx::query(
        "UPDATE resource SET name = $2, scopes = $3, access_token_seconds = $4, retired_at = $5, updated_at = $6, claims = $7 WHERE id = $1",
    )
    .bind(resource.id).bind(&resource.name).bind(&resource.scopes).bind(resource.access_token_seconds)
    .bind(resource.retired_at).bind(at).bind(&resource.claims)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}
