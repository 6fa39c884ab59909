//! Users and their password hashes. A user row stays while lineage needs its mark; deleting empties its personal columns.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::details::Details;
use super::{Reader, Result, Tx, ask, within};

/// A user, as stored.
#[derive(Debug, Clone, FromRow)]
pub struct User {
    pub id: Uuid,
    /// What tokens and clients know the user by.
    pub sub: Uuid,
    pub username: String,
    /// All spellings of a name map to one key.
    pub username_key: String,
    pub email: Option<String>,
    pub email_key: Option<String>,
    pub email_verified: bool,
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub groups: Json<Vec<String>>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
    pub revoked_seq: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[sqlx(flatten)]
    pub details: Details,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, sub, username, username_key, email, email_key, email_verified, name, given_name, family_name, groups, disabled_at, deleted_at, revoked_seq, created_at, updated_at, \
             middle_name, nickname, profile, picture, website, gender, birthdate, zoneinfo, locale, phone_number, phone_number_verified, \
             address_formatted, address_street, address_locality, address_region, address_postal_code, address_country, attributes",
            $after
        )
    };
}

/// The user with this internal id, deleted ones too.
pub async fn get(reader: impl Into<Reader<'_>>, id: Uuid) -> Result<Option<User>> {
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM users WHERE id = $1")).bind(id).fetch_optional(db).await?),
    )
}

/// The user with this `sub`: his own, or a pairwise one that some client knows him by.
pub async fn by_sub(reader: impl Into<Reader<'_>>, sub: Uuid) -> Result<Option<User>> {
    Ok(ask!(reader, db => sqlx::query_as(columns!(
        "SELECT ", " FROM users WHERE id = (SELECT id FROM users WHERE sub = $1 UNION ALL SELECT user_id FROM pairwise WHERE sub = $1 LIMIT 1)"
    )).bind(sub).fetch_optional(db).await?))
}

/// The user whose name, or else e-mail address, has this key.
pub async fn by_key(reader: impl Into<Reader<'_>>, key: &str) -> Result<Option<User>> {
    Ok(ask!(reader, db => sqlx::query_as(columns!(
        "SELECT ", " FROM users WHERE username_key = $1 OR email_key = $1 ORDER BY CASE WHEN username_key = $1 THEN 0 ELSE 1 END LIMIT 1"
    )).bind(key).fetch_optional(db).await?))
}

/// Users that are not deleted, by id, after a position: a page.
pub async fn list(reader: impl Into<Reader<'_>>, after: Option<Uuid>, limit: i64) -> Result<Vec<User>> {
    let after = after.unwrap_or(Uuid::nil());
    Ok(
        ask!(reader, db => sqlx::query_as(columns!("SELECT ", " FROM users WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2"))
        .bind(after).bind(limit).fetch_all(db).await?),
    )
}

/// Whoever is disabled or deleted, by id; `true`: deleted.
pub async fn ended(reader: impl Into<Reader<'_>>) -> Result<Vec<(Uuid, bool)>> {
    let rows: Vec<(Uuid, Option<DateTime<Utc>>)> = ask!(reader, db => sqlx::query_as(
        "SELECT id, deleted_at FROM users WHERE disabled_at IS NOT NULL OR deleted_at IS NOT NULL ORDER BY id",
    ).fetch_all(db).await?);
    Ok(rows.into_iter().map(|(id, deleted)| (id, deleted.is_some())).collect())
}

/// Creates a user.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<()> {
    let d = &user.details;
    within!(tx, db => sqlx::query(columns!(
        "INSERT INTO users (", ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
         $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)"
    ))
    .bind(user.id).bind(user.sub).bind(&user.username).bind(&user.username_key).bind(&user.email).bind(&user.email_key)
    .bind(user.email_verified).bind(&user.name).bind(&user.given_name).bind(&user.family_name).bind(&user.groups)
    .bind(user.disabled_at).bind(user.deleted_at).bind(user.revoked_seq).bind(user.created_at).bind(user.updated_at)
    .bind(&d.middle_name).bind(&d.nickname).bind(&d.profile).bind(&d.picture).bind(&d.website).bind(&d.gender).bind(&d.birthdate)
    .bind(&d.zoneinfo).bind(&d.locale).bind(&d.phone_number).bind(d.phone_number_verified).bind(&d.address.formatted)
    .bind(&d.address.street_address).bind(&d.address.locality).bind(&d.address.region).bind(&d.address.postal_code)
    .bind(&d.address.country).bind(&d.attributes)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Writes the changeable columns; marks, `sub` and creation stay. The caller holds the row's lock.
pub async fn update(tx: &mut Tx, user: &User, at: DateTime<Utc>) -> Result<()> {
    let d = &user.details;
    within!(tx, db => sqlx::query(
        "UPDATE users SET username = $2, username_key = $3, email = $4, email_key = $5, email_verified = $6, name = $7, given_name = $8, \
         family_name = $9, groups = $10, disabled_at = $11, deleted_at = $12, updated_at = $13, \
         middle_name = $14, nickname = $15, profile = $16, picture = $17, website = $18, gender = $19, birthdate = $20, zoneinfo = $21, locale = $22, \
         phone_number = $23, phone_number_verified = $24, address_formatted = $25, address_street = $26, address_locality = $27, address_region = $28, \
         address_postal_code = $29, address_country = $30, attributes = $31 WHERE id = $1",
    )
    .bind(user.id).bind(&user.username).bind(&user.username_key).bind(&user.email).bind(&user.email_key)
    .bind(user.email_verified).bind(&user.name).bind(&user.given_name).bind(&user.family_name).bind(&user.groups)
    .bind(user.disabled_at).bind(user.deleted_at).bind(at)
    .bind(&d.middle_name).bind(&d.nickname).bind(&d.profile).bind(&d.picture).bind(&d.website).bind(&d.gender).bind(&d.birthdate)
    .bind(&d.zoneinfo).bind(&d.locale).bind(&d.phone_number).bind(d.phone_number_verified).bind(&d.address.formatted)
    .bind(&d.address.street_address).bind(&d.address.locality).bind(&d.address.region).bind(&d.address.postal_code)
    .bind(&d.address.country).bind(&d.attributes)
    .execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// A user's password hash (PHC string).
pub async fn password(reader: impl Into<Reader<'_>>, user_id: Uuid) -> Result<Option<String>> {
    Ok(
        ask!(reader, db => sqlx::query_scalar("SELECT hash FROM password WHERE user_id = $1").bind(user_id).fetch_optional(db).await?),
    )
}

/// When each password was set, by user.
pub async fn passwords_set(reader: impl Into<Reader<'_>>) -> Result<Vec<(Uuid, DateTime<Utc>)>> {
    Ok(
        ask!(reader, db => sqlx::query_as("SELECT user_id, changed_at FROM password ORDER BY user_id").fetch_all(db).await?),
    )
}

/// Sets a user's password hash. The caller holds the user's lock and kills what the old one opened.
pub async fn set_password(tx: &mut Tx, user_id: Uuid, hash: &str, at: DateTime<Utc>) -> Result<()> {
    within!(tx, db => sqlx::query(
        "INSERT INTO password (user_id, hash, changed_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
    ).bind(user_id).bind(hash).bind(at).execute(&mut *db).await?.rows_affected());
    Ok(())
}

/// Replaces a hash by one of the same password with newer parameters, unless it has changed meanwhile.
pub async fn upgrade_password(tx: &mut Tx, user_id: Uuid, from: &str, to: &str) -> Result<bool> {
    let done = within!(tx, db => sqlx::query("UPDATE password SET hash = $3 WHERE user_id = $1 AND hash = $2")
        .bind(user_id).bind(from).bind(to).execute(&mut *db).await?.rows_affected());
    Ok(done == 1)
}

/// Forgets a user's password.
pub async fn remove_password(tx: &mut Tx, user_id: Uuid) -> Result<()> {
    within!(tx, db => sqlx::query("DELETE FROM password WHERE user_id = $1").bind(user_id).execute(&mut *db).await?.rows_affected());
    Ok(())
}
