//! Device codes (RFC 8628): asked for by a client, claimed by the browser that enters the user code, allowed or denied there, and
//! spent once. Spending one makes its family in the same statement or transaction.
//!
//! The row is known to the client by the digest of its device code, to the person by the tag of the user code (gone once it is
//! answered), and to an interaction by the id of the family it will become.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::codes::{self, Owners, Redemption, Spent};
use super::{Reader, Result, Store, Tx, ask, within};

/// A device code, without whoever allowed it.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceCode {
    pub digest: Vec<u8>,
    /// The id its family will have, or has.
    pub family_id: Uuid,
    pub client_id: Uuid,
    /// The number under which the client was judged; once it is allowed, that of that judgement.
    pub born_seq: i64,
    pub scopes: String,
    pub resources: Json<Vec<String>>,
    /// Where the device asked from, and what it called itself.
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub interval_seconds: i64,
    pub polls: i64,
    pub polled_at: Option<DateTime<Utc>>,
    /// The digest of the browser in which the user code was entered.
    pub claimed_by: Option<Vec<u8>>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub approved_at: Option<DateTime<Utc>>,
    pub denied_at: Option<DateTime<Utc>>,
    pub spent_at: Option<DateTime<Utc>>,
}

/// How the user was proved to be who allowed it.
#[derive(Debug, Clone, FromRow)]
pub struct Proved {
    pub acr: String,
    pub amr: Json<Vec<String>>,
    pub auth_time: DateTime<Utc>,
}

/// Where a device code stands, its expiry aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Approved,
    Denied,
    Spent,
}

impl DeviceCode {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self { spent_at: Some(_), .. } => State::Spent,
            Self { denied_at: Some(_), .. } => State::Denied,
            Self { approved_at: Some(_), .. } => State::Approved,
            _ => State::Pending,
        }
    }
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "digest, family_id, client_id, born_seq, scopes, resources, address, user_agent, interval_seconds, polls, polled_at, claimed_by, \
             created_at, expires_at, approved_at, denied_at, spent_at",
            $after
        )
    };
}

/// What became of a new code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Kept,
    /// Another one has this user code: draw another.
    Taken,
}

/// Writes a code under the tag of its user code.
pub async fn insert(tx: &mut Tx, code: &DeviceCode, user_code: &[u8]) -> Result<Kept> {
    let kept = within!(tx, db => sqlx::query(columns!(
        "INSERT INTO device_code (",
        ", user_code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (user_code) DO NOTHING"
    ))
    .bind(&code.digest).bind(code.family_id).bind(code.client_id).bind(code.born_seq).bind(&code.scopes).bind(&code.resources)
    .bind(&code.address).bind(&code.user_agent).bind(code.interval_seconds).bind(code.polls).bind(code.polled_at).bind(&code.claimed_by)
    .bind(code.created_at).bind(code.expires_at).bind(code.approved_at).bind(code.denied_at).bind(code.spent_at).bind(user_code)
    .execute(&mut *db).await?.rows_affected());
    Ok(if kept == 1 { Kept::Kept } else { Kept::Taken })
}

/// How many codes of a client wait for an answer; counted up to `most`.
pub async fn waiting(reader: impl Into<Reader<'_>>, client_id: Uuid, now: DateTime<Utc>, most: i64) -> Result<i64> {
    Ok(ask!(reader, db => sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM device_code WHERE client_id = $1 AND expires_at > $2 AND approved_at IS NULL AND denied_at IS NULL LIMIT $3) AS w",
    ).bind(client_id).bind(now).bind(most).fetch_one(db).await?))
}

/// The code a device holds.
pub async fn by_digest(reader: impl Into<Reader<'_>>, digest: &[u8]) -> Result<Option<DeviceCode>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM device_code WHERE digest = $1")).bind(digest).fetch_optional(db).await?),
    )
}

/// The code a person entered, by the tag of it. One that was answered has none any more.
pub async fn by_user_code(reader: impl Into<Reader<'_>>, user_code: &[u8]) -> Result<Option<DeviceCode>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM device_code WHERE user_code = $1")).bind(user_code).fetch_optional(db).await?),
    )
}

/// The code that will become this family.
pub async fn by_family(reader: impl Into<Reader<'_>>, family_id: Uuid) -> Result<Option<DeviceCode>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM device_code WHERE family_id = $1")).bind(family_id).fetch_optional(db).await?),
    )
}

/// What became of a browser's wish to answer a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is this browser's to answer.
    Now,
    /// It is another browser's, or was answered.
    Elsewhere,
}

/// Gives a code that waits to the browser that entered it; the first one keeps it.
pub async fn claim(tx: &mut Tx, family_id: Uuid, browser: &[u8]) -> Result<Claimed> {
    let claimed = within!(tx, db => sqlx::query(
        "UPDATE device_code SET claimed_by = $2 WHERE family_id = $1 AND (claimed_by IS NULL OR claimed_by = $2) AND approved_at IS NULL AND denied_at IS NULL",
    ).bind(family_id).bind(browser).execute(&mut *db).await?.rows_affected());
    Ok(if claimed == 1 { Claimed::Now } else { Claimed::Elsewhere })
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It is the answer.
    Now,
    /// There was one before, or it is another browser's to give, or too late.
    Before,
}

/// Who allows it, and under which number that was judged.
#[derive(Debug)]
pub struct Approval<'a> {
    pub family_id: Uuid,
    pub browser: &'a [u8],
    pub owners: Owners,
    pub born_seq: i64,
    pub proved: Proved,
    pub at: DateTime<Utc>,
}

/// Allows what a device asked for.
pub async fn approve(tx: &mut Tx, approval: &Approval<'_>) -> Result<Decided> {
    let Approval { family_id, browser, owners, born_seq, proved, at } = approval;
    let decided = within!(tx, db => sqlx::query(
        "UPDATE device_code SET approved_at = $3, user_code = NULL, user_id = $4, grant_id = $5, session_id = $6, born_seq = $7, acr = $8, amr = $9, auth_time = $10 \
         WHERE family_id = $1 AND claimed_by = $2 AND client_id = $11 AND approved_at IS NULL AND denied_at IS NULL AND expires_at > $3",
    )
    .bind(family_id).bind(*browser).bind(at).bind(owners.user_id).bind(owners.grant_id).bind(owners.session_id).bind(born_seq)
    .bind(&proved.acr).bind(&proved.amr).bind(proved.auth_time).bind(owners.client_id)
    .execute(&mut *db).await?.rows_affected());
    Ok(if decided == 1 { Decided::Now } else { Decided::Before })
}

/// Denies it.
pub async fn deny(tx: &mut Tx, family_id: Uuid, browser: &[u8], at: DateTime<Utc>) -> Result<Decided> {
    let decided = within!(tx, db => sqlx::query(
        "UPDATE device_code SET denied_at = $3, user_code = NULL WHERE family_id = $1 AND claimed_by = $2 AND approved_at IS NULL AND denied_at IS NULL",
    ).bind(family_id).bind(browser).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(if decided == 1 { Decided::Now } else { Decided::Before })
}

/// What became of a poll that was to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    Noted,
    /// Another poll, or an answer, came first.
    Behind,
}

/// Notes a poll of a code that still waits, and the interval from now on.
pub async fn note_poll(store: &Store, seen: &DeviceCode, interval_seconds: i64, at: DateTime<Utc>) -> Result<Noted> {
    let mut tx = store.begin().await?;
    let noted = within!(&mut tx, db => sqlx::query(
        "UPDATE device_code SET polls = polls + 1, polled_at = $3, interval_seconds = $4 \
         WHERE digest = $1 AND polls = $2 AND approved_at IS NULL AND denied_at IS NULL",
    ).bind(&seen.digest).bind(seen.polls).bind(at).bind(interval_seconds).execute(&mut *db).await?.rows_affected());
    tx.commit().await?;
    Ok(if noted == 1 { Noted::Noted } else { Noted::Behind })
}

/// Spends a code that was allowed, once.
pub async fn redeem(store: &Store, redemption: &Redemption<'_>) -> Result<Spent> {
    const SPENDING: codes::Spending =
        codes::spending!("device_code", "approved_at IS NOT NULL AND denied_at IS NULL AND spent_at IS NULL");
    codes::spend(store, &SPENDING, redemption).await
}
