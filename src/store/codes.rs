//! Authorization codes: found by digest, spent once. Spending one makes its family in the same statement or transaction.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::audit::bind_record;
use super::lineage::Issued;
use super::{Result, Store, Tx, within};
use crate::event::Record;

/// Claims that a request asked for by name, beyond its scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedClaims {
    pub userinfo: Vec<String>,
    pub id_token: Vec<String>,
}

/// A code, without the owners it hangs on.
#[derive(Debug, Clone, FromRow)]
pub struct Code {
    pub digest: Vec<u8>,
    /// The id its family will have, or has.
    pub family_id: Uuid,
    pub born_seq: i64,
    /// As sent; none when the request left it to the only registered one.
    pub redirect_uri: Option<String>,
    pub challenge: Option<String>,
    pub nonce: Option<String>,
    pub scopes: String,
    pub resources: Json<Vec<String>>,
    pub acr: String,
    pub amr: Json<Vec<String>>,
    pub auth_time: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub spent_at: Option<DateTime<Utc>>,
    pub burnt_at: Option<DateTime<Utc>>,
    /// None: nothing was asked for by name.
    pub claims: Option<Json<NamedClaims>>,
}

/// The owners a code hangs on.
#[derive(Debug, Clone, Copy)]
pub struct Owners {
    pub client_id: Uuid,
    pub user_id: Uuid,
    pub grant_id: Uuid,
    pub session_id: Uuid,
}

/// Writes a code.
pub async fn insert(tx: &mut Tx, code: &Code, owners: Owners) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO code (digest, family_id, client_id, user_id, grant_id, session_id, born_seq, redirect_uri, challenge, nonce, scopes, resources, acr, amr, auth_time, created_at, expires_at, spent_at, burnt_at, claims) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
    )
    .bind(&code.digest).bind(code.family_id).bind(owners.client_id).bind(owners.user_id).bind(owners.grant_id).bind(owners.session_id)
    .bind(code.born_seq).bind(&code.redirect_uri).bind(&code.challenge).bind(&code.nonce).bind(&code.scopes).bind(&code.resources)
    .bind(&code.acr).bind(&code.amr).bind(code.auth_time).bind(code.created_at).bind(code.expires_at).bind(code.spent_at).bind(code.burnt_at).bind(&code.claims)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// What a redemption writes: the family's birth, its first token, the audit row.
#[derive(Debug)]
pub struct Redemption<'a> {
    pub digest: &'a [u8],
    /// The number under which the code was judged.
    pub born_seq: i64,
    pub secret_digest: Option<Vec<u8>>,
    pub outlives_session: bool,
    pub family_expires_at: DateTime<Utc>,
    pub issued: &'a Issued,
    pub record: &'a Record,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The code is spent, and by this call.
    Now,
    /// It had been spent or burnt before.
    Before,
}

/// The statements that spend a row of a table of codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spending {
    /// PostgreSQL: everything at once, after the thirteen columns of the audit row.
    whole: &'static str,
    /// SQLite: the spending, and the family's birth.
    spend: &'static str,
    family: &'static str,
}

/// Of this table, where a row may be spent while this holds.
macro_rules! spending {
    ($table:literal, $open:literal) => {
        $crate::store::codes::Spending::new(
            concat!(
                "WITH spent AS (UPDATE ", $table, " SET spent_at = $15 WHERE digest = $14 AND ", $open,
                " RETURNING family_id, client_id, user_id, grant_id, session_id, scopes, resources, acr, amr, auth_time), \
                 born AS (INSERT INTO family (id, client_id, user_id, grant_id, session_id, outlives_session, born_seq, secret_digest, generation, ordinal, scopes, resources, \
                 acr, amr, auth_time, created_at, rotated_at, last_used_at, expires_at, network, user_agent, revoked_seq) \
                 SELECT family_id, client_id, user_id, grant_id, session_id, $16, $17, $18, 0, 0, scopes, resources, acr, amr, auth_time, $15, $15, $15, $19, $20, $21, 0 FROM spent RETURNING id), \
                 rolled AS (INSERT INTO lineage (family_id, ordinal, generation, jti, at, expires_at, rev_seq, address, user_agent, scopes, audience, retries) \
                 SELECT id, 0, 0, $22, $15, $23, $17, $24, $21, $25, $26, 0 FROM born) \
                 INSERT INTO audit (id, at, event, outcome, actor, user_id, client_id, session_id, family_id, address, user_agent, request_id, detail) \
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM spent"
            ),
            concat!("UPDATE ", $table, " SET spent_at = $2 WHERE digest = $1 AND ", $open),
            concat!(
                "INSERT INTO family (id, client_id, user_id, grant_id, session_id, outlives_session, born_seq, secret_digest, generation, ordinal, scopes, resources, \
                 acr, amr, auth_time, created_at, rotated_at, last_used_at, expires_at, network, user_agent, revoked_seq) \
                 SELECT family_id, client_id, user_id, grant_id, session_id, $3, $4, $5, 0, 0, scopes, resources, acr, amr, auth_time, $2, $2, $2, $6, $7, $8, 0 FROM ",
                $table, " WHERE digest = $1 RETURNING id"
            ),
        )
    };
}
pub(super) use spending;

impl Spending {
    pub(super) const fn new(whole: &'static str, spend: &'static str, family: &'static str) -> Self {
        Self { whole, spend, family }
    }
}

/// Spends a code, once.
pub async fn redeem(store: &Store, redemption: &Redemption<'_>) -> Result<Spent> {
    const SPENDING: Spending = spending!("code", "spent_at IS NULL AND burnt_at IS NULL");
    spend(store, &SPENDING, redemption).await
}

/// Spends a row of a table of codes, and makes its family of it.
pub(super) async fn spend(store: &Store, spending: &Spending, redemption: &Redemption<'_>) -> Result<Spent> {
    let Redemption { digest, born_seq, secret_digest, outlives_session, family_expires_at, issued, record } =
        redemption;
    match store {
        Store::Postgres(pool) => {
            let query = sqlx::query(spending.whole);
            let done = bind_record!(query, record)
                .bind(digest)
                .bind(issued.at)
                .bind(outlives_session)
                .bind(born_seq)
                .bind(secret_digest)
                .bind(family_expires_at)
                .bind(record.caller.network())
                .bind(&issued.user_agent)
                .bind(issued.jti)
                .bind(issued.expires_at)
                .bind(&issued.address)
                .bind(&issued.scopes)
                .bind(&issued.audience)
                .execute(pool)
                .await?
                .rows_affected();
            Ok(if done == 1 { Spent::Now } else { Spent::Before })
        }
        Store::Sqlite(_) => {
            let mut tx = store.begin().await?;
            let spent = within!(&mut tx, db => sqlx::query(spending.spend).bind(digest).bind(issued.at).execute(&mut *db).await?.rows_affected());
            if spent == 0 {
                return Ok(Spent::Before);
            }
            let family: Uuid = within!(&mut tx, db => sqlx::query_scalar(spending.family)
                .bind(digest).bind(issued.at).bind(outlives_session).bind(born_seq).bind(secret_digest).bind(family_expires_at)
                .bind(record.caller.network()).bind(&issued.user_agent)
                .fetch_one(&mut *db).await?);
            super::lineage::insert(&mut tx, family, (0, 0), issued).await?;
            super::audit::insert(&mut tx, record).await?;
            tx.commit().await?;
            Ok(Spent::Now)
        }
    }
}

/// What became of a code that was to be burnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burnt {
    /// It is burnt, and by this call.
    Now,
    /// It had been spent or burnt before.
    Before,
}

/// Burns an unspent code after its own client's failed attempt.
pub async fn burn(tx: &mut Tx, digest: &[u8], at: DateTime<Utc>) -> Result<Burnt> {
    let burnt = within!(tx, db => sqlx::query("UPDATE code SET burnt_at = $2 WHERE digest = $1 AND spent_at IS NULL AND burnt_at IS NULL")
        .bind(digest).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(if burnt == 1 { Burnt::Now } else { Burnt::Before })
}
