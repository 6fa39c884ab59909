//! Clients that no administrator registered: by what each manages its registration, how many there are, when each was last used,
//! and which have gone unused for too long.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Reader, Result, Store, Tx, ask, within};

/// What a client manages its own registration with.
#[derive(Debug, Clone, FromRow)]
pub struct Registration {
    pub client_id: Uuid,
    pub digest: Vec<u8>,
    /// None: nobody's leave was asked.
    pub initial_token_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

/// Keeps the digest of a new client's token.
pub async fn insert(tx: &mut Tx, registration: &Registration) -> Result<()> {
    within!(tx, db => sqlx::query("INSERT INTO registration (client_id, digest, initial_token_id, created_at) VALUES ($1, $2, $3, $4)")
        .bind(registration.client_id).bind(&registration.digest).bind(registration.initial_token_id).bind(registration.created_at)
        .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Whose registration is managed with this.
pub async fn by_digest(reader: impl Into<Reader<'_>>, digest: &[u8]) -> Result<Option<Registration>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT client_id, digest, initial_token_id, created_at FROM registration WHERE digest = $1",
    ).bind(digest).fetch_optional(db).await?))
}

/// From now on nobody manages it.
pub async fn remove(tx: &mut Tx, client_id: Uuid) -> Result<()> {
    within!(tx, db => sqlx::query("DELETE FROM registration WHERE client_id = $1").bind(client_id).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// How many clients there are of a source: deleted ones, too, until they are swept.
pub async fn count(reader: impl Into<Reader<'_>>, source: &str) -> Result<i64> {
    Ok(ask!(reader, db => sqlx::query_scalar("SELECT count(*) FROM client WHERE source = $1 AND source <> 'admin'")
        .bind(source).fetch_one(db).await?))
}

/// Notes that a client was used, unless that was noted after `before`. Its version stays: nothing it is judged by has changed.
pub async fn touch(store: &Store, id: Uuid, at: DateTime<Utc>, before: DateTime<Utc>) -> Result<()> {
    let mut tx = store.begin().await?;
    within!(&mut tx, db => sqlx::query(
        "UPDATE client SET last_used_at = $2 WHERE id = $1 AND source <> 'admin' AND (last_used_at IS NULL OR last_used_at < $3)",
    ).bind(id).bind(at).bind(before).execute(&mut *db).await?.rows_affected());
    tx.commit().await
}

/// Notes how long what was read of a document holds. Its version stays.
pub async fn holds_until(tx: &mut Tx, id: Uuid, until: DateTime<Utc>) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE client SET document_until = $2 WHERE id = $1 AND document IS NOT NULL")
        .bind(id).bind(until).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Clients that were never used and are older than `fresh`, or were last used before `idle`; so many at most. A document that was
/// read since `fresh` is in use. One that an
/// administrator has disabled stays as he left it.
pub async fn unused(
    reader: impl Into<Reader<'_>>,
    fresh: DateTime<Utc>,
    idle: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Uuid>> {
    Ok(ask!(reader, db => sqlx::query_scalar(
        "SELECT id FROM client WHERE source <> 'admin' AND deleted_at IS NULL AND disabled_at IS NULL \
         AND (document_until IS NULL OR document_until < $1) AND ((last_used_at IS NULL AND created_at < $1) OR last_used_at < $2) ORDER BY created_at LIMIT $3",
    ).bind(fresh).bind(idle).bind(most).fetch_all(db).await?))
}

/// Removes clients that were deleted before `deleted` and on which nothing hangs; so many at most. Of those before `lineage`
/// what users allowed them goes, too.
pub async fn sweep(store: &Store, deleted: DateTime<Utc>, lineage: DateTime<Utc>, most: i64) -> Result<u64> {
    const GRANTS: &str = "DELETE FROM grants WHERE id IN (SELECT g.id FROM client c JOIN grants g ON g.client_id = c.id \
         WHERE c.source <> 'admin' AND c.deleted_at < $1 AND NOT EXISTS (SELECT 1 FROM family f WHERE f.grant_id = g.id) \
         AND NOT EXISTS (SELECT 1 FROM code d WHERE d.grant_id = g.id) AND NOT EXISTS (SELECT 1 FROM device_code v WHERE v.grant_id = g.id) LIMIT $2)";
    const CLIENTS: &str = "DELETE FROM client WHERE id IN (SELECT c.id FROM client c WHERE c.source <> 'admin' AND c.deleted_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id) AND NOT EXISTS (SELECT 1 FROM family f WHERE f.client_id = c.id) \
         AND NOT EXISTS (SELECT 1 FROM code d WHERE d.client_id = c.id) AND NOT EXISTS (SELECT 1 FROM device_code v WHERE v.client_id = c.id) AND NOT EXISTS (SELECT 1 FROM interaction i WHERE i.client_id = c.id) \
         AND NOT EXISTS (SELECT 1 FROM client_secret s WHERE s.client_id = c.id) AND NOT EXISTS (SELECT 1 FROM logout_notice n WHERE n.client_id = c.id) AND NOT EXISTS (SELECT 1 FROM registration r WHERE r.client_id = c.id) LIMIT $2)";
    let mut tx = store.begin().await?;
    let gone = within!(&mut tx, db => {
        let grants = sqlx::query(GRANTS).bind(lineage).bind(most).execute(&mut *db).await?.rows_affected();
        grants + sqlx::query(CLIENTS).bind(deleted).bind(most).execute(&mut *db).await?.rows_affected()
    });
    tx.commit().await?;
    Ok(gone)
}
