//! Records together with their SQL, one file per noun; PostgreSQL and SQLite behind one door.
//!
//! Nearly every statement is one text for both databases; [`ask!`] and [`within!`] expand it for each driver. Where the two
//! want different statements, two bodies stand side by side. Storage speaks in outcomes and knows no rule; times and
//! random values come in as parameters. Refused: an unmigrated PostgreSQL, and SQL made from anything but constants.

mod aside;
pub mod audit;
pub mod client_metadata;
pub mod clients;
pub mod codes;
mod connect;
pub mod copy;
pub mod details;
pub mod device_codes;
pub mod enrolled;
mod error;
pub mod families;
pub mod grants;
pub mod initial_tokens;
pub mod interactions;
pub mod issuer;
pub mod jti;
pub mod lineage;
pub mod locks;
pub mod logouts;
pub mod migrate;
pub mod pairwise;
pub mod resources;
pub mod revocations;
pub mod rolls;
pub mod sessions;
pub mod signin_rolls;
pub mod signing_keys;
pub mod sweep;
pub mod tail;
pub mod throttle;
pub mod users;

pub use aside::Listener;
pub use error::Error;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// What every store function answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One of the two databases, open.
#[derive(Clone, Debug)]
pub enum Store {
    /// PostgreSQL 15 or newer.
    Postgres(PgPool),
    /// SQLite, embedded.
    Sqlite(Lite),
}

/// SQLite: one connection that writes, and readers beside it.
#[derive(Clone, Debug)]
pub struct Lite {
    pub(crate) read: SqlitePool,
    pub(crate) write: SqlitePool,
}

/// A transaction: the value that every writing function takes. Dropped uncommitted, it leaves nothing.
#[derive(Debug)]
pub enum Tx {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Where a read happens: on any connection, or inside a transaction, under its locks.
#[derive(Debug)]
pub enum Reader<'a> {
    Store(&'a Store),
    Tx(&'a mut Tx),
}

impl<'a> From<&'a Store> for Reader<'a> {
    fn from(store: &'a Store) -> Self {
        Self::Store(store)
    }
}

impl<'a> From<&'a mut Tx> for Reader<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

impl Reader<'_> {
    /// The same place, for one more reading.
    pub(crate) fn again(&mut self) -> Reader<'_> {
        match self {
            Self::Store(store) => Reader::Store(store),
            Self::Tx(tx) => Reader::Tx(tx),
        }
    }
}

/// Runs a reading body on whatever the reader is.
macro_rules! ask {
    ($reader:expr, $db:ident => $body:expr) => {
        match $reader.into() {
            $crate::store::Reader::Store($crate::store::Store::Postgres(pool)) => {
                let $db = pool;
                $body
            }
            $crate::store::Reader::Store($crate::store::Store::Sqlite(lite)) => {
                let $db = &lite.read;
                $body
            }
            $crate::store::Reader::Tx($crate::store::Tx::Postgres(tx)) => {
                let $db = &mut **tx;
                $body
            }
            $crate::store::Reader::Tx($crate::store::Tx::Sqlite(tx)) => {
                let $db = &mut **tx;
                $body
            }
        }
    };
}

/// Runs a body inside a transaction, whichever database it is of.
macro_rules! within {
    ($tx:expr, $db:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Postgres(tx) => {
                let $db = &mut **tx;
                $body
            }
            $crate::store::Tx::Sqlite(tx) => {
                let $db = &mut **tx;
                $body
            }
        }
    };
}
pub(crate) use {ask, within};

impl Store {
    /// Begins a transaction. On SQLite it takes the write lock at once.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Store::Postgres(pool) => Tx::Postgres(pool.begin().await?),
            Store::Sqlite(lite) => Tx::Sqlite(lite.write.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Whether this is the embedded database.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self, Store::Sqlite(_))
    }

    /// How many connections that write are at work, or wait for the database.
    #[must_use]
    pub fn busy(&self) -> usize {
        let at_work = |size: u32, idle: usize| usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(idle);
        match self {
            Store::Postgres(pool) => at_work(pool.size(), pool.num_idle()),
            Store::Sqlite(lite) => at_work(lite.write.size(), lite.write.num_idle()),
        }
    }

    /// Closes all connections, once their statements are done.
    pub async fn close(&self) {
        match self {
            Store::Postgres(pool) => pool.close().await,
            Store::Sqlite(lite) => {
                lite.read.close().await;
                lite.write.close().await;
            }
        }
    }
}

impl Tx {
    /// Commits. An error here means that the outcome is unknown: the caller answers 503, never success.
    pub async fn commit(self) -> Result<()> {
        match self {
            Tx::Postgres(tx) => tx.commit().await,
            Tx::Sqlite(tx) => tx.commit().await,
        }
        .map_err(Error::unknown_outcome)
    }

    /// Gives up all that was written.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Tx::Postgres(tx) => tx.rollback().await?,
            Tx::Sqlite(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
