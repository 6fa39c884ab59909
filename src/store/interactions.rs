//! Interactions: an authorization request on its way through the sign-in, bound to the browser that began it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Reader, Result, Tx, ask, within};

/// An interaction, as stored. `step` and `version` are the machine's; `request` is what was validated at its start.
#[derive(Debug, Clone, FromRow)]
pub struct Interaction {
    pub id: Uuid,
    pub browser_digest: Vec<u8>,
    pub client_id: Uuid,
    pub request: Json<Value>,
    pub step: String,
    pub version: i64,
    pub session_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// The interaction with this id.
pub async fn get(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<Interaction>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT id, browser_digest, client_id, request, step, version, session_id, created_at, expires_at, finished_at FROM interaction WHERE id = $1",
    ).bind(id).fetch_optional(db).await?))
}

/// Begins an interaction.
pub async fn insert(tx: &mut Tx, interaction: &Interaction) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO interaction (id, browser_digest, client_id, request, step, version, session_id, created_at, expires_at, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(interaction.id).bind(&interaction.browser_digest).bind(interaction.client_id).bind(&interaction.request)
    .bind(&interaction.step).bind(interaction.version).bind(interaction.session_id)
    .bind(interaction.created_at).bind(interaction.expires_at).bind(interaction.finished_at)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// The machine moved.
    Moved,
    /// Another request had moved it first.
    Behind,
}

/// Moves the machine from the version that was read; whoever comes second finds it moved.
pub async fn step(
    tx: &mut Tx,
    from: &Interaction,
    step: &str,
    session_id: Option<Uuid>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<Stepped> {
    let done = within!(tx, db => sqlx::query(
        "UPDATE interaction SET step = $3, session_id = $4, finished_at = $5, version = version + 1 WHERE id = $1 AND version = $2 AND finished_at IS NULL",
    )
    .bind(from.id).bind(from.version).bind(step).bind(session_id).bind(finished_at)
    .execute(&mut *db).await?.rows_affected());
    Ok(if done == 1 { Stepped::Moved } else { Stepped::Behind })
}
