//! Rows of the audit trail: written with what they tell of, read by the command line.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Reader, Result, Store, Tx, ask, within};
use crate::event::Record;

/// A row, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct Row {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub event: String,
    pub outcome: String,
    pub actor: String,
    pub user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub family_id: Option<Uuid>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<Uuid>,
    pub detail: Json<Value>,
}

const INSERT: &str = "INSERT INTO audit (id, at, event, outcome, actor, user_id, client_id, session_id, family_id, address, user_agent, request_id, detail) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Binds a record's thirteen columns, in the table's order.
macro_rules! bind_record {
    ($query:expr, $record:expr) => {
        $query
            .bind($record.id)
            .bind($record.at)
            .bind($record.event.name())
            .bind($record.outcome)
            .bind($record.actor.text())
            .bind($record.user_id)
            .bind($record.client_id)
            .bind($record.session_id)
            .bind($record.family_id)
            .bind($record.caller.address_text())
            .bind($record.caller.user_agent.clone())
            .bind($record.caller.request_id)
            .bind(sqlx::types::Json($record.detail.clone()))
    };
}
pub(crate) use bind_record;

/// Writes a row in the transaction of what it tells of.
pub async fn insert(tx: &mut Tx, record: &Record) -> Result<()> {
    within!(tx, db => bind_record!(sqlx::query(INSERT), record).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Writes a row of its own: a refusal, a read, or an issue that has no other row.
pub async fn append(store: &Store, record: &Record) -> Result<()> {
    match store {
        Store::Postgres(pool) => {
            bind_record!(sqlx::query(INSERT), record).execute(pool).await?;
        }
        Store::Sqlite(lite) => {
            bind_record!(sqlx::query(INSERT), record).execute(&lite.write).await?;
        }
    }
    Ok(())
}

/// The newest rows, newest first: those before `before` when given, `limit` at most.
pub async fn newest(reader: impl Into<Reader<'_>>, before: Option<Uuid>, limit: i64) -> Result<Vec<Row>> {
    let before = before.unwrap_or(Uuid::max());
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, at, event, outcome, actor, user_id, client_id, session_id, family_id, address, user_agent, request_id, detail \
         FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2",
    ).bind(before).bind(limit).fetch_all(db).await?))
}

/// Rows written at or after `since`, oldest first. Leaving out those it has seen is the caller's matter.
pub async fn since(reader: impl Into<Reader<'_>>, since: DateTime<Utc>, limit: i64) -> Result<Vec<Row>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, at, event, outcome, actor, user_id, client_id, session_id, family_id, address, user_agent, request_id, detail \
         FROM audit WHERE at >= $1 ORDER BY at, id LIMIT $2",
    ).bind(since).bind(limit).fetch_all(db).await?))
}
