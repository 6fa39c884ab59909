//! What was presented once and never may be again: by purpose and client, as a digest, until it would be refused for its age.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Result, Store};

/// Something that may be presented once.
#[derive(Debug, Clone, Copy)]
pub struct Once<'a> {
    /// What kind of thing it is: one of another kind is another thing.
    pub purpose: &'static str,
    pub client_id: Uuid,
    pub digest: &'a [u8],
    /// From when it would be refused anyway.
    pub expires_at: DateTime<Utc>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// For the first time, and by this call.
    First,
    /// It had been presented before.
    Again,
}

/// Notes that it was presented. Of any number of calls, on any node, one is the first.
pub async fn present(store: &Store, once: &Once<'_>) -> Result<Presented> {
    const NOTE: &str =
        "INSERT INTO jti (purpose, client_id, digest, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let Once { purpose, client_id, digest, expires_at } = *once;
    let noted = match store {
        Store::Postgres(pool) => {
            let query = sqlx::query(NOTE).bind(purpose).bind(client_id).bind(digest).bind(expires_at);
            query.execute(pool).await?.rows_affected()
        }
        Store::Sqlite(lite) => {
            let query = sqlx::query(NOTE).bind(purpose).bind(client_id).bind(digest).bind(expires_at);
            query.execute(&lite.write).await?.rows_affected()
        }
    };
    Ok(if noted == 1 { Presented::First } else { Presented::Again })
}
