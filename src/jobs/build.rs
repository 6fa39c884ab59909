//! Building an [`App`] from settings: the database opened, the keys loaded, the live view read.
//!
//! Refuses: a PostgreSQL that isn't migrated (naming the command), keys that don't open what is sealed, a database that knows
//! less of the log than this node has seen.

use std::path::Path;

use crate::app::{App, Parts};
use crate::clock::Clock;
use crate::config::{Config, DatabaseUrl, SqliteLocation};
use crate::fetch::{Fetch, KeySets};
use crate::http::assets::Assets;
use crate::keyring::{Keyring, KeyringOptions, SealingKeys};
use crate::live::{LiveView, Tuning};
use crate::outbox::Outbox;
use crate::secret;
use crate::store::migrate::Schema;
use crate::store::{Store, issuer};
use crate::throttle::{AuditRate, Beginnings, DeviceRequests, Failures, Permits, Registrations, RevocationRate};

/// Why a server can't start: one clear line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unbuilt(pub String);

/// Any error's text, with what was being done.
pub fn because<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> Unbuilt {
    move |error| Unbuilt(format!("{doing}: {error}"))
}

/// Opens the database of these settings; an embedded one's folder is made.
pub async fn open_store(config: &Config) -> Result<Store, Unbuilt> {
    match &config.database.url {
        DatabaseUrl::Postgres(url) => {
            Store::postgres(url.expose(), config.database.pool).map_err(because("database.url"))
        }
        DatabaseUrl::Sqlite(SqliteLocation::File(path)) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|error| {
                    Unbuilt(format!("the database's folder {} can't be made: {error}", folder.display()))
                })?;
            }
            private(path).map_err(because("the database can't be made"))?;
            Store::sqlite(path, config.database.pool).await.map_err(because("the database can't be opened"))
        }
        DatabaseUrl::Sqlite(SqliteLocation::Memory) => Err(Unbuilt(
            "database.url: a server's rolls have to outlive it; name a file (sqlite://data/chancery.db)".to_owned(),
        )),
    }
}

/// A new database is its owner's alone, and so is what SQLite puts beside it.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Brings an embedded database to this program's schema; refuses a PostgreSQL that isn't there yet.
pub async fn ensure_schema(store: &Store) -> Result<(), Unbuilt> {
    if store.is_embedded() {
        return store.migrate().await.map_err(because("the database can't be migrated"));
    }
    match store.schema().await.map_err(because("the database can't be read"))? {
        Schema::Current => Ok(()),
        Schema::Behind { applied, known } => Err(Unbuilt(format!(
            "the database has {applied} of {known} migrations: run `chancery migrate` first (it changes the schema, so it is not done by itself here)"
        ))),
        Schema::Ahead => {
            Err(Unbuilt("the database was migrated by a newer version of chancery: run that version".to_owned()))
        }
    }
}

/// Builds the whole.
pub async fn build(config: Config, clock: Clock) -> Result<App, Unbuilt> {
    // Settings that are of no use are told before anything is made.
    Fetch::new(&config.fetch).map_err(|error| Unbuilt(error.to_string()))?;
    let store = open_store(&config).await?;
    ensure_schema(&store).await?;
    found(&store, &config, &clock).await?;
    let sealing = SealingKeys::ready(&config.keys, &store).await.map_err(because("keys"))?;
    assemble(config, clock, (store, sealing), Tuning::default()).await
}

/// The issuer's own rows, and the longest life of a token these settings allow.
pub async fn found(store: &Store, config: &Config, clock: &Clock) -> Result<(), Unbuilt> {
    let longest = i64::try_from(config.tokens.access_token_lifetime.as_secs()).unwrap_or(3600);
    let tip = secret::bytes::<16>();
    issuer::found(store, secret::uuid_v4(), &tip, longest, clock.now())
        .await
        .map_err(because("the database can't be prepared"))?;
    issuer::raise_longest_access(store, longest).await.map_err(because("the database can't be prepared"))
}

/// Puts the parts together and reads the log once.
pub async fn assemble(
    config: Config,
    clock: Clock,
    (store, sealing): (Store, SealingKeys),
    tuning: Tuning,
) -> Result<App, Unbuilt> {
    let options = KeyringOptions::of(&config.keys);
    let keyring = Keyring::open(sealing, store.clone(), clock.clone(), options).await.map_err(because("keys"))?;
    let highwater = Path::new(&config.keys.directory).join("highwater");
    let live = LiveView::open(&store, &clock, Some(highwater), tuning).await.map_err(because("the revocation log"))?;
    if let Err(error) = live.poll_once().await {
        tracing::warn!(%error, "the revocation log could not be read yet; not ready until it is");
    }
    let assets = Assets::of(&config.brand).map_err(because("brand"))?.under(config.issuer.path_prefix());
    let hashing = Permits::new(config.login.hash_permits, config.login.hash_queue);
    let failures = Failures::new(config.throttle.endpoint_failures);
    let beginnings = Beginnings::new(config.throttle.interactions);
    let fetch = Fetch::new(&config.fetch).map_err(|error| Unbuilt(error.to_string()))?;
    let documents = Beginnings::new(config.throttle.documents);
    let registrations = Registrations::new(config.throttle.registrations);
    let device_requests = DeviceRequests::new(config.throttle.device_requests);
    let key_sets = KeySets::new(fetch.clone(), clock.clone());
    Ok(App::new(Parts {
        config,
        store,
        clock,
        keyring,
        live,
        hashing,
        revocation_rate: RevocationRate::default(),
        audit_rate: AuditRate::default(),
        failures,
        beginnings,
        registrations,
        documents,
        device_requests,
        assets,
        fetch,
        outbox: Outbox::default(),
        key_sets,
    }))
}
