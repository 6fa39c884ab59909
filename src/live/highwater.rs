//! `keys/highwater`: which database this node has read, and how far. A database that doesn't hold that has lost revocations.
//!
//! One line, `database-id number tip until`, and `void` behind it while the log didn't fit. The tip tells this log's entry from
//! another of its number: a log that lost entries and went on is found out after a restart, too. `until` tells when that entry
//! may be swept (`-`: never). Replaced by rename, at most once a second, never lowered; where it can't be written, the node
//! says so once and goes on. Refused: a file that holds anything else; an older version's, without a tip, is read by its number.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::error::{Error, Misfit};
use super::state::{Fit, Moment, Reached, State};
use super::{Clock, Cursor};
use crate::secret;
use crate::store::{Store, tail};

/// How often it is written at most.
const EVERY: Duration = Duration::from_secs(1);

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highwater {
    pub database_id: Uuid,
    pub seq: i64,
    /// The tip there; older versions noted none.
    pub tip: Option<Vec<u8>>,
    /// When the entry there may be swept from the database; none where it never is.
    pub until: Option<DateTime<Utc>>,
    /// Whether the log no longer fitted: then that the entry is gone proves nothing, however late it is.
    pub void: bool,
}

/// Reads the file; none when there is none yet.
pub fn read(path: &Path) -> Result<Option<Highwater>, Error> {
    let unreadable = |why: String| Error::Highwater { path: path.to_owned(), why };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let holds = || unreadable("it holds something else than a database's id and a place in its log".to_owned());
    parse(text.trim_end()).map(Some).ok_or_else(holds)
}

fn parse(line: &str) -> Option<Highwater> {
    let mut words = line.split(' ');
    let database_id = words.next()?.parse().ok()?;
    let seq = words.next()?.parse().ok().filter(|seq| *seq >= 0)?;
    let Some(tip) = words.next() else {
        return Some(Highwater { database_id, seq, tip: None, until: None, void: false });
    };
    let tip = Some(URL_SAFE_NO_PAD.decode(tip).ok().filter(|tip| !tip.is_empty())?);
    let until = match words.next()? {
        "-" => None,
        time => Some(DateTime::parse_from_rfc3339(time).ok()?.to_utc()),
    };
    // What a later version says besides is left to it: servers are upgraded one by one.
    let void = words.any(|word| word == "void");
    Some(Highwater { database_id, seq, tip, until, void })
}

/// Replaces the file. `restore` alone calls this with a number that need not be higher.
pub fn write(path: &Path, highwater: &Highwater) -> io::Result<()> {
    let [a, b, c, d] = secret::bytes();
    let beside = path.with_extension(format!("{a:02x}{b:02x}{c:02x}{d:02x}"));
    let Highwater { database_id, seq, tip, until, void } = highwater;
    let mut line = format!("{database_id} {seq}");
    if let Some(tip) = tip {
        let until = until.map_or("-".to_owned(), |until| until.to_rfc3339_opts(SecondsFormat::Micros, true));
        line = format!("{line} {} {until}{}", URL_SAFE_NO_PAD.encode(tip), if *void { " void" } else { "" });
    }
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).open(&beside)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // What is left of the attempt, if anything; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Refuses a database that is another one than the file's, knows less, or holds another entry at that place. Answers the
/// place: the first reading of the log is judged by it once more.
pub(super) async fn check(path: &Path, store: &Store, database: Uuid, clock: &Clock) -> Result<Option<State>, Error> {
    let Some(kept) = read(path)? else { return Ok(None) };
    let (path, seq) = (path.to_owned(), kept.seq);
    if kept.database_id != database {
        return Err(Error::OtherDatabase { path, kept: kept.database_id, found: database });
    }
    let sent = Moment::now(clock);
    let tail = tail::after(store, seq, 1).await?;
    let Some(tip) = kept.tip else {
        let found = tail.position.seq;
        return if found < seq { Err(Error::Below { path, kept: seq, found }) } else { Ok(None) };
    };
    let noted = Some(Reached { cursor: Cursor { seq, tip }, until: kept.until });
    let void = kept.void.then_some(Misfit::OtherEntry { seq });
    let state = State { noted, void, ..State::default() };
    match state.fit(&tail, database, sent) {
        Fit::Onward | Fit::Anew => Ok(Some(state)),
        Fit::Void(Misfit::OtherEntry { .. }) => Err(Error::OtherEntry { path, seq }),
        Fit::Void(_) => Err(Error::Below { path, kept: seq, found: tail.position.seq }),
    }
}

/// Keeps the file up with the view.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Kept {
    /// The number, and whether it was void.
    place: Option<(i64, bool)>,
    tried: Option<Duration>,
    told: bool,
}

impl Keeper {
    pub fn new(path: PathBuf) -> Self {
        Self { path, kept: Mutex::default() }
    }

    /// Writes the place if it has risen, or become void or sound, and the last writing is a second ago. `fits` judges a place
    /// that another process noted.
    pub async fn keep(&self, to: Highwater, now: Duration, fits: impl Fn(&Highwater) -> bool + Send + 'static) {
        let kept = self.kept();
        let early = kept.tried.is_some_and(|tried| now.saturating_sub(tried) < EVERY);
        if early || kept.place.is_some_and(|(seq, void)| to.seq < seq || (to.seq, to.void) == (seq, void)) {
            return;
        }
        let (path, place) = (self.path.clone(), (to.seq, to.void));
        let done = tokio::task::spawn_blocking(move || raise(&path, &to, fits)).await;
        let done = done.unwrap_or_else(|error| Err(error.to_string()));
        if let Err(why) = &done
            && !kept.told
        {
            let path = self.path.display();
            tracing::warn!(%path, why, "the highest revocation seen can't be noted; a database that lost some would be noticed less");
        }
        let place = if done.is_ok() { Some(place) } else { kept.place };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Kept { place, tried: Some(now), told: done.is_err() };
    }

    /// Writes at the next chance, however soon that is.
    pub fn hurry(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).tried = None;
    }

    fn kept(&self) -> Kept {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another process may keep the same file: what it has noted is never lowered, and not covered up where this log lacks it.
fn raise(path: &Path, to: &Highwater, fits: impl Fn(&Highwater) -> bool) -> Result<(), String> {
    let there = read(path).map_err(|error| error.to_string())?;
    match there {
        Some(there) if there.database_id != to.database_id => Err(format!("it is of database {}", there.database_id)),
        // The same place, from now on void or sound again.
        Some(there) if there.seq == to.seq && there.void != to.void && there.tip == to.tip => put(path, to),
        // An older version's note of this place has no tip yet.
        Some(there) if there.seq == to.seq && there.tip.is_none() => put(path, to),
        Some(there) if there.seq >= to.seq => Ok(()),
        Some(there) if !fits(&there) => Err(format!("it holds an entry {} that this log lacks", there.seq)),
        _ => put(path, to),
    }
}

fn put(path: &Path, to: &Highwater) -> Result<(), String> {
    write(path, to).map_err(|error| error.to_string())
}
