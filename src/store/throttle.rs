//! Budgets in the shared database: charged atomically, before the check they guard.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Result, Store, Tx, within};

/// A budget: how often it was charged, since when, and when last.
#[derive(Debug, Clone, FromRow)]
pub struct Charged {
    pub charged: i64,
    pub since: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}

/// Charges one to `key`; a count that began at `since_floor` or before begins anew. Answers the row after the charge.
pub async fn charge(
    store: &Store,
    key: &str,
    at: DateTime<Utc>,
    since_floor: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<Charged> {
    const CHARGE: &str = "INSERT INTO throttle (key, charged, since, last_at, expires_at) VALUES ($1, 1, $2, $2, $4) \
         ON CONFLICT (key) DO UPDATE SET \
         charged = CASE WHEN throttle.since <= $3 THEN 1 ELSE throttle.charged + 1 END, \
         since = CASE WHEN throttle.since <= $3 THEN $2 ELSE throttle.since END, \
         last_at = $2, expires_at = $4 RETURNING charged, since, last_at";
    Ok(match store {
        Store::Postgres(pool) => {
            sqlx::query_as(CHARGE).bind(key).bind(at).bind(since_floor).bind(expires_at).fetch_one(pool).await?
        }
        Store::Sqlite(lite) => {
            sqlx::query_as(CHARGE).bind(key).bind(at).bind(since_floor).bind(expires_at).fetch_one(&lite.write).await?
        }
    })
}

/// What stands against `key`.
pub async fn get(store: &Store, key: &str) -> Result<Option<Charged>> {
    const GET: &str = "SELECT charged, since, last_at FROM throttle WHERE key = $1";
    Ok(match store {
        Store::Postgres(pool) => sqlx::query_as(GET).bind(key).fetch_optional(pool).await?,
        Store::Sqlite(lite) => sqlx::query_as(GET).bind(key).fetch_optional(&lite.read).await?,
    })
}

/// Clears a budget, as a success does.
pub async fn clear(tx: &mut Tx, key: &str) -> Result<()> {
    within!(tx, db => sqlx::query("DELETE FROM throttle WHERE key = $1").bind(key).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Clears every budget whose key begins so. Reads them all: for what operators do.
pub async fn clear_beginning(tx: &mut Tx, prefix: &str) -> Result<()> {
    within!(tx, db => sqlx::query("DELETE FROM throttle WHERE substr(key, 1, length($1)) = $1").bind(prefix).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Gives one charge back.
pub async fn give_back(tx: &mut Tx, key: &str) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE throttle SET charged = charged - 1 WHERE key = $1 AND charged > 0").bind(key).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Charges one to a budget that still stands as it was read; whoever comes second reads again. `fresh` begins the count anew.
pub async fn charge_seen(
    store: &Store,
    key: &str,
    seen: Option<&Charged>,
    fresh: bool,
    times: (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool> {
    let (at, expires_at) = times;
    let mut tx = store.begin().await?;
    let done = within!(&mut tx, db => match seen {
        None => sqlx::query("INSERT INTO throttle (key, charged, since, last_at, expires_at) VALUES ($1, 1, $2, $2, $3) ON CONFLICT DO NOTHING")
            .bind(key).bind(at).bind(expires_at).execute(&mut *db).await?.rows_affected(),
        Some(seen) if fresh => sqlx::query("UPDATE throttle SET charged = 1, since = $2, last_at = $2, expires_at = $3 WHERE key = $1 AND charged = $4 AND since = $5")
            .bind(key).bind(at).bind(expires_at).bind(seen.charged).bind(seen.since).execute(&mut *db).await?.rows_affected(),
        Some(seen) => sqlx::query("UPDATE throttle SET charged = charged + 1, last_at = $2, expires_at = $3 WHERE key = $1 AND charged = $4 AND since = $5")
            .bind(key).bind(at).bind(expires_at).bind(seen.charged).bind(seen.since).execute(&mut *db).await?.rows_affected(),
    });
    tx.commit().await?;
    Ok(done == 1)
}
