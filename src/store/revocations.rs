//! The revocation log: numbered without gaps, because the counter row's lock is held from the number to the commit.
//!
//! [`append`] is called by `revocation` alone. On PostgreSQL it is one statement; on SQLite the statements stand side by
//! side under the write lock. Marks never fall.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Reader, Result, Tx, ask};

/// An entry, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct Entry {
    pub seq: i64,
    pub tip: Vec<u8>,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub value: String,
    pub reach: String,
    pub until: DateTime<Utc>,
    pub reason: String,
    pub actor: String,
}

/// The row whose mark a kill raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Issuer,
    Client(Uuid),
    User(Uuid),
    Grant(Uuid),
    Session(Uuid),
    Family(Uuid),
    /// Access tokens only: no row is marked.
    None,
}

/// An entry about to be numbered.
#[derive(Debug, Clone)]
pub struct New<'a> {
    pub tip: Vec<u8>,
    pub at: DateTime<Utc>,
    pub kind: &'static str,
    pub value: &'a str,
    pub reach: &'static str,
    pub reason: &'a str,
    pub actor: &'a str,
    pub mark: Mark,
}

/// What an entry outlives the longest access token by, in seconds: clocks and slow answers.
const MARGIN: i64 = 300;

macro_rules! numbered {
    ($mark:literal) => {
        concat!(
            "WITH k AS (UPDATE counter SET seq = seq + 1, tip = $1 WHERE id = 1 RETURNING seq, longest_access_seconds)",
            $mark,
            " INSERT INTO revocation (seq, tip, at, kind, value, reach, until, reason, actor) ",
            // A node whose clock is behind must not write an entry that has left before it is read. An exception to times
            // that come in as parameters: nothing else knows which clock is right.
            "SELECT seq, $1, greatest($2, clock_timestamp()), $3, $4, $5, ",
            "greatest($2, clock_timestamp()) + make_interval(secs => longest_access_seconds + 300), $6, $7 FROM k ",
            // Only hastens the other nodes' poll; everything is right without it.
            "RETURNING seq, tip, at, kind, value, reach, until, reason, actor, pg_notify('chancery_revocation', '') IS NULL AS told"
        )
    };
}

/// Takes the next number, writes the entry and raises the mark.
pub async fn append(tx: &mut Tx, new: &New<'_>) -> Result<Entry> {
    let id = match new.mark {
        Mark::Client(id) | Mark::User(id) | Mark::Grant(id) | Mark::Session(id) | Mark::Family(id) => Some(id),
        Mark::Issuer | Mark::None => None,
    };
    match tx {
        Tx::Postgres(tx) => {
            let text = match new.mark {
                Mark::None => numbered!(""),
                Mark::Issuer => numbered!(", m AS (UPDATE issuer SET revoked_seq = k.seq FROM k)"),
                Mark::Client(_) => {
                    numbered!(", m AS (UPDATE client SET revoked_seq = k.seq FROM k WHERE client.id = $8)")
                }
                Mark::User(_) => numbered!(", m AS (UPDATE users SET revoked_seq = k.seq FROM k WHERE users.id = $8)"),
                Mark::Grant(_) => {
                    numbered!(", m AS (UPDATE grants SET revoked_seq = k.seq FROM k WHERE grants.id = $8)")
                }
                Mark::Session(_) => numbered!(
                    ", m AS (UPDATE session SET revoked_seq = k.seq, ended_at = coalesce(ended_at, $2) FROM k WHERE session.id = $8)"
                ),
                Mark::Family(_) => numbered!(
                    ", m AS (UPDATE family SET revoked_seq = k.seq, ended_at = coalesce(ended_at, $2), end_reason = coalesce(end_reason, $6) FROM k WHERE family.id = $8)"
                ),
            };
            let query = sqlx::query_as(text)
                .bind(&new.tip)
                .bind(new.at)
                .bind(new.kind)
                .bind(new.value)
                .bind(new.reach)
                .bind(new.reason)
                .bind(new.actor);
            let query = if let Some(id) = id { query.bind(id) } else { query };
            Ok(query.fetch_one(&mut **tx).await?)
        }
        Tx::Sqlite(tx) => {
            let (seq, longest): (i64, i64) = sqlx::query_as(
                "UPDATE counter SET seq = seq + 1, tip = $1 WHERE id = 1 RETURNING seq, longest_access_seconds",
            )
            .bind(&new.tip)
            .fetch_one(&mut **tx)
            .await?;
            let text = match new.mark {
                Mark::None => None,
                Mark::Issuer => Some("UPDATE issuer SET revoked_seq = $1"),
                Mark::Client(_) => Some("UPDATE client SET revoked_seq = $1 WHERE id = $2"),
                Mark::User(_) => Some("UPDATE users SET revoked_seq = $1 WHERE id = $2"),
                Mark::Grant(_) => Some("UPDATE grants SET revoked_seq = $1 WHERE id = $2"),
                Mark::Session(_) => {
                    Some("UPDATE session SET revoked_seq = $1, ended_at = coalesce(ended_at, $3) WHERE id = $2")
                }
                Mark::Family(_) => Some(
                    "UPDATE family SET revoked_seq = $1, ended_at = coalesce(ended_at, $3), end_reason = coalesce(end_reason, $4) WHERE id = $2",
                ),
            };
            if let Some(text) = text {
                let mut query = sqlx::query(text).bind(seq);
                if id.is_some() {
                    query = query.bind(id);
                }
                if matches!(new.mark, Mark::Session(_) | Mark::Family(_)) {
                    query = query.bind(new.at);
                }
                if matches!(new.mark, Mark::Family(_)) {
                    query = query.bind(new.reason);
                }
                query.execute(&mut **tx).await?;
            }
            let entry: Entry = sqlx::query_as(
                "INSERT INTO revocation (seq, tip, at, kind, value, reach, until, reason, actor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 RETURNING seq, tip, at, kind, value, reach, until, reason, actor",
            )
            .bind(seq).bind(&new.tip).bind(new.at).bind(new.kind).bind(new.value).bind(new.reach)
            .bind(new.at + TimeDelta::seconds(longest + MARGIN)).bind(new.reason).bind(new.actor)
            .fetch_one(&mut **tx).await?;
            Ok(entry)
        }
    }
}

/// Entries after a position, oldest first: at most `limit`.
pub async fn after(reader: impl Into<Reader<'_>>, seq: i64, limit: i64) -> Result<Vec<Entry>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT seq, tip, at, kind, value, reach, until, reason, actor FROM revocation WHERE seq > $1 ORDER BY seq LIMIT $2",
    ).bind(seq).bind(limit).fetch_all(db).await?))
}

/// The entry with this number.
pub async fn get(reader: impl Into<Reader<'_>>, seq: i64) -> Result<Option<Entry>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT seq, tip, at, kind, value, reach, until, reason, actor FROM revocation WHERE seq = $1",
    ).bind(seq).fetch_optional(db).await?))
}

/// The newest entry of a kind, value and reach, if there is one.
pub async fn find(reader: impl Into<Reader<'_>>, kind: &str, value: &str, reach: &str) -> Result<Option<Entry>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT seq, tip, at, kind, value, reach, until, reason, actor FROM revocation \
         WHERE kind = $1 AND value = $2 AND reach = $3 ORDER BY seq DESC LIMIT 1",
    ).bind(kind).bind(value).bind(reach).fetch_optional(db).await?))
}

/// Everything that could still be presented: unexpired entries, and those of keys, which never leave.
pub async fn standing(reader: impl Into<Reader<'_>>, at: DateTime<Utc>) -> Result<Vec<Entry>> {
    Ok(ask!(reader, db => sqlx::query_as(
        "SELECT seq, tip, at, kind, value, reach, until, reason, actor FROM revocation \
         WHERE until > $1 OR kind = 'key' ORDER BY seq",
    ).bind(at).fetch_all(db).await?))
}
