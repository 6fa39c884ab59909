//! The gateway's copy of the revocation log, and how old it is.
//!
//! Fails closed: before the first snapshot, after silence longer than the issuer allows (`stale_after`), and after the
//! issuer calls our position void, nothing is judged at all. Age counts by the larger of monotonic and wall time, so a
//! machine that slept knows that it did.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::coverage::{Entry, Kind, Presented};

/// A point in time by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Monotonic time.
    pub elapsed: Duration,
    /// Wall time, in seconds since 1970.
    pub unix: i64,
}

impl Moment {
    fn since(self, earlier: Self) -> Duration {
        let wall = u64::try_from(self.unix.saturating_sub(earlier.unix)).unwrap_or(0);
        // Wall time counts whole seconds: the difference may be up to one too many.
        let wall = Duration::from_secs(wall.saturating_sub(1));
        self.elapsed.saturating_sub(earlier.elapsed).max(wall)
    }
}

/// A sign of life: up to where the log is complete.
#[derive(Clone, Debug, Deserialize)]
pub struct AsOf {
    /// The position: the number of the last entry.
    pub as_of: u64,
    /// The same position, to ask on from (`after`). Opaque; the issuer knows by it whether we read this very log.
    pub cursor: String,
    /// How many seconds of silence a reader may go on judging.
    pub stale_after: u64,
}

impl AsOf {
    fn silence(&self) -> Duration {
        Duration::from_secs(self.stale_after)
    }
}

/// An answer of the feed: the whole log (a snapshot) or what came after a position.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// Up to where this is complete.
    #[serde(flatten)]
    pub up_to: AsOf,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// What the feed says of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No entry covers it, as far as this position.
    Clear {
        /// The position.
        as_of: u64,
    },
    /// An entry covers it.
    Revoked {
        /// The entry's kind.
        kind: Kind,
        /// The entry's position.
        seq: u64,
    },
    /// The copy is too old, or there is none: refuse.
    Silent,
}

/// How the copy stands, for people.
#[derive(Debug, Default)]
pub struct State {
    /// The position, once there is one.
    pub position: Option<u64>,
    /// How long ago the issuer was last heard.
    pub age: Option<Duration>,
    /// The silence allowed.
    pub stale_after: Duration,
    /// Whether tokens are judged now.
    pub fresh: bool,
    /// The entries kept, newest first.
    pub entries: Vec<Entry>,
    /// What last went wrong, if nothing has gone right since.
    pub trouble: Option<String>,
}

#[derive(Default)]
struct Copied {
    up_to: Option<AsOf>,
    heard: Option<Moment>,
    /// For each name the newest entry: a newer one covers all an older one does.
    entries: HashMap<Kind, HashMap<String, Entry>>,
    trouble: Option<String>,
}

/// The copy.
#[derive(Default)]
pub struct Feed(Mutex<Copied>);

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("cursor", &self.cursor()).finish_non_exhaustive()
    }
}

impl Feed {
    /// Takes in an answer to a request that was sent at `sent`. The age counts from there: the issuer may have
    /// read its log at any moment since.
    pub fn take(&self, batch: Batch, sent: Moment) {
        let mut copied = self.lock();
        for entry in batch.entries {
            copied.keep(entry);
        }
        copied.reach(batch.up_to, sent);
        copied.forget_expired(sent.unix);
    }

    /// Takes in one entry of the stream. It moves no position: only `as_of` says that nothing is missing below.
    pub fn entry(&self, entry: Entry) {
        self.lock().keep(entry);
    }

    /// Takes in an `as_of` of the stream, received at `now`. Without a snapshot it says nothing.
    pub fn as_of(&self, up_to: AsOf, now: Moment) {
        let mut copied = self.lock();
        if copied.up_to.is_some() {
            copied.reach(up_to, now);
            copied.forget_expired(now.unix);
        }
    }

    /// The issuer calls our position void: everything known is worth nothing until a new snapshot.
    pub fn forget(&self) {
        let mut copied = self.lock();
        *copied = Copied { trouble: copied.trouble.take(), ..Copied::default() };
    }

    /// Notes what went wrong, for people.
    pub fn note(&self, trouble: String) {
        self.lock().trouble = Some(trouble);
    }

    /// Where to ask on from; none before the first snapshot.
    pub fn cursor(&self) -> Option<String> {
        self.lock().up_to.as_ref().map(|up_to| up_to.cursor.clone())
    }

    /// The silence the issuer allows; none before the first snapshot.
    pub fn stale_after(&self) -> Option<Duration> {
        self.lock().up_to.as_ref().map(AsOf::silence)
    }

    /// Judges a token.
    pub fn judge(&self, token: &Presented, now: Moment) -> Judgement {
        let copied = self.lock();
        let Some(as_of) = copied.fresh_position(now) else { return Judgement::Silent };
        let found = token.names().into_iter().find_map(|(kind, value)| {
            let entry = copied.entries.get(&kind)?.get(&value)?;
            entry.comes_after(token).then_some(Judgement::Revoked { kind, seq: entry.seq })
        });
        found.unwrap_or(Judgement::Clear { as_of })
    }

    /// How the copy stands.
    pub fn state(&self, now: Moment) -> State {
        let copied = self.lock();
        let mut entries: Vec<Entry> = copied.entries.values().flat_map(HashMap::values).cloned().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.seq));
        State {
            position: copied.up_to.as_ref().map(|up_to| up_to.as_of),
            age: copied.heard.map(|heard| now.since(heard)),
            stale_after: copied.up_to.as_ref().map(AsOf::silence).unwrap_or_default(),
            fresh: copied.fresh_position(now).is_some(),
            entries,
            trouble: copied.trouble.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Copied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copied {
    fn keep(&mut self, entry: Entry) {
        let (kind, value) = entry.name();
        let slot = self.entries.entry(kind).or_default().entry(value).or_insert_with(|| entry.clone());
        if slot.seq < entry.seq {
            *slot = entry;
        }
    }

    /// A position below ours comes from a node that lags: it proves nothing about what we know, so it is no sign of life.
    fn reach(&mut self, up_to: AsOf, when: Moment) {
        if self.up_to.as_ref().is_none_or(|known| known.as_of <= up_to.as_of) {
            self.up_to = Some(up_to);
            self.heard = Some(when);
            self.trouble = None;
        }
    }

    fn forget_expired(&mut self, now: i64) {
        for named in self.entries.values_mut() {
            named.retain(|_, entry| entry.until.is_none_or(|until| until > now));
        }
    }

    fn fresh_position(&self, now: Moment) -> Option<u64> {
        let (heard, up_to) = (self.heard?, self.up_to.as_ref()?);
        (now.since(heard) <= up_to.silence()).then_some(up_to.as_of)
    }
}
