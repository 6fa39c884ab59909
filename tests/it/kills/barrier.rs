//! A barrier between reading the evidence and writing the result: a transaction of another process holds what the late one
//! has to wait for, ends something meanwhile, and lets go.

use chancery::event::{Actor, Caller};
use chancery::jobs::build;
use chancery::revocation::{self, Cause, Killed, Reach, Target};
use chancery::store::locks::{Owner, lock};
use chancery::store::{Store, Tx};

use crate::kit::issuer::Issuer;

/// What is held. On SQLite it is always the write lock, which every writer needs first.
pub enum Hold<'a> {
    /// The rows of owners: whoever judges under locks waits before it judges.
    Owners(&'a [Owner]),
    /// The audit trail: whoever has judged without locks waits before it writes, since all that is written is told there.
    Writing,
    /// Reading the counter (PostgreSQL only): whoever authenticated waits before it judges.
    Judging,
}

pub struct Barrier<'a> {
    issuer: &'a Issuer,
    store: Store,
    pub tx: Tx,
}

impl<'a> Barrier<'a> {
    pub async fn set(issuer: &'a Issuer, hold: Hold<'_>) -> Self {
        let store = build::open_store(&issuer.app.config).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        match (&mut tx, hold) {
            (tx, Hold::Owners(owners)) => lock(tx, owners).await.unwrap(),
            (Tx::Postgres(tx), Hold::Writing) => {
                sqlx::query("LOCK TABLE audit IN EXCLUSIVE MODE").execute(&mut **tx).await.unwrap();
            }
            (Tx::Postgres(tx), Hold::Judging) => {
                sqlx::query("LOCK TABLE counter IN ACCESS EXCLUSIVE MODE").execute(&mut **tx).await.unwrap();
            }
            (Tx::Sqlite(_), _) => {}
        }
        Self { issuer, store, tx }
    }

    /// Until so many wait for the database.
    pub async fn waited_for(&self, many: i64) {
        let what = format!("{many} wait at the barrier");
        self.issuer.until(&what, async |issuer| waiting(issuer).await >= many).await;
    }

    pub async fn kill(&mut self, target: &Target<'_>, reach: Reach) -> Killed {
        let (caller, at) = (Caller::default(), self.issuer.app.clock.now());
        let cause = Cause { reason: "barrier", actor: Actor::Operator, caller: &caller, at };
        revocation::kill(&mut self.tx, target, reach, &cause).await.unwrap()
    }

    /// Lets go: what was written stands, and whoever waited goes on.
    pub async fn let_go(self) {
        self.tx.commit().await.unwrap();
        self.store.close().await;
    }
}

/// How many wait for a lock.
async fn waiting(issuer: &Issuer) -> i64 {
    match &issuer.app.store {
        Store::Postgres(pool) => sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query NOT LIKE '%clock_timestamp() AS database_time%'",
        )
        .fetch_one(pool)
        .await
        .unwrap(),
        // The one connection that writes is out: it waits, since another process holds the lock.
        Store::Sqlite(_) => i64::try_from(issuer.app.store.busy()).unwrap(),
    }
}
