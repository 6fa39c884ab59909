//! The issuer's own row and the counter row: who this database is, and how far its revocation log goes.
//!
//! `seq` is epoch × 2^40 + count: it fits a JSON number, and a restore moves it past everything that was ever seen.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Reader, Result, Store, Tx, ask, within};

/// How many entries an epoch has room for.
pub const EPOCH: i64 = 1 << 40;

/// Where the log stands.
#[derive(Debug, Clone, FromRow)]
pub struct Position {
    pub database_id: Uuid,
    pub epoch: i64,
    pub seq: i64,
    pub tip: Vec<u8>,
    pub longest_access_seconds: i64,
}

/// Writes the two rows of a new database; an older one keeps its own.
pub async fn found(store: &Store, id: Uuid, tip: &[u8], longest_access_seconds: i64, at: DateTime<Utc>) -> Result<()> {
    let mut tx = store.begin().await?;
    within!(&mut tx, db => {
        sqlx::query("INSERT INTO issuer (id, database_id, revoked_seq, created_at) VALUES (1, $1, 0, $2) ON CONFLICT DO NOTHING")
            .bind(id).bind(at).execute(&mut *db).await?;
        sqlx::query("INSERT INTO counter (id, epoch, seq, tip, longest_access_seconds) VALUES (1, 0, 0, $1, $2) ON CONFLICT DO NOTHING")
            .bind(tip.to_vec()).bind(longest_access_seconds).execute(&mut *db).await?;
    });
    tx.commit().await
}

/// Reads where the log stands.
pub async fn position(reader: impl Into<Reader<'_>>) -> Result<Option<Position>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT i.database_id, k.epoch, k.seq, k.tip, k.longest_access_seconds FROM counter k JOIN issuer i ON i.id = k.id AND k.id = 1",
    ).fetch_optional(db).await?))
}

/// Keeps the longest access-token life ever allowed: only ever raised. Queues with kills for the one counter row.
pub async fn raise_longest_access(store: &Store, seconds: i64) -> Result<()> {
    let mut tx = store.begin().await?;
    within!(&mut tx, db => {
        sqlx::query("UPDATE counter SET longest_access_seconds = $1 WHERE id = 1 AND longest_access_seconds < $1")
            .bind(seconds).execute(&mut *db).await?;
    });
    tx.commit().await
}

/// The database's own time, to hold this node's clock against. The one place that asks it.
pub async fn database_time(store: &Store) -> Result<Option<DateTime<Utc>>> {
    match store {
        Store::Postgres(pool) => Ok(Some(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?)),
        Store::Sqlite(_) => Ok(None),
    }
}

/// How many connections other processes of ours have to this database; none where the database doesn't tell.
pub async fn others_connected(store: &Store) -> Result<Option<i64>> {
    const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'chancery' AND pid <> pg_backend_pid()";
    match store {
        Store::Postgres(pool) => Ok(Some(sqlx::query_scalar(OTHERS).fetch_one(pool).await?)),
        Store::Sqlite(_) => Ok(None),
    }
}

/// Begins a new epoch above `floor`: whatever was numbered before is below what comes.
pub async fn begin_epoch(tx: &mut Tx, floor: i64, tip: &[u8]) -> Result<i64> {
    let epoch = floor / EPOCH + 1;
    within!(tx, db => {
        sqlx::query("UPDATE counter SET epoch = $1, seq = $2, tip = $3 WHERE id = 1")
            .bind(epoch).bind(epoch * EPOCH).bind(tip.to_vec()).execute(&mut *db).await?;
    });
    Ok(epoch)
}
