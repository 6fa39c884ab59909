//! `keys/highwater`: which database this node has read, and how far. A database that knows less has lost revocations.
//!
//! One line, `database-id number`. Replaced by rename, at most once a second, never lowered; where it can't be written,
//! the node says so once and goes on. Refused: a file that holds anything else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::error::Error;
use crate::secret;
use crate::store::issuer::Position;

/// How often it is written at most.
const EVERY: Duration = Duration::from_secs(1);

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Highwater {
    pub database_id: Uuid,
    pub seq: i64,
}

/// Reads the file; none when there is none yet.
pub fn read(path: &Path) -> Result<Option<Highwater>, Error> {
    let unreadable = |why: String| Error::Highwater { path: path.to_owned(), why };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let parse = |line: &str| {
        let (id, seq) = line.split_once(' ')?;
        Some(Highwater { database_id: id.parse().ok()?, seq: seq.parse().ok().filter(|seq| *seq >= 0)? })
    };
    let holds = || unreadable("it holds something else than a database's id and a number".to_owned());
    parse(text.trim_end()).map(Some).ok_or_else(holds)
}

/// Replaces the file. `restore` alone calls this with a number that need not be higher.
pub fn write(path: &Path, highwater: Highwater) -> io::Result<()> {
    let [a, b, c, d] = secret::bytes();
    let beside = path.with_extension(format!("{a:02x}{b:02x}{c:02x}{d:02x}"));
    let Highwater { database_id, seq } = highwater;
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).open(&beside)?;
        writeln!(file, "{database_id} {seq}")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // What is left of the attempt, if anything; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Refuses a database that is another one, or knows less than the file.
pub(super) fn check(path: &Path, position: &Position) -> Result<(), Error> {
    let Some(kept) = read(path)? else { return Ok(()) };
    let path = path.to_owned();
    if kept.database_id != position.database_id {
        return Err(Error::OtherDatabase { path, kept: kept.database_id, found: position.database_id });
    }
    if position.seq < kept.seq {
        return Err(Error::Below { path, kept: kept.seq, found: position.seq });
    }
    Ok(())
}

/// Keeps the file up with the view.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Kept {
    seq: Option<i64>,
    tried: Option<Duration>,
    told: bool,
}

impl Keeper {
    pub fn new(path: PathBuf) -> Self {
        Self { path, kept: Mutex::default() }
    }

    /// Writes the number if it has risen and the last writing is a second ago.
    pub async fn keep(&self, database_id: Uuid, seq: i64, now: Duration) {
        let kept = self.kept();
        let early = kept.tried.is_some_and(|tried| now.saturating_sub(tried) < EVERY);
        if early || kept.seq.is_some_and(|kept| seq <= kept) {
            return;
        }
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || raise(&path, Highwater { database_id, seq })).await;
        let done = done.unwrap_or_else(|error| Err(error.to_string()));
        if let Err(why) = &done
            && !kept.told
        {
            let path = self.path.display();
            tracing::warn!(%path, why, "the highest revocation seen can't be noted; a database that lost some would be noticed less");
        }
        let seq = if done.is_ok() { Some(seq) } else { kept.seq };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept { seq, tried: Some(now), told: done.is_err() };
    }

    /// Writes at the next chance, however soon that is.
    pub fn hurry(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).tried = None;
    }

    fn kept(&self) -> Kept {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another process may keep the same file: what it has noted is never lowered.
fn raise(path: &Path, to: Highwater) -> Result<(), String> {
    let there = read(path).map_err(|error| error.to_string())?;
    match there {
        Some(there) if there.database_id != to.database_id => Err(format!("it is of database {}", there.database_id)),
        Some(there) if there.seq >= to.seq => Ok(()),
        _ => write(path, to).map_err(|error| error.to_string()),
    }
}
