//! Families: one live refresh token each, that of the current generation. Rotating is a compare-and-swap on it.
//!
//! A rotation writes the family, the lineage row and the audit row together: one statement on PostgreSQL; on SQLite the
//! three stand side by side under the write lock. Which presentation may rotate is judged in `token/family`, not here.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::audit::bind_record;
use super::codes::NamedClaims;
use super::lineage::Issued;
use super::{Reader, Result, Store, ask, within};
use crate::event::Record;

/// A family, without the owners it hangs on.
#[derive(Debug, Clone, FromRow)]
pub struct Family {
    pub id: Uuid,
    pub outlives_session: bool,
    pub born_seq: i64,
    /// SHA-256 of the family secret; none when no refresh token was given.
    pub secret_digest: Option<Vec<u8>>,
    pub generation: i64,
    pub ordinal: i64,
    pub scopes: String,
    pub resources: Json<Vec<String>>,
    pub acr: String,
    pub amr: Json<Vec<String>>,
    pub auth_time: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub rotated_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub network: Option<String>,
    pub user_agent: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
    pub end_reason: Option<String>,
    pub revoked_seq: i64,
    /// What its request asked for by name: told by its code's row, which stays as long as the family's.
    pub claims: Option<Json<NamedClaims>>,
}

/// The owners a family hangs on.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Owners {
    pub id: Uuid,
    pub client_id: Uuid,
    pub user_id: Uuid,
    pub grant_id: Uuid,
    pub session_id: Uuid,
}

/// The owners of a family.
pub async fn owners(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<Owners>> {
    Ok(
        ask!(reader, db => sqlx::query_as("SELECT id, client_id, user_id, grant_id, session_id FROM family WHERE id = $1")
        .bind(id).fetch_optional(db).await?),
    )
}

/// Ids of the families of a session, newest first.
pub async fn of_session(reader: impl Into<Reader<'_>>, session_id: Uuid) -> Result<Vec<Uuid>> {
    Ok(ask!(reader, db => sqlx::query_scalar("SELECT id FROM family WHERE session_id = $1 ORDER BY id DESC LIMIT 1000")
        .bind(session_id).fetch_all(db).await?))
}

/// A family's mark: above zero when a kill has ended it.
pub async fn mark(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<i64>> {
    Ok(
        ask!(reader, db => sqlx::query_scalar("SELECT revoked_seq FROM family WHERE id = $1").bind(id).fetch_optional(db).await?),
    )
}

/// What a refresh writes.
#[derive(Debug)]
pub struct Rotation<'a> {
    pub family_id: Uuid,
    /// The generation that was presented and is, as far as was read, current.
    pub from: i64,
    pub issued: &'a Issued,
    pub record: &'a Record,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The family stands at the next generation.
    Rotated,
    /// The family was no longer where it was read, or has ended.
    Moved,
}

const ROTATE: &str = "UPDATE family SET generation = generation + 1, ordinal = ordinal + 1, rotated_at = $3, last_used_at = $3, network = $4, user_agent = $5 \
     WHERE id = $1 AND generation = $2 AND ended_at IS NULL RETURNING ordinal, generation";

/// Advances a family by one generation, if it still stands at the one that was read.
pub async fn rotate(store: &Store, rotation: &Rotation<'_>) -> Result<Rotated> {
    let Rotation { family_id, from, issued, record } = rotation;
    let agent = &issued.user_agent;
    match store {
        Store::Postgres(pool) => {
            let query = sqlx::query(
                "WITH moved AS (UPDATE family SET generation = generation + 1, ordinal = ordinal + 1, rotated_at = $16, last_used_at = $16, network = $17, user_agent = $18 \
                 WHERE id = $14 AND generation = $15 AND ended_at IS NULL RETURNING ordinal, generation), \
                 rolled AS (INSERT INTO lineage (family_id, ordinal, generation, jti, at, expires_at, rev_seq, address, user_agent, scopes, audience, retries) \
                 SELECT $14, ordinal, generation, $19, $16, $20, $21, $22, $18, $23, $24, 0 FROM moved) \
                 INSERT INTO audit (id, at, event, outcome, actor, user_id, client_id, session_id, family_id, address, user_agent, request_id, detail) \
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM moved",
            );
            let done = bind_record!(query, record)
                .bind(family_id)
                .bind(from)
                .bind(issued.at)
                .bind(record.caller.network())
                .bind(agent)
                .bind(issued.jti)
                .bind(issued.expires_at)
                .bind(issued.rev_seq)
                .bind(&issued.address)
                .bind(&issued.scopes)
                .bind(&issued.audience)
                .execute(pool)
                .await?
                .rows_affected();
            Ok(if done == 1 { Rotated::Rotated } else { Rotated::Moved })
        }
        Store::Sqlite(_) => {
            let mut tx = store.begin().await?;
            let moved: Option<(i64, i64)> = within!(&mut tx, db => sqlx::query_as(ROTATE)
                .bind(family_id).bind(from).bind(issued.at).bind(record.caller.network()).bind(agent)
                .fetch_optional(&mut *db).await?);
            let Some((ordinal, generation)) = moved else { return Ok(Rotated::Moved) };
            super::lineage::insert(&mut tx, *family_id, (ordinal, generation), issued).await?;
            super::audit::insert(&mut tx, record).await?;
            tx.commit().await?;
            Ok(Rotated::Rotated)
        }
    }
}

/// Counts a generation that was retried from another network; answers how many in a row now were. None when this one was
/// counted before: its further retries are no news.
pub async fn contended(store: &Store, id: Uuid, generation: i64) -> Result<Option<i64>> {
    const COUNT: &str = "UPDATE family SET contended = CASE WHEN contended_generation = $2 - 1 THEN contended + 1 ELSE 1 END, \
         contended_generation = $2 WHERE id = $1 AND contended_generation < $2 RETURNING contended";
    let mut tx = store.begin().await?;
    let run =
        within!(&mut tx, db => sqlx::query_scalar(COUNT).bind(id).bind(generation).fetch_optional(&mut *db).await?);
    tx.commit().await?;
    Ok(run)
}
