//! A whole copy of an embedded database, and putting one in its place.
//!
//! Refused: a file that is no sound database of ours, and replacing a database that any process has open.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::{Error, Lite, Result};

/// Writes a copy, as it stands at one moment, to `to`: an empty file or none.
pub async fn write(lite: &Lite, to: &str) -> Result<()> {
    sqlx::query("VACUUM INTO $1").bind(to).execute(&lite.read).await?;
    Ok(())
}

/// Whether a file is a sound database that holds an issuer; answers where its log stands.
pub async fn inspect(path: &Path) -> Result<i64> {
    let mut connection = open(path, true).await?;
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await?;
    if sound != "ok" {
        return Err(Error::Unsound(sound));
    }
    let seq = sqlx::query_scalar("SELECT seq FROM counter").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(seq)
}

/// A database that nobody else has open, and nobody can open while this is held.
#[derive(Debug)]
pub struct Alone(SqliteConnection);

impl Alone {
    /// Takes it; `None` when another process has it open.
    pub async fn take(path: &Path) -> Result<Option<Self>> {
        let mut connection = open(path, false).await?;
        // Leaving the write-ahead log needs every other connection to be gone; it also folds the log into the file.
        let mode: std::result::Result<String, sqlx::Error> =
            sqlx::query_scalar("PRAGMA journal_mode = DELETE").fetch_one(&mut connection).await;
        match mode.map_err(Error::from) {
            Ok(mode) if mode == "delete" => {}
            Ok(_) | Err(Error::Unavailable(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        match sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await.map_err(Error::from) {
            Ok(_) => Ok(Some(Self(connection))),
            Err(Error::Unavailable(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets it go.
    pub async fn release(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

async fn open(path: &Path, read_only: bool) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).read_only(read_only).create_if_missing(false);
    Ok(options.busy_timeout(std::time::Duration::from_secs(1)).connect().await?)
}
