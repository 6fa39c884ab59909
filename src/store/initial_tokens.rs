//! Initial access tokens (RFC 7591, 1.2): digests, what each lets a client register, and how often still.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Reader, Result, Tx, ask, within};

/// What a registration may say by it, where that is other than what the settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<String>>,
}

/// An initial access token, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct InitialToken {
    pub id: Uuid,
    pub digest: Vec<u8>,
    /// Whom it is for, in an administrator's words.
    pub name: String,
    pub terms: Json<Terms>,
    /// How many registrations it was made for, and how many are left.
    pub uses: i64,
    pub uses_left: i64,
    /// The log's number when it was made: what ended everything ended it, too.
    pub born_seq: i64,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whether one was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    Now,
    /// Used up, revoked or expired meanwhile.
    NoMore,
}

/// Keeps a new one.
pub async fn insert(tx: &mut Tx, token: &InitialToken) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO initial_token (id, digest, name, terms, uses, uses_left, born_seq, created_at, expires_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(token.id).bind(&token.digest).bind(&token.name).bind(&token.terms).bind(token.uses).bind(token.uses_left)
    .bind(token.born_seq).bind(token.created_at).bind(token.expires_at).bind(token.revoked_at)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// The one of this digest, with the mark below which everything has ended.
pub async fn by_digest(reader: impl Into<Reader<'_>>, digest: &[u8]) -> Result<Option<(InitialToken, i64)>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        token: InitialToken,
        issuer_mark: i64,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(
        "SELECT t.id, t.digest, t.name, t.terms, t.uses, t.uses_left, t.born_seq, t.created_at, t.expires_at, t.revoked_at, i.revoked_seq AS issuer_mark \
         FROM initial_token t JOIN issuer i ON i.id = 1 WHERE t.digest = $1",
    ).bind(digest).fetch_optional(db).await?);
    Ok(row.map(|row| (row.token, row.issuer_mark)))
}

/// The one of this id.
pub async fn get(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<InitialToken>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, digest, name, terms, uses, uses_left, born_seq, created_at, expires_at, revoked_at FROM initial_token WHERE id = $1",
    ).bind(id).fetch_optional(db).await?))
}

/// All of them, oldest first.
pub async fn list(reader: impl Into<Reader<'_>>) -> Result<Vec<InitialToken>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, digest, name, terms, uses, uses_left, born_seq, created_at, expires_at, revoked_at FROM initial_token ORDER BY id",
    ).fetch_all(db).await?))
}

/// Takes one of its uses, under its row's lock.
pub async fn take(tx: &mut Tx, id: Uuid, at: DateTime<Utc>) -> Result<Used> {
    let taken = within!(tx, db => sqlx::query(
        "UPDATE initial_token SET uses_left = uses_left - 1 WHERE id = $1 AND uses_left > 0 AND revoked_at IS NULL AND expires_at > $2",
    ).bind(id).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(if taken == 1 { Used::Now } else { Used::NoMore })
}

/// Revokes one; none is there, or it was revoked before, when that changes nothing.
pub async fn revoke(tx: &mut Tx, id: Uuid, at: DateTime<Utc>) -> Result<Used> {
    let done = within!(tx, db => sqlx::query("UPDATE initial_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(if done == 1 { Used::Now } else { Used::NoMore })
}
