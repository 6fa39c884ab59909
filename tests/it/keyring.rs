//! The key ring, on both databases: sealing keys, the calendar of signing keys, and tokens that were tampered with.

mod calendar;
mod export;
mod forged;
mod sealing;

use std::path::PathBuf;
use std::time::Duration;

use chancery::clock::Clock;
use chancery::keyring::{Alg, Error, Expect, Keyring, KeyringOptions, Published, SealingKeys, State};
use chancery::secret;
use chancery::store::{Store, issuer};
use chrono::DateTime;
use serde_json::json;
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use crate::kit::postgres;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const LIFE: Duration = Duration::from_secs(600);
const ALL: [Alg; 3] = Alg::ALL;

/// Where a key ring stands: a database with the issuer's rows, a directory, a clock that is held.
struct Ground {
    store: Store,
    url: String,
    home: TempDir,
    clock: Clock,
}

impl Ground {
    async fn of(url: String, home: TempDir) -> Self {
        let clock = Clock::held(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let ground = Self { store: open(&url).await, url, home, clock };
        ground.store.migrate().await.unwrap();
        let (id, tip) = (secret::uuid_v7(ground.clock.now()), secret::bytes::<16>());
        issuer::found(&ground.store, id, &tip, 600, ground.clock.now()).await.unwrap();
        ground
    }

    /// One on SQLite.
    async fn sqlite() -> Self {
        let home = TempDir::new().unwrap();
        Self::of(home.path().join("chancery.db").display().to_string(), home).await
    }

    /// One on each database.
    async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::of(postgres::database().await, TempDir::new().unwrap()).await]
    }

    fn directory(&self) -> PathBuf {
        self.home.path().join("keys")
    }

    fn sealing(&self) -> SealingKeys {
        SealingKeys::load(&self.directory()).or_else(|_| SealingKeys::init(&self.directory())).unwrap()
    }

    /// Another process on this database.
    async fn another(&self) -> Store {
        open(&self.url).await
    }

    async fn open_with(&self, sealing: SealingKeys) -> Result<Keyring, Error> {
        Keyring::open(sealing, self.another().await, self.clock.clone(), options()).await
    }

    async fn keyring(&self) -> Keyring {
        self.open_with(self.sealing()).await.unwrap()
    }

    /// Runs a statement behind the house's back.
    async fn meddle(&self, statement: &'static str) {
        match &self.store {
            Store::Postgres(pool) => drop(pool.execute(statement).await.unwrap()),
            Store::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

async fn open(url: &str) -> Store {
    match url.strip_prefix("postgres") {
        Some(_) => Store::postgres(url, 4).unwrap(),
        None => Store::sqlite(url.as_ref(), 2).await.unwrap(),
    }
}

/// Small RSA keys, because they are made again and again.
fn options() -> KeyringOptions {
    KeyringOptions { rsa_bits: 2048, ed25519: true, ..KeyringOptions::new(LIFE) }
}

const ANY: Expect<'static> = Expect { typ: &["JWT"], algs: &ALL, accept_gone: false };

fn signed(keyring: &Keyring, alg: Alg) -> (String, String) {
    let signed = keyring.sign(alg, "JWT", &json!({ "sub": "alice", "n": 7 })).unwrap();
    (signed.compact, signed.kid)
}

/// The keys of one algorithm by age, with their states.
async fn states(keyring: &Keyring, alg: Alg) -> Vec<(String, State)> {
    let listed = keyring.list().await.unwrap().into_iter().filter(|key| key.alg == alg.name());
    listed.map(|key| (key.kid, key.state)).collect()
}

fn jwks(published: &Published) -> Vec<serde_json::Value> {
    let document: serde_json::Value = serde_json::from_slice(&published.bytes).unwrap();
    document["keys"].as_array().unwrap().clone()
}
