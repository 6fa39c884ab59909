//! Connections beside the pool, for what must not wait behind requests: reading the revocation log, and hearing of it.

use sqlx::postgres::PgListener;

use super::{Result, Store, connect};

impl Store {
    /// The same database over at most `connections` of its own, under the same limits. SQLite's readers are shared: they never wait long.
    #[must_use]
    pub fn aside(&self, connections: u32) -> Self {
        match self {
            Store::Postgres(pool) => {
                Store::Postgres(connect::postgres(pool.connect_options().as_ref().clone(), connections))
            }
            Store::Sqlite(lite) => Store::Sqlite(lite.clone()),
        }
    }

    /// Hears what is told on a channel; keeps one connection. None where the database tells nothing.
    pub async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        let Store::Postgres(pool) = self else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(Some(Listener(listener)))
    }
}

/// An ear at the database.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Waits until something is told: `true`; `false` when the connection was lost, and with it perhaps a word.
    pub async fn heard(&mut self) -> Result<bool> {
        Ok(self.0.try_recv().await?.is_some())
    }
}
