//! Lineage rows: each access token of a family, under its own ordinal, and the retries that were answered alike.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::audit::{bind_record, insert as note};
use super::{Reader, Result, Store, Tx, ask, within};
use crate::event::Record;

/// How many retries of one generation are kept one by one; the rest are counted.
pub const RETRIES_KEPT: i64 = 64;

/// An access token about to be enrolled.
#[derive(Debug, Clone)]
pub struct Issued {
    pub jti: Uuid,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub rev_seq: i64,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub scopes: String,
    /// Space-delimited resource URIs.
    pub audience: String,
}

/// A lineage row.
#[derive(Debug, Clone, FromRow)]
pub struct Row {
    pub family_id: Uuid,
    pub ordinal: i64,
    pub generation: i64,
    pub jti: Uuid,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub rev_seq: i64,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub scopes: String,
    pub audience: String,
    pub retries: i64,
}

/// A retry that was answered.
#[derive(Debug, Clone, FromRow)]
pub struct Retry {
    pub ordinal: i64,
    pub number: i64,
    pub jti: Uuid,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

/// Enrols a token at (ordinal, generation).
pub async fn insert(tx: &mut Tx, family_id: Uuid, place: (i64, i64), issued: &Issued) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO lineage (family_id, ordinal, generation, jti, at, expires_at, rev_seq, address, user_agent, scopes, audience, retries) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)",
    )
    .bind(family_id).bind(place.0).bind(place.1).bind(issued.jti).bind(issued.at).bind(issued.expires_at).bind(issued.rev_seq)
    .bind(&issued.address).bind(&issued.user_agent).bind(&issued.scopes).bind(&issued.audience)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Notes a retry of the generation at `ordinal` and its audit row; the first [`RETRIES_KEPT`] one by one, then a count.
/// Answers which one it was. Retries come in bursts: on PostgreSQL the row is locked for one statement only.
pub async fn note_retry(store: &Store, family_id: Uuid, ordinal: i64, issued: &Issued, record: &Record) -> Result<i64> {
    match store {
        Store::Postgres(pool) => {
            let query = sqlx::query_scalar(
                "WITH noted AS (UPDATE lineage SET retries = retries + 1 WHERE family_id = $14 AND ordinal = $15 RETURNING retries), \
                 kept AS (INSERT INTO lineage_retry (family_id, ordinal, number, jti, at, expires_at, address, user_agent) \
                 SELECT $14, $15, retries, $16, $17, $18, $19, $20 FROM noted WHERE retries <= $21), \
                 told AS (INSERT INTO audit (id, at, event, outcome, actor, user_id, client_id, session_id, family_id, address, user_agent, request_id, detail) \
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM noted WHERE retries <= $21) \
                 SELECT retries FROM noted",
            );
            Ok(bind_record!(query, record)
                .bind(family_id)
                .bind(ordinal)
                .bind(issued.jti)
                .bind(issued.at)
                .bind(issued.expires_at)
                .bind(&issued.address)
                .bind(&issued.user_agent)
                .bind(RETRIES_KEPT)
                .fetch_one(pool)
                .await?)
        }
        Store::Sqlite(_) => {
            let mut tx = store.begin().await?;
            let number: i64 = within!(&mut tx, db => sqlx::query_scalar(
                "UPDATE lineage SET retries = retries + 1 WHERE family_id = $1 AND ordinal = $2 RETURNING retries",
            ).bind(family_id).bind(ordinal).fetch_one(&mut *db).await?);
            if number <= RETRIES_KEPT {
                within!(&mut tx, db => sqlx::query(
                    "INSERT INTO lineage_retry (family_id, ordinal, number, jti, at, expires_at, address, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(family_id).bind(ordinal).bind(number).bind(issued.jti).bind(issued.at).bind(issued.expires_at)
                .bind(&issued.address).bind(&issued.user_agent)
                .execute(&mut *db).await?.rows_affected());
                note(&mut tx, record).await?;
            }
            tx.commit().await?;
            Ok(number)
        }
    }
}

/// Where a token stands, by its `jti`.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Place {
    pub family_id: Uuid,
    pub expires_at: DateTime<Utc>,
}

/// The family of a token, and when the token ends.
pub async fn find(reader: impl Into<Reader<'_>>, jti: Uuid) -> Result<Option<Place>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT family_id, expires_at FROM lineage WHERE jti = $1 UNION ALL SELECT family_id, expires_at FROM lineage_retry WHERE jti = $1 LIMIT 1",
    ).bind(jti).fetch_optional(db).await?))
}

/// A family's rows after an ordinal, oldest first.
pub async fn of_family(reader: impl Into<Reader<'_>>, family_id: Uuid, after: i64, limit: i64) -> Result<Vec<Row>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT family_id, ordinal, generation, jti, at, expires_at, rev_seq, address, user_agent, scopes, audience, retries \
         FROM lineage WHERE family_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3",
    ).bind(family_id).bind(after).bind(limit).fetch_all(db).await?))
}

/// The retries that were kept of a family.
pub async fn retries(reader: impl Into<Reader<'_>>, family_id: Uuid) -> Result<Vec<Retry>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT ordinal, number, jti, at, expires_at, address, user_agent FROM lineage_retry WHERE family_id = $1 ORDER BY ordinal, number",
    ).bind(family_id).fetch_all(db).await?))
}

/// When a family was rotated to this generation; none when it never was, or its row has gone.
pub async fn rotated_to(
    reader: impl Into<Reader<'_>>,
    family_id: Uuid,
    generation: i64,
) -> Result<Option<DateTime<Utc>>> {
    Ok(
        ask!(reader, db => sqlx::query_scalar("SELECT at FROM lineage WHERE family_id = $1 AND generation = $2 ORDER BY ordinal LIMIT 1")
        .bind(family_id).bind(generation).fetch_optional(db).await?),
    )
}
