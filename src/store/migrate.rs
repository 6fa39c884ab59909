//! Bringing a database to the schema this program knows, and telling whether it is there.
//!
//! Refuses a database that a newer version has migrated, and one whose applied migrations were altered since.

use sqlx::Connection;
use sqlx::migrate::{Migrate, Migrator};

use super::{Error, Result, Store};

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// How a database stands to this program's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// As it should be.
    Current,
    /// Some migrations are missing.
    Behind { applied: usize, known: usize },
    /// It holds migrations this program doesn't know.
    Ahead,
}

impl Store {
    /// Applies what is missing; safe to run from several nodes at once.
    pub async fn migrate(&self) -> Result<()> {
        let done = match self {
            Store::Postgres(pool) => {
                // Another node's migration is waited for, longer than a request would wait for a lock. The session is of its
                // own and ends with the migration, and so does what it was told.
                let mut session = pool.acquire().await?.detach();
                sqlx::query("SET lock_timeout = '5min'").execute(&mut session).await?;
                let done = POSTGRES.run(&mut session).await;
                session.close().await?;
                done
            }
            Store::Sqlite(lite) => SQLITE.run(&lite.write).await,
        };
        done.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            other => Error::Unsound(other.to_string()),
        })
    }

    /// Whether the schema is the one this program was built for.
    pub async fn schema(&self) -> Result<Schema> {
        let (known, applied) = match self {
            Store::Postgres(pool) => {
                let there: bool =
                    sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(pool).await?;
                let mut connection = pool.acquire().await?;
                let applied = if there { applied(&mut *connection, &POSTGRES).await? } else { Vec::new() };
                (&POSTGRES, applied)
            }
            Store::Sqlite(lite) => {
                let there: i64 =
                    sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
                        .fetch_one(&lite.write)
                        .await?;
                let mut connection = lite.write.acquire().await?;
                let applied = if there == 1 { applied(&mut *connection, &SQLITE).await? } else { Vec::new() };
                (&SQLITE, applied)
            }
        };
        let versions: Vec<i64> = known.iter().map(|migration| migration.version).collect();
        Ok(if applied.iter().any(|version| !versions.contains(version)) {
            Schema::Ahead
        } else if applied.len() < versions.len() {
            Schema::Behind { applied: applied.len(), known: versions.len() }
        } else {
            Schema::Current
        })
    }
}

async fn applied<C: Migrate>(connection: &mut C, known: &Migrator) -> Result<Vec<i64>> {
    let rows = connection.list_applied_migrations(&known.table_name).await;
    let rows = rows.map_err(|error| Error::Unsound(error.to_string()))?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}
