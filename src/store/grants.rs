//! Grants: what a user has allowed a client. The row is made with the first code, and stays: it carries the mark.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Reader, Result, Tx, ask, within};

/// What is consented to: for each resource, by URI, the scopes allowed there, space-delimited.
pub type Consented = BTreeMap<String, String>;

/// A grant, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct Grant {
    pub id: Uuid,
    pub user_id: Uuid,
    pub client_id: Uuid,
    /// Space-delimited; empty when nothing is consented to.
    pub scopes: String,
    /// The same by resource; none in a row of before that was kept.
    pub resources: Option<Json<Consented>>,
    pub consented_at: Option<DateTime<Utc>>,
    /// The log's number when the consent was judged.
    pub consented_seq: i64,
    pub revoked_seq: i64,
    pub created_at: DateTime<Utc>,
    /// The pairwise subject that the client knows the user by; none: the user's own.
    pub sub: Option<Uuid>,
}

/// The grant of a user to a client.
pub async fn find(reader: impl Into<Reader<'_>>, user_id: Uuid, client_id: Uuid) -> Result<Option<Grant>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, user_id, client_id, scopes, resources, consented_at, consented_seq, revoked_seq, created_at, sub FROM grants WHERE user_id = $1 AND client_id = $2",
    ).bind(user_id).bind(client_id).fetch_optional(db).await?))
}

/// A user's grants, oldest first.
pub async fn of_user(reader: impl Into<Reader<'_>>, user_id: Uuid) -> Result<Vec<Grant>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, user_id, client_id, scopes, resources, consented_at, consented_seq, revoked_seq, created_at, sub FROM grants WHERE user_id = $1 ORDER BY id",
    ).bind(user_id).fetch_all(db).await?))
}

/// Makes the row if it isn't there and answers its id.
pub async fn ensure(tx: &mut Tx, id: Uuid, user_id: Uuid, client_id: Uuid, at: DateTime<Utc>) -> Result<Uuid> {
    within!(tx, db => {
        sqlx::query(
            "INSERT INTO grants (id, user_id, client_id, scopes, consented_seq, revoked_seq, created_at) VALUES ($1, $2, $3, '', 0, 0, $4) ON CONFLICT DO NOTHING",
        ).bind(id).bind(user_id).bind(client_id).bind(at).execute(&mut *db).await?;
        Ok(sqlx::query_scalar("SELECT id FROM grants WHERE user_id = $1 AND client_id = $2")
            .bind(user_id).bind(client_id).fetch_one(&mut *db).await?)
    })
}

/// Writes what is consented to. The caller holds the row's lock, and judged the session that gives it at `seq`.
pub async fn consent(
    tx: &mut Tx,
    id: Uuid,
    (scopes, resources): (&str, &Consented),
    seq: i64,
    at: DateTime<Utc>,
) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE grants SET scopes = $2, resources = $3, consented_seq = $4, consented_at = $5 WHERE id = $1")
        .bind(id).bind(scopes).bind(Json(resources)).bind(seq).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// The pairwise subject that the client of a grant knows its user by.
pub async fn known_as(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<Uuid>> {
    let sub: Option<Option<Uuid>> = ask!(reader, db => sqlx::query_scalar("SELECT sub FROM grants WHERE id = $1").bind(id).fetch_optional(db).await?);
    Ok(sub.flatten())
}

/// Writes what the client knows the user by. The caller holds the row's lock and the user's.
pub async fn know_as(tx: &mut Tx, id: Uuid, sub: Option<Uuid>) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE grants SET sub = $2 WHERE id = $1").bind(id).bind(sub).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Writes which claims asked for by name are consented to, space-delimited. For whoever has just written the consent.
pub async fn consent_claims(tx: &mut Tx, id: Uuid, claims: &str) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE grants SET claims = $2 WHERE id = $1").bind(id).bind(claims).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Takes the consent back; the kill that goes with it marks the row.
pub async fn forget(tx: &mut Tx, id: Uuid) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE grants SET scopes = '', resources = NULL, claims = NULL, consented_at = NULL WHERE id = $1")
        .bind(id).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Takes back what all users consented to at a client. The caller holds the client's lock, which every consent is given under.
pub async fn forget_all(tx: &mut Tx, client_id: Uuid) -> Result<u64> {
    Ok(
        within!(tx, db => sqlx::query("UPDATE grants SET scopes = '', resources = NULL, claims = NULL, consented_at = NULL \
            WHERE client_id = $1 AND (scopes <> '' OR claims IS NOT NULL)")
        .bind(client_id).execute(&mut *db).await?.rows_affected()),
    )
}
