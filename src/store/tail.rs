//! The revocation log, read on: where it stands, what the reader's own place holds, and what follows, in one snapshot.
//!
//! One statement each, so that position and entries can't disagree. PostgreSQL also tells its own time, to hold a node's
//! clock against; SQLite runs under the node's clock.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::issuer::Position;
use super::revocations::Entry;
use super::{Error, Result, Store};

/// What follows a place in the log.
#[derive(Debug, Clone)]
pub struct Tail {
    /// Where the log stands.
    pub position: Position,
    /// The database's own time, where it has one.
    pub database_time: Option<DateTime<Utc>>,
    /// The tip of the entry at the reader's place, if that entry is still there.
    pub here: Option<Vec<u8>>,
    /// The entries after it, oldest first.
    pub entries: Vec<Entry>,
}

#[derive(FromRow)]
struct Row {
    database_id: Uuid,
    epoch: i64,
    counter_seq: i64,
    counter_tip: Vec<u8>,
    longest_access_seconds: i64,
    database_time: Option<DateTime<Utc>>,
    here: Option<Vec<u8>>,
    seq: Option<i64>,
    tip: Option<Vec<u8>>,
    at: Option<DateTime<Utc>>,
    kind: Option<String>,
    value: Option<String>,
    reach: Option<String>,
    until: Option<DateTime<Utc>>,
    reason: Option<String>,
    actor: Option<String>,
}

impl Row {
    fn entry(self) -> Option<Entry> {
        Some(Entry {
            seq: self.seq?,
            tip: self.tip?,
            at: self.at?,
            kind: self.kind?,
            value: self.value?,
            reach: self.reach?,
            until: self.until?,
            reason: self.reason?,
            actor: self.actor?,
        })
    }
}

macro_rules! tail {
    ($time:literal) => {
        concat!(
            "SELECT i.database_id, k.epoch, k.seq AS counter_seq, k.tip AS counter_tip, k.longest_access_seconds, ",
            $time,
            " AS database_time, (SELECT tip FROM revocation WHERE seq = $1) AS here, ",
            "r.seq, r.tip, r.at, r.kind, r.value, r.reach, r.until, r.reason, r.actor ",
            "FROM counter k JOIN issuer i ON i.id = k.id AND k.id = 1 LEFT JOIN revocation r ON r.seq > $1 ORDER BY r.seq LIMIT $2"
        )
    };
}

/// At most `limit` entries after `seq`; fewer mean that `position` is where they end.
pub async fn after(store: &Store, seq: i64, limit: i64) -> Result<Tail> {
    let rows: Vec<Row> = match store {
        Store::Postgres(pool) => {
            sqlx::query_as(tail!("clock_timestamp()")).bind(seq).bind(limit).fetch_all(pool).await?
        }
        Store::Sqlite(lite) => sqlx::query_as(tail!("NULL")).bind(seq).bind(limit).fetch_all(&lite.read).await?,
    };
    let first =
        rows.first().ok_or_else(|| Error::Unsound("the issuer's row or the counter's is missing".to_owned()))?;
    let position = Position {
        database_id: first.database_id,
        epoch: first.epoch,
        seq: first.counter_seq,
        tip: first.counter_tip.clone(),
        longest_access_seconds: first.longest_access_seconds,
    };
    let (database_time, here) = (first.database_time, first.here.clone());
    Ok(Tail { position, database_time, here, entries: rows.into_iter().filter_map(Row::entry).collect() })
}

/// The newest entries under some names, and where the log stood.
#[derive(Debug, Clone)]
pub struct Named {
    /// Where the log stands.
    pub position: Position,
    /// For each kind the newest number found; kinds as stored.
    pub newest: Vec<(String, i64)>,
}

#[derive(FromRow)]
struct NamedRow {
    #[sqlx(flatten)]
    position: Position,
    kind: Option<String>,
    newest: Option<i64>,
}

macro_rules! named {
    ($names:literal, $known:literal) => {
        concat!(
            "SELECT i.database_id, k.epoch, k.seq, k.tip, k.longest_access_seconds, n.kind, n.newest ",
            "FROM counter k JOIN issuer i ON i.id = k.id AND k.id = 1 LEFT JOIN (SELECT r.kind, max(r.seq) AS newest FROM (",
            $names,
            " UNION ALL SELECT seq, kind FROM revocation WHERE kind NOT IN (",
            $known,
            ")) r GROUP BY r.kind) n ON true"
        )
    };
}

/// The newest entry of each kind that bears one of `names` (kind and value), or whose kind is none of `known`.
pub async fn named(store: &Store, names: &[(&str, String)], known: &[&str]) -> Result<Named> {
    let rows: Vec<NamedRow> = match store {
        Store::Postgres(pool) => {
            let (kinds, values): (Vec<_>, Vec<_>) = names.iter().map(|(kind, value)| (*kind, value.as_str())).unzip();
            sqlx::query_as(named!(
                "SELECT r.seq, r.kind FROM unnest($1::text[], $2::text[]) AS w(kind, value) JOIN revocation r ON r.kind = w.kind AND r.value = w.value",
                "SELECT unnest($3::text[])"
            ))
            .bind(kinds)
            .bind(values)
            .bind(known)
            .fetch_all(pool)
            .await?
        }
        Store::Sqlite(lite) => {
            sqlx::query_as(named!(
                "SELECT r.seq, r.kind FROM json_each($1) AS w JOIN revocation r ON r.kind = w.value ->> 0 AND r.value = w.value ->> 1",
                "SELECT value FROM json_each($2)"
            ))
            .bind(sqlx::types::Json(names))
            .bind(sqlx::types::Json(known))
            .fetch_all(&lite.read)
            .await?
        }
    };
    let first =
        rows.first().ok_or_else(|| Error::Unsound("the issuer's row or the counter's is missing".to_owned()))?;
    let position = first.position.clone();
    Ok(Named { position, newest: rows.into_iter().filter_map(|row| row.kind.zip(row.newest)).collect() })
}
