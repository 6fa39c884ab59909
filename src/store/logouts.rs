//! The outbox of back-channel logout: what has ended, one row for each kill and written with it; and the notices that come of it,
//! one for each session and client. Who is to be told, and how, is `oidc/notify`'s to say.
//!
//! What is at work on a row takes it by moving its `due_at` ahead: whoever vanishes meanwhile leaves it to be taken again. On
//! PostgreSQL two takers pass each other by (`SKIP LOCKED`); on SQLite they stand in line.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Reader, Result, Store, Tx, ask, within};

/// What a kill ended: a session, a user's, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Ended {
    pub id: Uuid,
    /// None: everybody's.
    pub owner_id: Option<Uuid>,
    pub at: DateTime<Utc>,
    /// Its sessions up to this id have their notices.
    pub told_up_to: Uuid,
}

/// A kind of [`Ended`], as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Session,
    User,
    All,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::User => "user",
            Self::All => "all",
        }
    }
}

/// Writes down that something has ended; nobody but who wrote it looks at it before `due_at`.
pub async fn insert(tx: &mut Tx, kind: Kind, ended: &Ended, due_at: DateTime<Utc>) -> Result<()> {
    within!(tx, db => sqlx::query("INSERT INTO logout (id, kind, owner_id, at, due_at, told_up_to) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(ended.id).bind(kind.name()).bind(ended.owner_id).bind(ended.at).bind(due_at).bind(ended.told_up_to)
        .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Whether one is due, without holding anybody up.
pub async fn is_due(store: &Store, now: DateTime<Utc>) -> Result<bool> {
    Ok(
        ask!(store, db => sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM logout WHERE due_at <= $1)").bind(now).fetch_one(db).await?),
    )
}

/// The oldest that is due, with its kind, held until the transaction ends; one that somebody else holds is passed by.
pub async fn hold_due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<(Kind, Ended)>> {
    let row: Option<Row> = match tx {
        Tx::Postgres(tx) => {
            sqlx::query_as(
                "SELECT id, owner_id, at, told_up_to, kind FROM logout WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED",
            )
            .bind(now)
            .fetch_optional(&mut **tx)
            .await?
        }
        Tx::Sqlite(tx) => {
            sqlx::query_as("SELECT id, owner_id, at, told_up_to, kind FROM logout WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1")
                .bind(now)
                .fetch_optional(&mut **tx)
                .await?
        }
    };
    Ok(row.map(Row::read))
}

/// That of one session, due or not, held until the transaction ends; none when somebody else holds it, or is done with it.
pub async fn hold_of_session(tx: &mut Tx, session_id: Uuid) -> Result<Option<Ended>> {
    Ok(match tx {
        Tx::Postgres(tx) => {
            sqlx::query_as(
                "SELECT id, owner_id, at, told_up_to FROM logout WHERE kind = 'session' AND owner_id = $1 LIMIT 1 FOR UPDATE SKIP LOCKED",
            )
            .bind(session_id)
            .fetch_optional(&mut **tx)
            .await?
        }
        Tx::Sqlite(tx) => {
            sqlx::query_as("SELECT id, owner_id, at, told_up_to FROM logout WHERE kind = 'session' AND owner_id = $1 LIMIT 1")
                .bind(session_id)
                .fetch_optional(&mut **tx)
                .await?
        }
    })
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    ended: Ended,
    kind: String,
}

impl Row {
    fn read(self) -> (Kind, Ended) {
        let known = [Kind::Session, Kind::User, Kind::All].into_iter().find(|kind| kind.name() == self.kind);
        (known.unwrap_or(Kind::All), self.ended)
    }
}

/// Sessions that it ended and that have no notices yet, by id: at most `limit`. One that had ended by itself before has a row of its own.
pub async fn sessions(tx: &mut Tx, kind: Kind, ended: &Ended, limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let text = match kind {
        Kind::Session => "SELECT id, user_id FROM session WHERE id = $2 AND id > $1 AND revoked_seq > 0 LIMIT $3",
        Kind::User => {
            "SELECT s.id, s.user_id FROM session s JOIN users u ON u.id = s.user_id \
             WHERE s.user_id = $2 AND s.id > $1 AND s.revoked_seq = 0 AND s.born_seq < u.revoked_seq ORDER BY s.id LIMIT $3"
        }
        Kind::All => {
            "SELECT s.id, s.user_id FROM session s JOIN issuer i ON i.id = 1 \
             WHERE $2 IS NULL AND s.id > $1 AND s.revoked_seq = 0 AND s.born_seq < i.revoked_seq ORDER BY s.id LIMIT $3"
        }
    };
    Ok(
        within!(tx, db => sqlx::query_as(text).bind(ended.told_up_to).bind(ended.owner_id).bind(limit).fetch_all(&mut *db).await?),
    )
}

/// Its sessions up to this id have their notices.
pub async fn told_up_to(tx: &mut Tx, id: Uuid, session_id: Uuid) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE logout SET told_up_to = $2 WHERE id = $1").bind(id).bind(session_id)
        .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// All its sessions have their notices.
pub async fn remove(tx: &mut Tx, id: Uuid) -> Result<()> {
    within!(tx, db => sqlx::query("DELETE FROM logout WHERE id = $1").bind(id).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// The clients that hold or held tokens of a session, or were on their way to some.
pub async fn clients_of(reader: impl Into<Reader<'_>>, session_id: Uuid) -> Result<Vec<Uuid>> {
    Ok(ask!(reader, db => sqlx::query_scalar(
        "SELECT client_id FROM family WHERE session_id = $1 UNION SELECT client_id FROM code WHERE session_id = $1 \
         UNION SELECT client_id FROM device_code WHERE session_id = $1 AND approved_at IS NOT NULL",
    ).bind(session_id).fetch_all(db).await?))
}

/// One client to be told of one session's end. Its id is the `jti` of every token that tells it.
#[derive(Debug, Clone, FromRow)]
pub struct Notice {
    pub id: Uuid,
    pub client_id: Uuid,
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub ended_at: DateTime<Utc>,
    /// How often it was taken, this time included.
    pub attempts: i64,
    /// When it is next to be taken.
    pub due_at: DateTime<Utc>,
    /// What came of the last attempt, in our words.
    pub said: Option<String>,
    /// How it ended, once it has.
    pub outcome: Option<String>,
    pub done_at: Option<DateTime<Utc>>,
}

macro_rules! notice {
    () => {
        "id, client_id, session_id, user_id, ended_at, attempts, due_at, said, outcome, done_at"
    };
}

/// Writes a notice, unless that session's end has one for that client; whether it did.
pub async fn add_notice(tx: &mut Tx, notice: &Notice) -> Result<bool> {
    let added = within!(tx, db => sqlx::query(concat!(
        "INSERT INTO logout_notice (", notice!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (session_id, client_id) DO NOTHING",
    ))
    .bind(notice.id).bind(notice.client_id).bind(notice.session_id).bind(notice.user_id).bind(notice.ended_at).bind(notice.attempts)
    .bind(notice.due_at).bind(&notice.said).bind(&notice.outcome).bind(notice.done_at)
    .execute(&mut *db).await?.rows_affected());
    Ok(added == 1)
}

/// Clients that have a notice due.
pub async fn clients_due(store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    Ok(
        ask!(store, db => sqlx::query_scalar("SELECT DISTINCT client_id FROM logout_notice WHERE done_at IS NULL AND due_at <= $1")
        .bind(now).fetch_all(db).await?),
    )
}

macro_rules! take {
    ($which:literal, $end:literal) => {
        concat!(
            "UPDATE logout_notice SET attempts = attempts + 1, due_at = $3 WHERE id ",
            $which,
            "(SELECT id FROM logout_notice WHERE client_id = $1 AND done_at IS NULL AND due_at <= $2 ORDER BY due_at LIMIT $4",
            $end,
            " RETURNING ",
            notice!()
        )
    };
}

/// Takes a client's oldest due notices, at most `limit`: nobody else does before `until`.
pub async fn take(
    store: &Store,
    client_id: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Notice>> {
    Ok(match store {
        Store::Postgres(pool) => {
            // An array is made once; a subquery might be gone through again, and take more.
            let query = sqlx::query_as(take!("= ANY (ARRAY", " FOR UPDATE SKIP LOCKED))"));
            query.bind(client_id).bind(now).bind(until).bind(limit).fetch_all(pool).await?
        }
        Store::Sqlite(lite) => {
            let query = sqlx::query_as(take!("IN ", ")"));
            query.bind(client_id).bind(now).bind(until).bind(limit).fetch_all(&lite.write).await?
        }
    })
}

/// An attempt came to nothing: the notice is due again then. One that is done stays so.
pub async fn again(tx: &mut Tx, id: Uuid, due_at: DateTime<Utc>, said: &str) -> Result<()> {
    within!(tx, db => sqlx::query("UPDATE logout_notice SET due_at = $2, said = $3 WHERE id = $1 AND done_at IS NULL")
        .bind(id).bind(due_at).bind(said).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// A notice is over; whether it was this call that said so.
pub async fn done(tx: &mut Tx, id: Uuid, at: DateTime<Utc>, outcome: &str, said: &str) -> Result<bool> {
    let done = within!(tx, db => sqlx::query("UPDATE logout_notice SET done_at = $2, outcome = $3, said = $4 WHERE id = $1 AND done_at IS NULL")
        .bind(id).bind(at).bind(outcome).bind(said).execute(&mut *db).await?.rows_affected());
    Ok(done == 1)
}

/// How many notices wait, and how many rows whose notices aren't written yet.
pub async fn waiting(store: &Store) -> Result<i64> {
    Ok(ask!(store, db => sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM logout_notice WHERE done_at IS NULL) + (SELECT count(*) FROM logout)",
    ).fetch_one(db).await?))
}

/// A client's notices, newest first, at most `limit`: for whoever asks why it was not told.
pub async fn of_client(reader: impl Into<Reader<'_>>, client_id: Uuid, limit: i64) -> Result<Vec<Notice>> {
    Ok(ask!(reader, db => sqlx::query_as(concat!(
        "SELECT ", notice!(), " FROM logout_notice WHERE client_id = $1 ORDER BY ended_at DESC, id DESC LIMIT $2",
    )).bind(client_id).bind(limit).fetch_all(db).await?))
}
