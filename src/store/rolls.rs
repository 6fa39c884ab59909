//! The rolls, read for judging: everything a decision stands on, in one statement and so in one snapshot, with the
//! log's counter beside it. `policy/standing` judges what these return; nothing else does.
//!
//! The counter and the issuer are one row each, and named by key: a planner that has no statistics yet would take a cross join
//! for a million rows, and PostgreSQL would spend a third of a second compiling the statement.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::client_metadata::Metadata;
use super::details::Details;
use super::device_codes::{DeviceCode, Proved};
use super::families::Family;
use super::grants::Consented;
use super::sessions::Proof;
use super::{Reader, Result, ask};

/// Where the log stood, and the issuer's own mark.
#[derive(Debug, Clone, FromRow)]
pub struct Counter {
    pub as_of: i64,
    pub longest_access_seconds: i64,
    pub issuer_mark: i64,
}

/// What judging needs of a client.
#[derive(Debug, Clone, FromRow)]
pub struct ClientRoll {
    pub client_id: Uuid,
    pub client_version: i64,
    pub client_disabled_at: Option<DateTime<Utc>>,
    pub client_deleted_at: Option<DateTime<Utc>>,
    pub client_mark: i64,
}

/// What judging needs of a user, and pages and the claims that are told most.
#[derive(Debug, Clone, FromRow)]
pub struct UserRoll {
    pub user_id: Uuid,
    pub sub: Uuid,
    pub username: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub groups: Json<Vec<String>>,
    pub user_updated_at: DateTime<Utc>,
    pub user_disabled_at: Option<DateTime<Utc>>,
    pub user_deleted_at: Option<DateTime<Utc>>,
    pub user_mark: i64,
    /// What else is told of him, where it was read along.
    #[sqlx(skip)]
    pub details: Option<Details>,
}

/// What judging needs of a grant.
#[derive(Debug, Clone)]
pub struct GrantRoll {
    pub grant_id: Uuid,
    pub grant_scopes: String,
    /// The consent by resource; empty in a row that says nothing of them.
    pub grant_resources: Consented,
    /// Claims asked for by name that were allowed, space-delimited.
    pub grant_claims: String,
    pub consented_seq: i64,
    pub grant_mark: i64,
    /// The pairwise subject that the client knows the user by; none: the user's own.
    pub grant_sub: Option<Uuid>,
}

/// What judging needs of a session.
#[derive(Debug, Clone, FromRow)]
pub struct SessionRoll {
    pub session_id: Uuid,
    pub session_born: i64,
    pub session_proofs: Json<Vec<Proof>>,
    pub session_auth_time: DateTime<Utc>,
    pub session_last_used_at: DateTime<Utc>,
    pub session_expires_at: DateTime<Utc>,
    pub session_ended_at: Option<DateTime<Utc>>,
    pub session_mark: i64,
    /// The digest of the secret that its browser holds now.
    pub session_digest: Vec<u8>,
}

/// One snapshot: the counter, and whichever rows the question was about.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub counter: Counter,
    pub client: Option<ClientRoll>,
    pub user: Option<UserRoll>,
    pub grant: Option<GrantRoll>,
    pub session: Option<SessionRoll>,
}

impl Snapshot {
    /// With what else is told of its user.
    #[must_use]
    fn knowing(mut self, details: Details) -> Self {
        if let Some(user) = &mut self.user {
            user.details = Some(details);
        }
        self
    }
}

#[derive(FromRow)]
struct MaybeGrant {
    grant_id: Option<Uuid>,
    grant_scopes: Option<String>,
    grant_resources: Option<Json<Consented>>,
    grant_claims: Option<String>,
    consented_seq: Option<i64>,
    grant_mark: Option<i64>,
    grant_sub: Option<Uuid>,
}

impl From<MaybeGrant> for Option<GrantRoll> {
    fn from(row: MaybeGrant) -> Self {
        Some(GrantRoll {
            grant_id: row.grant_id?,
            grant_scopes: row.grant_scopes?,
            grant_resources: row.grant_resources.map(|by| by.0).unwrap_or_default(),
            grant_claims: row.grant_claims.unwrap_or_default(),
            consented_seq: row.consented_seq?,
            grant_mark: row.grant_mark?,
            grant_sub: row.grant_sub,
        })
    }
}

#[derive(FromRow)]
struct Whole {
    #[sqlx(flatten)]
    counter: Counter,
    #[sqlx(flatten)]
    client: ClientRoll,
    #[sqlx(flatten)]
    user: UserRoll,
    #[sqlx(flatten)]
    grant: MaybeGrant,
    #[sqlx(flatten)]
    session: SessionRoll,
}

impl From<Whole> for Snapshot {
    fn from(row: Whole) -> Self {
        Self {
            counter: row.counter,
            client: Some(row.client),
            user: Some(row.user),
            grant: row.grant.into(),
            session: Some(row.session),
        }
    }
}

macro_rules! counter {
    () => {
        "k.seq AS as_of, k.longest_access_seconds, i.revoked_seq AS issuer_mark"
    };
}
pub(super) use counter;
macro_rules! client {
    () => {
        "c.id AS client_id, c.version AS client_version, c.disabled_at AS client_disabled_at, c.deleted_at AS client_deleted_at, c.revoked_seq AS client_mark"
    };
}
macro_rules! user {
    () => {
        "u.id AS user_id, u.sub, u.username, u.email, u.email_verified, u.name, u.given_name, u.family_name, u.groups, \
         u.updated_at AS user_updated_at, u.disabled_at AS user_disabled_at, u.deleted_at AS user_deleted_at, u.revoked_seq AS user_mark"
    };
}
pub(super) use user;
macro_rules! grant {
    () => {
        "g.id AS grant_id, g.scopes AS grant_scopes, g.resources AS grant_resources, g.claims AS grant_claims, g.consented_seq, \
         g.revoked_seq AS grant_mark, g.sub AS grant_sub"
    };
}
macro_rules! session {
    () => {
        "s.id AS session_id, s.born_seq AS session_born, s.proofs AS session_proofs, s.auth_time AS session_auth_time, \
         s.last_used_at AS session_last_used_at, s.expires_at AS session_expires_at, \
         s.ended_at AS session_ended_at, s.revoked_seq AS session_mark, s.secret_digest AS session_digest"
    };
}
macro_rules! details {
    () => {
        "u.middle_name, u.nickname, u.profile, u.picture, u.website, u.gender, u.birthdate, u.zoneinfo, u.locale, u.phone_number, u.phone_number_verified, \
         u.address_formatted, u.address_street, u.address_locality, u.address_region, u.address_postal_code, u.address_country, u.attributes"
    };
}
macro_rules! family {
    ($($more:tt)*) => {
        concat!(
            "SELECT ", $($more)*
            "f.id, f.outlives_session, f.born_seq, f.secret_digest, f.generation, f.ordinal, f.scopes, f.resources, f.acr, f.amr, f.auth_time, \
             f.created_at, f.rotated_at, f.last_used_at, f.expires_at, f.network, f.user_agent, f.ended_at, f.end_reason, f.revoked_seq, \
             (SELECT d.claims FROM code d WHERE d.family_id = f.id) AS claims, ",
            counter!(), ", ", client!(), ", ", user!(), ", ", grant!(), ", ", session!(),
            " FROM family f JOIN client c ON c.id = f.client_id JOIN users u ON u.id = f.user_id JOIN grants g ON g.id = f.grant_id \
             JOIN session s ON s.id = f.session_id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE f.id = $1"
        )
    };
}
macro_rules! whole {
    ($more:literal, $from:literal) => {
        concat!("SELECT ", $more, counter!(), ", ", client!(), ", ", user!(), ", ", grant!(), ", ", session!(), $from)
    };
}

/// A client alone.
pub async fn of_client(reader: impl Into<Reader<'_>>, client_id: Uuid) -> Result<Option<Snapshot>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        counter: Counter,
        #[sqlx(flatten)]
        client: ClientRoll,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(concat!(
        "SELECT ", counter!(), ", ", client!(), " FROM client c JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE c.id = $1"
    )).bind(client_id).fetch_optional(db).await?);
    Ok(row.map(|row| Snapshot {
        counter: row.counter,
        client: Some(row.client),
        user: None,
        grant: None,
        session: None,
    }))
}

/// A browser's session by the digest of its secret, with its user.
pub async fn of_browser(reader: impl Into<Reader<'_>>, secret_digest: &[u8]) -> Result<Option<Snapshot>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        counter: Counter,
        #[sqlx(flatten)]
        user: UserRoll,
        #[sqlx(flatten)]
        session: SessionRoll,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(concat!(
        "SELECT ", counter!(), ", ", user!(), ", ", session!(),
        " FROM session s JOIN users u ON u.id = s.user_id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE s.secret_digest = $1"
    )).bind(secret_digest).fetch_optional(db).await?);
    Ok(row.map(|row| Snapshot {
        counter: row.counter,
        client: None,
        user: Some(row.user),
        grant: None,
        session: Some(row.session),
    }))
}

/// A browser's session with a client and the grant between them, if there is one.
pub async fn of_browser_at(
    reader: impl Into<Reader<'_>>,
    secret_digest: &[u8],
    client_id: Uuid,
) -> Result<Option<Snapshot>> {
    let row: Option<Whole> = ask!(reader, db => sqlx::query_as(whole!(
        "",
        " FROM session s JOIN users u ON u.id = s.user_id JOIN client c ON c.id = $2 \
         LEFT JOIN grants g ON g.user_id = u.id AND g.client_id = c.id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE s.secret_digest = $1"
    )).bind(secret_digest).bind(client_id).fetch_optional(db).await?);
    Ok(row.map(Snapshot::from))
}

/// The same by session id, for a transaction that holds the session's lock.
pub async fn of_session_at(
    reader: impl Into<Reader<'_>>,
    session_id: Uuid,
    client_id: Uuid,
) -> Result<Option<Snapshot>> {
    let row: Option<Whole> = ask!(reader, db => sqlx::query_as(whole!(
        "",
        " FROM session s JOIN users u ON u.id = s.user_id JOIN client c ON c.id = $2 \
         LEFT JOIN grants g ON g.user_id = u.id AND g.client_id = c.id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE s.id = $1"
    )).bind(session_id).bind(client_id).fetch_optional(db).await?);
    Ok(row.map(Snapshot::from))
}

/// A family and all it hangs on.
pub async fn of_family(reader: impl Into<Reader<'_>>, family_id: Uuid) -> Result<Option<(Family, Snapshot)>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        family: Family,
        #[sqlx(flatten)]
        whole: Whole,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(family!()).bind(family_id).fetch_optional(db).await?);
    Ok(row.map(|row| (row.family, row.whole.into())))
}

/// The same with what is told of its user, and what its client is told: for claims.
pub async fn of_family_told(
    reader: impl Into<Reader<'_>>,
    family_id: Uuid,
) -> Result<Option<(Family, Snapshot, Metadata)>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        family: Family,
        #[sqlx(flatten)]
        whole: Whole,
        #[sqlx(flatten)]
        details: Details,
        client_metadata: Json<Metadata>,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(family!(details!(), ", c.metadata AS client_metadata, ",))
        .bind(family_id).fetch_optional(db).await?);
    Ok(row.map(|row| (row.family, Snapshot::from(row.whole).knowing(row.details), row.client_metadata.0)))
}

/// What is told of a user, for whoever finds only after the judging that it is needed. What is read later than a standing is
/// never older than it.
pub async fn details(reader: impl Into<Reader<'_>>, user_id: Uuid) -> Result<Option<Details>> {
    Ok(ask!(reader, db => sqlx::query_as(concat!("SELECT ", details!(), " FROM users u WHERE u.id = $1"))
        .bind(user_id).fetch_optional(db).await?))
}

/// A code and all it hangs on, with what is told of its user: a code gives the first tokens.
pub async fn of_code(reader: impl Into<Reader<'_>>, digest: &[u8]) -> Result<Option<(super::codes::Code, Snapshot)>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        code: super::codes::Code,
        #[sqlx(flatten)]
        whole: Whole,
        #[sqlx(flatten)]
        details: Details,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(concat!("SELECT ", details!(), ", ", 
        "d.digest, d.family_id, d.born_seq, d.redirect_uri, d.challenge, d.nonce, d.scopes, d.resources, d.acr, d.amr, d.auth_time, \
         d.created_at, d.expires_at, d.spent_at, d.burnt_at, d.claims, ",
        counter!(), ", ", client!(), ", ", user!(), ", ", grant!(), ", ", session!(),
        " FROM code d JOIN client c ON c.id = d.client_id JOIN users u ON u.id = d.user_id JOIN grants g ON g.id = d.grant_id \
         JOIN session s ON s.id = d.session_id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE d.digest = $1"
    )).bind(digest).fetch_optional(db).await?);
    Ok(row.map(|row| (row.code, Snapshot::from(row.whole).knowing(row.details))))
}

/// A device code that was allowed, how, and all it hangs on, with what is told of its user.
pub async fn of_device_code(
    reader: impl Into<Reader<'_>>,
    digest: &[u8],
) -> Result<Option<(DeviceCode, Proved, Snapshot)>> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        code: DeviceCode,
        #[sqlx(flatten)]
        proved: Proved,
        #[sqlx(flatten)]
        whole: Whole,
        #[sqlx(flatten)]
        details: Details,
    }
    let row: Option<Row> = ask!(reader, db => sqlx::query_as(concat!("SELECT ", details!(), ", ",
        "d.digest, d.family_id, d.client_id, d.born_seq, d.scopes, d.resources, d.address, d.user_agent, d.interval_seconds, d.polls, d.polled_at, d.claimed_by, \
         d.created_at, d.expires_at, d.approved_at, d.denied_at, d.spent_at, d.acr, d.amr, d.auth_time, ",
        counter!(), ", ", client!(), ", ", user!(), ", ", grant!(), ", ", session!(),
        " FROM device_code d JOIN client c ON c.id = d.client_id JOIN users u ON u.id = d.user_id JOIN grants g ON g.id = d.grant_id \
         JOIN session s ON s.id = d.session_id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE d.digest = $1 AND d.approved_at IS NOT NULL"
    )).bind(digest).fetch_optional(db).await?);
    Ok(row.map(|row| (row.code, row.proved, Snapshot::from(row.whole).knowing(row.details))))
}
