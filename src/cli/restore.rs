//! `chancery restore`: puts a backup in place and makes sure that nothing issued before it survives.
//!
//! A restored database has forgotten revocations, so everything ends: a new epoch begins above the highest number found in the
//! backup, in the database it replaces and in `keys/highwater`, and one entry ends all. Signing keys that were revoked since the
//! backup stay revoked, for whoever has one could sign under the new epoch, too; so do users and clients that were disabled or
//! deleted since. Passwords and secrets are the backup's, and those that had been changed are named. Without a file the database
//! is taken as it stands: after a failover, or a copy that other tools put in place. Refused: an embedded database in use.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::desk::Desk;
use super::former::Former;
use super::out::{Done, Failure, Out, confirm, note};
use super::{pg, view};
use crate::clock::Clock;
use crate::config::{Config, DatabaseUrl, PostgresUrl, SqliteLocation};
use crate::event::Event;
use crate::jobs::build;
use crate::live::highwater::{self, Highwater};
use crate::oauth::resource::LONGEST_ACCESS;
use crate::revocation::{self, Reach, Target};
use crate::secret;
use crate::store::issuer::{begin_epoch, others_connected, position, raise_longest_access};
use crate::store::locks::{Owner, lock};
use crate::store::{Store, audit, copy};

pub(super) async fn run(config: &Config, file: Option<&Path>, out: Out) -> Done {
    let mut former = Former::default();
    if let Some(file) = file {
        fs::metadata(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        former = match &config.database.url {
            DatabaseUrl::Sqlite(SqliteLocation::File(path)) => embedded(path, file, Clock::system().now()).await?,
            DatabaseUrl::Sqlite(SqliteLocation::Memory) => {
                return Err(Failure::new("a database in memory can't be restored: name a file as database.url"));
            }
            DatabaseUrl::Postgres(url) => postgres(config, url, file).await?,
        };
    }
    if file.is_none() {
        confirm("everything issued until now ends, and everybody signs in again")?;
    }
    let desk = open(config, out).await?;
    let mut done = begin_again(&desk, former.floor, file).await;
    if done.is_ok() {
        if file.is_some() {
            note("users, clients, consents, passwords and secrets are as they were when this backup was made");
        }
        done = former.end_again(&desk).await;
    }
    desk.store.close().await;
    done
}

/// The database as it now stands, brought to this version's schema: a backup may be older.
async fn open(config: &Config, out: Out) -> Done<Desk> {
    let store = build::open_store(config).await?;
    store.migrate().await?;
    store.close().await;
    Desk::open(config.clone(), out).await
}

/// The epoch above everything seen, and the entry that ends everything before it.
async fn begin_again(desk: &Desk, floor: i64, file: Option<&Path>) -> Done {
    let path = desk.config.keys.directory.join("highwater");
    let seen = highwater::read(&path).unwrap_or_else(|error| {
        note(format!("{error}; it is written anew"));
        None
    });
    // Tokens may have been given a longer life since the backup than it knows of: the entry that ends them must outlast any.
    let longest = i64::try_from(LONGEST_ACCESS.as_secs()).unwrap_or(3600);
    raise_longest_access(&desk.store, longest).await?;
    let by = desk.by();
    let mut tx = desk.store.begin().await?;
    lock(&mut tx, &[Owner::Issuer]).await?;
    let found = position(&mut tx).await?.ok_or_else(|| Failure::new("the database holds no issuer"))?;
    let floor = floor.max(found.seq).max(seen.map_or(0, |seen| seen.seq));
    let epoch = begin_epoch(&mut tx, floor, &secret::bytes::<16>()).await?;
    let name = file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let told = json!({ "epoch": epoch, "found": found.seq, "above": floor, "file": name });
    audit::insert(&mut tx, &by.record(Event::DatabaseRestored).detail(told)).await?;
    let killed = revocation::kill(&mut tx, &Target::All, Reach::Lineage, &by.cause("restore")).await?;
    tx.commit().await?;
    let Some(entry) = &killed.entry else { return Ok(()) };
    let (database_id, tip, until) = (found.database_id, Some(entry.tip.clone()), Some(entry.until));
    let reached = Highwater { database_id, seq: entry.seq, tip, until, void: false };
    if let Err(error) = highwater::write(&path, &reached) {
        note(format!("{}: {error}; the server will note it when it can", path.display()));
    }
    let json = view::with(view::entry(entry, killed.written), "epoch", json!(epoch));
    desk.out.give(&json, || {
        format!("restored: epoch {epoch} begins with entry {}, which ends everything issued before\n", entry.seq)
    })
}

/// Puts a copy of `file` where the embedded database is, and keeps what was there; answers what that knew.
async fn embedded(path: &Path, file: &Path, now: DateTime<Utc>) -> Done<Former> {
    let named = |error: crate::store::Error| Failure::new(format!("{}: {error}", file.display()));
    let floor = copy::inspect(file).await.map_err(named)?;
    let (there, mut alone) = (path.exists(), None);
    if there {
        let at = path.display();
        match copy::Alone::take(path).await {
            Ok(Some(taken)) => alone = Some(taken),
            Ok(None) => return Err(Failure::new(format!("{at} is open in another process: stop the server first"))),
            // This is what a restore is for.
            Err(error) if error.is_damage() => {
                note(format!(
                    "{at} is damaged ({error}) and is replaced; whether a server has it open can't be told: none may run"
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let former = there.then(|| beside(path, &format!(".before-restore-{}", now.format("%Y%m%dT%H%M%S%3fZ"))));
    let put = put(path, file, former.as_deref());
    if let Some(alone) = alone {
        alone.release().await?;
    }
    put?;
    let mut knew = Former::default();
    if let Some(former) = former {
        note(format!("the database that was there is kept as {}", former.display()));
        let store = Store::sqlite_to_read(&former);
        knew = Former::read(&store).await;
        store.close().await;
    }
    knew.floor = knew.floor.max(floor);
    Ok(knew)
}

fn put(path: &Path, file: &Path, former: Option<&Path>) -> Done {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let fresh = beside(path, ".restoring");
    remove_if_there(&fresh)?;
    fs::copy(file, &fresh)?;
    fs::set_permissions(&fresh, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    fs::File::open(&fresh)?.sync_all()?;
    // What a crash left of the former database's log must not be taken for this one's. A damaged one may be read by it.
    let log = beside(path, "-wal");
    match former {
        Some(former) if log.exists() => fs::rename(&log, beside(former, "-wal"))?,
        _ => remove_if_there(&log)?,
    }
    remove_if_there(&beside(path, "-shm"))?;
    if let Some(former) = former {
        fs::rename(path, former)?;
    }
    fs::rename(&fresh, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(fs::File::open(folder)?.sync_all()?)
}

/// A file beside another, named after it.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> Done {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Lets `pg_restore` replace what the dump holds, all or nothing; answers what the former database knew.
async fn postgres(config: &Config, url: &PostgresUrl, file: &Path) -> Done<Former> {
    let store = Store::postgres(url.expose(), config.database.pool)?;
    if let Some(others) = others_connected(&store).await.unwrap_or_default()
        && others > 0
    {
        store.close().await;
        return Err(Failure::new(format!(
            "servers have {others} connections to this database: stop them first. No copy is kept of what is replaced: `chancery backup` makes one"
        )));
    }
    let former = Former::read(&store).await;
    store.close().await;
    let mut command = pg::command("pg_restore", url)?;
    command.args([
        "--clean",
        "--if-exists",
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        "--exit-on-error",
    ]);
    command.arg("--dbname").arg(pg::database(url)?).arg(file);
    pg::run(command)?;
    Ok(former)
}
