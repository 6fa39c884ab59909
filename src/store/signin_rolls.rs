//! What a sign-in stands on, each in one snapshot with the counter: the user by name or id, with its password hash.

use sqlx::FromRow;
use uuid::Uuid;

use super::rolls::{Counter, UserRoll, counter, user};
use super::{Reader, Result, ask};

/// What a sign-in by password stands on: always the counter, and the user with its hash where there is one.
#[derive(Debug, Clone)]
pub struct SigninRoll {
    pub counter: Counter,
    pub user: Option<(UserRoll, Option<String>)>,
}

/// The user whose name or e-mail address has this key, with the password hash, in the counter's snapshot.
pub async fn of_signin(reader: impl Into<Reader<'_>>, key: &str) -> Result<SigninRoll> {
    #[derive(FromRow)]
    struct Found {
        #[sqlx(flatten)]
        counter: Counter,
        #[sqlx(flatten)]
        user: UserRoll,
        hash: Option<String>,
    }
    let mut reader = reader.into();
    let row: Option<Found> = ask!(reader.again(), db => sqlx::query_as(concat!(
        "SELECT ", counter!(), ", ", user!(), ", p.hash FROM users u LEFT JOIN password p ON p.user_id = u.id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 \
         WHERE (u.username_key = $1 OR u.email_key = $1) AND u.deleted_at IS NULL ORDER BY CASE WHEN u.username_key = $1 THEN 0 ELSE 1 END LIMIT 1"
    )).bind(key).fetch_optional(db).await?);
    // Asked whether or not there is such a user: both cost the same two statements.
    let counter = ask!(reader, db => sqlx::query_as(concat!("SELECT ", counter!(), " FROM counter k JOIN issuer i ON i.id = k.id AND k.id = 1"))
        .fetch_one(db).await?);
    Ok(match row {
        Some(row) => SigninRoll { counter: row.counter, user: Some((row.user, row.hash)) },
        None => SigninRoll { counter, user: None },
    })
}

/// The user with this id and its hash, in the counter's snapshot. A password change looks at the hash alone, and judges the rest
/// under its locks.
pub async fn of_user(
    reader: impl Into<Reader<'_>>,
    user_id: Uuid,
) -> Result<Option<(UserRoll, Option<String>, Counter)>> {
    #[derive(FromRow)]
    struct Found {
        #[sqlx(flatten)]
        counter: Counter,
        #[sqlx(flatten)]
        user: UserRoll,
        hash: Option<String>,
    }
    let row: Option<Found> = ask!(reader, db => sqlx::query_as(concat!(
        "SELECT ", counter!(), ", ", user!(), ", p.hash FROM users u LEFT JOIN password p ON p.user_id = u.id JOIN counter k ON k.id = 1 JOIN issuer i ON i.id = 1 WHERE u.id = $1"
    )).bind(user_id).fetch_optional(db).await?);
    Ok(row.map(|row| (row.user, row.hash, row.counter)))
}
