//! `chancery backup`: the whole database, as it stands at one moment, in a new file only its owner can read.
//!
//! Embedded: a copy made by SQLite. PostgreSQL: `pg_dump` in its custom format. Sealing keys are not in it, on purpose: what
//! signs lies sealed in the backup, and the two are kept apart. Refused: to write over a file.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::json;

use super::out::{Done, Failure, Out};
use super::pg;
use crate::config::{Config, DatabaseUrl};
use crate::jobs::build;
use crate::store::{Store, copy};

pub(super) async fn write(config: &Config, file: &Path, out: Out) -> Done {
    let store = build::open_store(config).await?;
    build::ensure_schema(&store).await?;
    // Ours from the start, so that nobody reads it while it grows.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.map_err(|error| Failure::new(format!("{}: {error}; a backup is written to a new file", file.display())))?;
    let written = fill(config, &store, file).await;
    store.close().await;
    if let Err(failure) = written {
        // What is left of it is no backup.
        let _ = fs::remove_file(file);
        return Err(failure);
    }
    File::open(file)?.sync_all()?;
    let bytes = fs::metadata(file)?.len();
    let path = file.display().to_string();
    out.give(&json!({ "file": path, "bytes": bytes }), || {
        format!("wrote {path} ({bytes} bytes)\nIt is worth nothing without the sealing keys; keep those elsewhere.\n")
    })
}

async fn fill(config: &Config, store: &Store, file: &Path) -> Done {
    match (&config.database.url, store) {
        (DatabaseUrl::Sqlite(_), Store::Sqlite(lite)) => {
            let path = file.to_str().ok_or_else(|| Failure::new("the file's name must be UTF-8"))?;
            Ok(copy::write(lite, path).await?)
        }
        (DatabaseUrl::Postgres(url), _) => {
            let mut command = pg::command("pg_dump", url)?;
            command.args(["--format=custom", "--no-owner", "--no-privileges", "--file"]).arg(file);
            pg::run(command)
        }
        (DatabaseUrl::Sqlite(_), Store::Postgres(_)) => {
            Err(Failure::new("the database is another one than the settings say"))
        }
    }
}
