//! Opening a database. Nothing is read or written here; PostgreSQL connections are made when first needed.
//!
//! A PostgreSQL session is told when to give up: a node that vanishes between a row's lock and its commit must not stop the
//! others, and whoever waits for a lock is told to come again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Lite, Result, Store};

/// How long a caller waits for a connection before it is told to come again.
pub(super) const ACQUIRE: Duration = Duration::from_secs(3);

/// What a PostgreSQL session may hold others up by: how long it may idle inside a transaction and wait for a lock, and within
/// how long the server notices that a peer is gone, silent (25 s) or with something sent to it unanswered (20 s). A statement
/// may wait for a lock twice, for its turn and for the row, and is to be through with both within a request's ten seconds.
const LIMITS: [(&str, &str); 6] = [
    ("idle_in_transaction_session_timeout", "15s"),
    ("lock_timeout", "4s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "20s"),
];

/// A pool whose sessions know their limits. They are set by statement, not in the startup packet, which poolers refuse.
pub(super) fn postgres(options: PgConnectOptions, connections: u32) -> PgPool {
    let limits = Arc::new(unsaid(options.get_options().unwrap_or_default()));
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
    let pool = pool.after_connect(move |session, _| {
        let limits = Arc::clone(&limits);
        Box::pin(async move { limit(session, &limits).await })
    });
    pool.connect_lazy_with(options)
}

/// The limits that the operator's own address (`-c name=value …`) says nothing of.
fn unsaid(said: &str) -> Vec<(&'static str, &'static str)> {
    let said: Vec<&str> =
        said.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name).collect();
    let names = |word: &str, name: &str| word.trim_start_matches("--").trim_start_matches("-c") == name;
    LIMITS.into_iter().filter(|(name, _)| !said.iter().any(|word| names(word, name))).collect()
}

/// Sets each limit. An engine that doesn't know one goes without it.
async fn limit(session: &mut PgConnection, limits: &[(&str, &str)]) -> std::result::Result<(), sqlx::Error> {
    for (name, value) in limits {
        let set = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(value).execute(&mut *session).await;
        match set {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) => tracing::debug!(name, %error, "the database doesn't know this limit"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Store {
    /// A PostgreSQL database by URL. Does not connect yet: a server that is away is reported by the first statement.
    pub fn postgres(url: &str, pool: u32) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("chancery").statement_cache_capacity(256);
        Ok(Self::Postgres(postgres(options, pool)))
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

    /// An embedded database in a file that is there, to be read and not changed. Does not open it yet.
    #[must_use]
    pub fn sqlite_to_read(path: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(1));
        let read = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options);
        Self::Sqlite(Lite { write: read.clone(), read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_word_counts_for_what_it_names() {
        let left = |said| unsaid(said).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(left("").len(), LIMITS.len());
        assert_eq!(
            left("-c deadlock_timeout=2s -c search_path=a").len(),
            LIMITS.len(),
            "another setting's name holds one of ours"
        );
        for said in ["-c lock_timeout=7s", "-clock_timeout=7s", "--lock_timeout=7s"] {
            assert!(!left(said).contains(&"lock_timeout") && left(said).len() == LIMITS.len() - 1, "{said}");
        }
    }
}
