//! Signing keys, sealed, and the sealing keys' check values. A key's state is read off the clock: nothing flips it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::{Reader, Result, Store, Tx, ask, within};

/// A signing key, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct SigningKey {
    /// RFC 7638 thumbprint.
    pub kid: String,
    pub alg: String,
    /// Racing nodes make one: unique within the algorithm.
    pub ordinal: i64,
    pub sealing_key_id: Vec<u8>,
    pub sealed: Vec<u8>,
    pub public_jwk: Json<Value>,
    pub announced_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
    pub signs_until: DateTime<Utc>,
    pub gone_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// All signing keys, by algorithm and ordinal.
pub async fn list(reader: impl Into<Reader<'_>>) -> Result<Vec<SigningKey>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT kid, alg, ordinal, sealing_key_id, sealed, public_jwk, announced_at, signs_from, signs_until, gone_at, revoked_at FROM signing_key ORDER BY alg, ordinal",
    ).fetch_all(db).await?))
}

/// Announces a key; `Error::Taken("ordinal")` when another node was first.
pub async fn insert(tx: &mut Tx, key: &SigningKey) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO signing_key (kid, alg, ordinal, sealing_key_id, sealed, public_jwk, announced_at, signs_from, signs_until, gone_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&key.kid).bind(&key.alg).bind(key.ordinal).bind(&key.sealing_key_id).bind(&key.sealed).bind(&key.public_jwk)
    .bind(key.announced_at).bind(key.signs_from).bind(key.signs_until).bind(key.gone_at).bind(key.revoked_at)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Rewrites a key's calendar.
pub async fn reschedule(tx: &mut Tx, key: &SigningKey) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE signing_key SET announced_at = $2, signs_from = $3, signs_until = $4, gone_at = $5 WHERE kid = $1")
        .bind(&key.kid).bind(key.announced_at).bind(key.signs_from).bind(key.signs_until).bind(key.gone_at)
        .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Marks a key revoked: it neither signs nor verifies from now on.
pub async fn revoke(tx: &mut Tx, kid: &str, at: DateTime<Utc>) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE signing_key SET revoked_at = $2 WHERE kid = $1 AND revoked_at IS NULL")
        .bind(kid).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// A sealing key the database has been sealed with: its name, and a value that only it opens.
#[derive(Debug, Clone, FromRow)]
pub struct SealingCheck {
    pub id: Vec<u8>,
    pub check_value: Vec<u8>,
}

/// The sealing keys this database knows.
pub async fn sealing_checks(reader: impl Into<Reader<'_>>) -> Result<Vec<SealingCheck>> {
    Ok(
        ask!(reader, db => sqlx::query_as("SELECT id, check_value FROM sealing_key ORDER BY created_at, id").fetch_all(db).await?),
    )
}

/// Makes a sealing key known; one that is known already stays as it is.
pub async fn add_sealing_check(store: &Store, check: &SealingCheck, at: DateTime<Utc>) -> Result<()> {
    let mut tx = store.begin().await?;
    within!(&mut tx, db => sqlx::query("INSERT INTO sealing_key (id, check_value, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(&check.id).bind(&check.check_value).bind(at).execute(&mut *db).await?.rows_affected());
    tx.commit().await
}
