//! Pairwise subjects (OpenID Connect Core 8.1): what the clients of one sector know a user by. Rows come and never go.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Reader, Result, Tx, ask, within};

/// The user's subject in this sector: the one that was handed out before, else `drawn`. The caller holds the user's lock, so
/// that a kill of the user sees it, or comes first.
pub async fn ensure(tx: &mut Tx, (user_id, sector): (Uuid, &str), drawn: Uuid, at: DateTime<Utc>) -> Result<Uuid> {
    within!(tx, db => {
        sqlx::query("INSERT INTO pairwise (user_id, sector, sub, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, sector) DO NOTHING")
            .bind(user_id).bind(sector).bind(drawn).bind(at).execute(&mut *db).await?;
        Ok(sqlx::query_scalar("SELECT sub FROM pairwise WHERE user_id = $1 AND sector = $2")
            .bind(user_id).bind(sector).fetch_one(&mut *db).await?)
    })
}

/// Every subject of a user's that was handed out, oldest first.
pub async fn of_user(reader: impl Into<Reader<'_>>, user_id: Uuid) -> Result<Vec<Uuid>> {
    Ok(ask!(reader, db => sqlx::query_scalar("SELECT sub FROM pairwise WHERE user_id = $1 ORDER BY created_at, sector")
        .bind(user_id).fetch_all(db).await?))
}
