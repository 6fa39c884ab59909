//! Browser sessions: a stable id (`sid`), and a secret whose digest finds the row.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Reader, Result, Store, Tx, ask, within};

/// One thing a user proved, when, and under which number of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// A value of RFC 8176: `pwd`, …
    pub method: String,
    pub at: DateTime<Utc>,
    /// The log's number in the snapshot that held the evidence.
    pub seq: i64,
}

/// A session, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct Session {
    pub id: Uuid,
    pub secret_digest: Vec<u8>,
    pub user_id: Uuid,
    pub born_seq: i64,
    pub proofs: Json<Vec<Proof>>,
    pub auth_time: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
    pub revoked_seq: i64,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, secret_digest, user_id, born_seq, proofs, auth_time, created_at, last_used_at, expires_at, address, user_agent, ended_at, revoked_seq",
            $after
        )
    };
}

/// The session with this `sid`.
pub async fn get(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<Session>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM session WHERE id = $1")).bind(id).fetch_optional(db).await?),
    )
}

/// A user's sessions, newest first.
pub async fn of_user(reader: impl Into<Reader<'_>>, user_id: Uuid) -> Result<Vec<Session>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM session WHERE user_id = $1 ORDER BY created_at DESC, id"))
        .bind(user_id).fetch_all(db).await?),
    )
}

/// Begins a session.
pub async fn insert(tx: &mut Tx, session: &Session) -> Result<()> {
    within!(tx, db => sqlx::query(columns!("INSERT INTO session (", ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"))
        .bind(session.id).bind(&session.secret_digest).bind(session.user_id).bind(session.born_seq).bind(&session.proofs)
        .bind(session.auth_time).bind(session.created_at).bind(session.last_used_at).bind(session.expires_at)
        .bind(&session.address).bind(&session.user_agent).bind(session.ended_at).bind(session.revoked_seq)
        .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// A re-authentication of the same user: new secret, new proofs, later `auth_time`; id, birth and marks stay.
/// The caller holds the row's lock and has judged it alive under it.
pub async fn renew(tx: &mut Tx, session: &Session) -> Result<()> {
    within!(tx, db => sqlx::query(
        "UPDATE session SET secret_digest = $2, proofs = $3, auth_time = $4, last_used_at = $5, expires_at = $6, address = $7, user_agent = $8 WHERE id = $1",
    )
    .bind(session.id).bind(&session.secret_digest).bind(&session.proofs).bind(session.auth_time).bind(session.last_used_at)
    .bind(session.expires_at).bind(&session.address).bind(&session.user_agent)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Notes that a session was used, unless that was noted after `since`. A statement of its own; the caller lets it fail.
pub async fn touch(store: &Store, id: Uuid, at: DateTime<Utc>, since: DateTime<Utc>) -> Result<()> {
    const TOUCH: &str = "UPDATE session SET last_used_at = $2 WHERE id = $1 AND last_used_at <= $3";
    match store {
        Store::Postgres(pool) => {
            sqlx::query(TOUCH).bind(id).bind(at).bind(since).execute(pool).await?;
        }
        Store::Sqlite(lite) => {
            sqlx::query(TOUCH).bind(id).bind(at).bind(since).execute(&lite.write).await?;
        }
    }
    Ok(())
}
