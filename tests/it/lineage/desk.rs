//! What these tests look at and hold: a family and its rows, the events told of it, a lock in the database, a burst of requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use chancery::event::Event;
use chancery::store::families::Family;
use chancery::store::lineage::{Retry, Row};
use chancery::store::{audit, lineage, rolls};
use chrono::DateTime;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::kit::actors::{Answer, Browser, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind};

/// The family an answer's access token names.
#[track_caller]
pub fn family_of(answer: &Answer) -> Uuid {
    claims(answer.str("access_token"))["family_id"].as_str().unwrap().parse().unwrap()
}

/// The `jti` of an answer's access token.
#[track_caller]
pub fn jti_of(answer: &Answer) -> Uuid {
    claims(answer.str("access_token"))["jti"].as_str().unwrap().parse().unwrap()
}

/// A family's row.
pub async fn family(issuer: &Issuer, id: Uuid) -> Family {
    rolls::of_family(&issuer.app.store, id).await.unwrap().expect("the family").0
}

/// A family's lineage rows, and the retries that were kept.
pub async fn lineage_of(issuer: &Issuer, id: Uuid) -> (Vec<Row>, Vec<Retry>) {
    let rows = lineage::of_family(&issuer.app.store, id, -1, 10_000).await.unwrap();
    (rows, lineage::retries(&issuer.app.store, id).await.unwrap())
}

/// The `jti`s enrolled in a family.
pub async fn enrolled(issuer: &Issuer, id: Uuid) -> BTreeSet<Uuid> {
    let (rows, retries) = lineage_of(issuer, id).await;
    rows.iter().map(|row| row.jti).chain(retries.iter().map(|retry| retry.jti)).collect()
}

/// What the audit trail tells of a family, in the order written.
pub async fn told(issuer: &Issuer, id: Uuid) -> Vec<audit::Row> {
    let rows = audit::since(&issuer.app.store, DateTime::UNIX_EPOCH, 100_000).await.unwrap();
    rows.into_iter().filter(|row| row.family_id == Some(id)).collect()
}

/// How often an event was told of a family. A name that is no event's would always be told nought times: it is refused.
pub async fn count(issuer: &Issuer, id: Uuid, event: &str) -> usize {
    assert!(Event::ALL.iter().any(|known| known.name() == event), "{event} is no event");
    told(issuer, id).await.iter().filter(|row| row.event == event).count()
}

/// Sends `n` requests at once: each waits at a barrier until all are ready to go.
pub async fn at_once<F>(n: usize, mut make: impl FnMut(usize) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(n));
    let tasks: Vec<_> = (0..n)
        .map(|i| {
            let (work, barrier) = (make(i), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                work.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// A client, a browser signed in as its user, and the family's first tokens.
pub struct Started {
    pub rp: RelyingParty,
    pub first: Answer,
    pub family: Uuid,
}

/// Signs `user` in at `rp`.
pub async fn started(issuer: &Issuer, rp: RelyingParty, user: &str) -> Started {
    let mut browser = Browser::new(issuer);
    let first = rp.tokens(&mut browser, user).await;
    let family = family_of(&first);
    Started { rp, first, family }
}

/// A connection of the test's own, for what no request may do.
pub enum Hand {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Hand {
    pub async fn to(issuer: &Issuer) -> Self {
        match issuer.kind {
            Kind::Postgres => Self::Postgres(PgConnection::connect(&issuer.database).await.unwrap()),
            Kind::Sqlite => Self::Sqlite(SqliteConnection::connect(&issuer.database).await.unwrap()),
        }
    }

    /// One statement about a row.
    pub async fn run(&mut self, text: &'static str, id: Uuid) -> u64 {
        match self {
            Self::Postgres(db) => sqlx::query(text).bind(id).execute(db).await.unwrap().rows_affected(),
            Self::Sqlite(db) => sqlx::query(text).bind(id).execute(db).await.unwrap().rows_affected(),
        }
    }

    /// Takes the lock that a rotation of this family needs, until [`Self::release`].
    pub async fn hold(&mut self, family: Uuid) {
        match self {
            Self::Postgres(db) => {
                db.execute("BEGIN").await.unwrap();
                sqlx::query("SELECT 1 FROM family WHERE id = $1 FOR UPDATE").bind(family).execute(db).await.unwrap();
            }
            Self::Sqlite(db) => drop(db.execute("BEGIN IMMEDIATE").await.unwrap()),
        }
    }

    pub async fn release(&mut self) {
        match self {
            Self::Postgres(db) => drop(db.execute("COMMIT").await.unwrap()),
            Self::Sqlite(db) => drop(db.execute("COMMIT").await.unwrap()),
        }
    }

    /// Waits until `n` requests have read and stand before the held lock.
    pub async fn waited_for_by(&self, issuer: &Issuer, family: Uuid, n: i64) {
        if let Self::Postgres(_) = self {
            let mut watch = PgConnection::connect(&issuer.database).await.unwrap();
            let waiting =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            for _ in 0..500 {
                if sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watch).await.unwrap() == n {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            panic!("{n} requests were expected before the lock");
        }
        // SQLite shows no queue. Readers go through a fair one, so that whoever came before us has read, too; a request
        // reads three times before it writes. The rounds are many more than that.
        for _ in 0..2000 {
            family_is_there(issuer, family).await;
        }
    }
}

async fn family_is_there(issuer: &Issuer, id: Uuid) {
    assert!(rolls::of_family(&issuer.app.store, id).await.unwrap().is_some());
}
