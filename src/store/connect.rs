//! Opening a database. Nothing is read or written here; PostgreSQL connections are made when first needed.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Lite, Result, Store};

/// How long a caller waits for a connection before it is told to come again.
pub(super) const ACQUIRE: Duration = Duration::from_secs(3);

impl Store {
    /// A PostgreSQL database by URL. Does not connect yet: a server that is away is reported by the first statement.
    pub fn postgres(url: &str, pool: u32) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("chancery").statement_cache_capacity(256);
        let pool = PgPoolOptions::new().max_connections(pool).acquire_timeout(ACQUIRE).connect_lazy_with(options);
        Ok(Self::Postgres(pool))
    }

    /// An embedded database in a file, made when missing.
    pub async fn sqlite(path: &Path, readers: u32) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(256)
            .busy_timeout(Duration::from_secs(5));
        let pool = |n| SqlitePoolOptions::new().max_connections(n).acquire_timeout(ACQUIRE).idle_timeout(None);
        let write = pool(1).connect_with(options.clone()).await?;
        let read = pool(readers.max(1)).connect_lazy_with(options);
        Ok(Self::Sqlite(Lite { read, write }))
    }
}
