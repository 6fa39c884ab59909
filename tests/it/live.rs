//! The live view and its feed, on both databases, with several views on one database where it matters.

mod coverage;
mod feed;
mod freshness;
mod highwater;
mod reading;
mod restore;
mod stream;

use std::time::Duration;

use chancery::clock::Clock;
use chancery::live::{Bearing, LiveView, Tuning};
use chancery::secret;
use chancery::store::revocations::{self, Entry, Mark, New};
use chancery::store::{Store, Tx, issuer};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Executor;
use tempfile::TempDir;
use uuid::Uuid;

use crate::kit::postgres;

/// The longest access-token life these databases know.
const LONGEST: i64 = 600;

/// A database with the issuer's rows, a directory, a clock that is held at the present.
struct Ground {
    store: Store,
    url: String,
    home: TempDir,
    clock: Clock,
}

impl Ground {
    async fn of(url: String, home: TempDir) -> Self {
        let clock = Clock::held(Clock::system().now());
        let ground = Self { store: open(&url).await, url, home, clock };
        ground.store.migrate().await.unwrap();
        let (id, tip) = (secret::uuid_v7(ground.clock.now()), secret::bytes::<16>());
        issuer::found(&ground.store, id, &tip, LONGEST, ground.clock.now()).await.unwrap();
        ground
    }

    async fn sqlite() -> Self {
        let home = TempDir::new().unwrap();
        Self::of(home.path().join("chancery.db").display().to_string(), home).await
    }

    async fn postgres() -> Self {
        Self::of(postgres::database().await, TempDir::new().unwrap()).await
    }

    /// One on each database.
    async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    /// Another node's view, not read yet.
    async fn unread(&self) -> LiveView {
        LiveView::open(&open(&self.url).await, &self.clock, None, held()).await.unwrap()
    }

    /// Another node's view, read.
    async fn view(&self) -> LiveView {
        let view = self.unread().await;
        view.poll_once().await.unwrap();
        view
    }

    async fn kill(&self, kind: &'static str, value: &str) -> Entry {
        self.kill_at(kind, value, "lineage", self.clock.now()).await
    }

    async fn kill_at(&self, kind: &'static str, value: &str, reach: &'static str, at: DateTime<Utc>) -> Entry {
        let mut tx = self.store.begin().await.unwrap();
        let mut entry = append(&mut tx, kind, value, reach, at).await;
        // A database that has a time of its own writes none before it: here the entry is made as old as it is wanted.
        (entry.at, entry.until) = (at, at + TimeDelta::seconds(LONGEST + 300));
        let text = "UPDATE revocation SET at = $1, until = $2 WHERE seq = $3";
        match &mut tx {
            Tx::Postgres(tx) => {
                sqlx::query(text).bind(entry.at).bind(entry.until).bind(entry.seq).execute(&mut **tx).await.unwrap();
            }
            Tx::Sqlite(tx) => {
                sqlx::query(text).bind(entry.at).bind(entry.until).bind(entry.seq).execute(&mut **tx).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        entry
    }

    /// What `chancery restore` does to the log.
    async fn restore(&self, floor: i64) -> Entry {
        let mut tx = self.store.begin().await.unwrap();
        issuer::begin_epoch(&mut tx, floor, &secret::bytes::<16>()).await.unwrap();
        let entry = append(&mut tx, "all", "", "lineage", self.clock.now()).await;
        tx.commit().await.unwrap();
        entry
    }

    /// What a failover to a standby that lagged does: everything above `seq` is gone.
    async fn lose_after(&self, seq: i64) {
        let tip = match seq {
            0 => vec![0],
            seq => revocations::get(&self.store, seq).await.unwrap().unwrap().tip,
        };
        let (forget, put_back) = ("DELETE FROM revocation WHERE seq > $1", "UPDATE counter SET seq = $1, tip = $2");
        match self.store.begin().await.unwrap() {
            Tx::Postgres(mut tx) => {
                tx.execute(sqlx::query(forget).bind(seq)).await.unwrap();
                tx.execute(sqlx::query(put_back).bind(seq).bind(tip)).await.unwrap();
                tx.commit().await.unwrap();
            }
            Tx::Sqlite(mut tx) => {
                tx.execute(sqlx::query(forget).bind(seq)).await.unwrap();
                tx.execute(sqlx::query(put_back).bind(seq).bind(tip)).await.unwrap();
                tx.commit().await.unwrap();
            }
        }
    }

    /// Runs a statement behind the house's back.
    async fn run(&self, postgres: &'static str, sqlite: &'static str) {
        let mut tx = self.store.begin().await.unwrap();
        match &mut tx {
            Tx::Postgres(tx) => drop(tx.execute(postgres).await.unwrap()),
            Tx::Sqlite(tx) => drop(tx.execute(sqlite).await.unwrap()),
        }
        tx.commit().await.unwrap();
    }
}

async fn append(tx: &mut Tx, kind: &'static str, value: &str, reach: &'static str, at: DateTime<Utc>) -> Entry {
    let tip = secret::bytes::<16>().to_vec();
    let mark = if kind == "all" { Mark::Issuer } else { Mark::None };
    let new = New { tip, at, kind, value, reach, reason: "test", actor: "system", mark };
    revocations::append(tx, &new).await.unwrap()
}

async fn open(url: &str) -> Store {
    match url.strip_prefix("postgres") {
        Some(_) => Store::postgres(url, 8).unwrap(),
        None => Store::sqlite(url.as_ref(), 4).await.unwrap(),
    }
}

/// For a clock that is held: it is off PostgreSQL's, and a busy machine's slowness is no matter.
fn held() -> Tuning {
    let (clock_off, patience) = (Duration::from_secs(3600), Duration::from_secs(60));
    Tuning { clock_off, patience, ..Tuning::default() }
}

/// What a token bears, owned.
#[derive(Debug, Clone)]
struct Token {
    jti: Uuid,
    family_id: Option<Uuid>,
    sid: Option<Uuid>,
    sub: Option<String>,
    client_id: String,
    aud: Vec<String>,
    kid: String,
    rev_seq: i64,
}

impl Token {
    /// One that shares nothing with any other.
    fn unlike(rev_seq: i64) -> Self {
        Self {
            jti: secret::uuid_v4(),
            family_id: Some(secret::uuid_v4()),
            sid: Some(secret::uuid_v4()),
            sub: Some(secret::uuid_v4().to_string()),
            client_id: secret::uuid_v4().to_string(),
            aud: vec![format!("https://{}.example", secret::uuid_v4()), "https://second.example".to_owned()],
            kid: secret::uuid_v4().to_string(),
            rev_seq,
        }
    }

    fn bears(&self) -> Bearing<'_> {
        Bearing {
            jti: self.jti,
            family_id: self.family_id,
            sid: self.sid,
            sub: self.sub.as_deref(),
            client_id: &self.client_id,
            aud: &self.aud,
            kid: &self.kid,
            rev_seq: self.rev_seq,
        }
    }

    fn born(&self, rev_seq: i64) -> Self {
        Self { rev_seq, ..self.clone() }
    }
}

/// Waits until `check` holds, and gives up loudly after `bound`.
async fn until(what: &str, bound: Duration, mut check: impl AsyncFnMut() -> bool) {
    let held = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(bound, held).await.is_ok(), "waited {bound:?} in vain: {what}");
}
