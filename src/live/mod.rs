//! The live view: this node's copy of the revocation log's unexpired entries, from which every presented token is judged.
//!
//! It polls the log; a notification only hastens the poll. The node that writes an entry applies it before it answers.
//! Refused: to judge from a copy older than two seconds, to issue or judge while the node's clock is off the database's, and
//! to do either once the log no longer holds what was read from it (`docs/ARCHITECTURE.md`, "Live view", "Restores and failovers").

mod bearing;
mod cursor;
mod entries;
mod error;
mod feed;
mod follow;
pub mod highwater;
mod judge;
mod poll;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

pub use bearing::{Bearing, Kind};
use chrono::{DateTime, Utc};
pub use cursor::{Cursor, NoPlace, Place, epoch_of};
pub use entries::until;
pub use error::{Error, Misfit, NotReady};
pub use feed::{Feed, Located};
pub use judge::{Covered, Judged, Unanswered, covers_in_database};
pub use poll::Polled;
use state::{Moment, State};
use tokio::sync::{Mutex, Notify, watch};
use uuid::Uuid;

use crate::clock::Clock;
use crate::store::revocations::Entry;
use crate::store::{Store, issuer};

/// The view's own connections: one polls, one listens.
const CONNECTIONS: u32 = 2;

/// How the view is kept. The defaults are the documented ones; tests choose others.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Time between polls.
    pub interval: Duration,
    /// Time between polls while they fail, at most.
    pub backoff: Duration,
    /// How long one poll may take: what comes later than the view's age allows is of no use.
    pub patience: Duration,
    /// The age beyond which the view judges nothing.
    pub stale_after: Duration,
    /// How far the node's clock may be off the database's.
    pub clock_off: Duration,
    /// Entries read by one statement.
    pub batch: usize,
    /// Whether to listen for notifications.
    pub listen: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(200),
            backoff: Duration::from_secs(1),
            patience: Duration::from_secs(2),
            stale_after: Duration::from_secs(2),
            clock_off: Duration::from_secs(2),
            batch: 1000,
            listen: true,
        }
    }
}

/// A handle on this node's view; clones share it.
#[derive(Debug, Clone)]
pub struct LiveView(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    /// The view's own connections, so that reading the log never waits behind requests.
    aside: Store,
    clock: Clock,
    tuning: Tuning,
    database: Uuid,
    highwater: Option<highwater::Keeper>,
    state: RwLock<State>,
    /// One poll at a time.
    turn: Mutex<()>,
    /// Asks for a poll now.
    kick: Notify,
    /// When the first poll was, by the database's time and by the steady clock.
    anchor: OnceLock<(DateTime<Utc>, Duration)>,
    moved: watch::Sender<Option<Cursor>>,
    epoch: watch::Sender<i64>,
    keys: watch::Sender<u64>,
}

impl LiveView {
    /// A view of this database's log, not read yet. Refuses a database that is another one than `keys/highwater` names, knows
    /// less, or holds another entry there.
    pub async fn open(store: &Store, clock: &Clock, highwater: Option<PathBuf>, tuning: Tuning) -> Result<Self, Error> {
        let position = issuer::position(store).await?.ok_or(Error::Unfounded)?;
        let state = match &highwater {
            Some(path) => highwater::check(path, store, position.database_id, clock).await?.unwrap_or_default(),
            None => State::default(),
        };
        Ok(Self(Arc::new(Inner {
            store: store.clone(),
            aside: store.aside(CONNECTIONS),
            clock: clock.clone(),
            tuning,
            database: position.database_id,
            highwater: highwater.map(highwater::Keeper::new),
            state: RwLock::new(State { longest_access_seconds: position.longest_access_seconds, ..state }),
            turn: Mutex::default(),
            kick: Notify::new(),
            anchor: OnceLock::new(),
            moved: watch::Sender::new(None),
            epoch: watch::Sender::new(position.epoch),
            keys: watch::Sender::new(0),
        })))
    }

    /// Takes in an entry this node has just committed. The place doesn't move: what others wrote below it may not be
    /// read yet. Asks for a poll, so that it moves soon.
    pub fn apply(&self, entry: &Entry) {
        let known = self.0.epoch.borrow().to_owned();
        if self.read().seq() < entry.seq && epoch_of(entry.seq) >= known {
            self.change(|state| state.entries.insert(entry));
        }
        self.0.kick.notify_one();
    }

    /// Whether this node may issue tokens now.
    pub fn issuing_allowed(&self) -> Result<(), NotReady> {
        let state = self.read();
        state.ready(Moment::now(&self.0.clock), &self.0.tuning)?;
        drop(state);
        self.clock_goes_right()
    }

    /// Whether this node's clock went with the database's when they were last compared. By one that didn't, nothing that
    /// begins or expires can be judged.
    pub fn clock_goes_right(&self) -> Result<(), NotReady> {
        self.read().clock_off.map_or(Ok(()), |seconds| Err(NotReady::ClockOff(seconds)))
    }

    /// Up to when entries have been let go of: by the database's time and by the steady clock, whichever says less. What
    /// ended after it may still cover a live token, whatever a wall clock says. None before the first poll.
    #[must_use]
    pub fn retired(&self) -> Option<DateTime<Utc>> {
        self.read().retired
    }

    /// Up to where the log has been read; none before the first full read.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.read().reached.as_ref().map(|reached| reached.cursor.clone())
    }

    /// Tells of every move of the place, and of its becoming void.
    #[must_use]
    pub fn moves(&self) -> watch::Receiver<Option<Cursor>> {
        self.0.moved.subscribe()
    }

    /// Tells of every new epoch: whoever keeps a cache of records empties it.
    #[must_use]
    pub fn epochs(&self) -> watch::Receiver<i64> {
        self.0.epoch.subscribe()
    }

    /// Tells when signing keys may have been revoked: the key ring is to be loaded anew.
    #[must_use]
    pub fn key_revocations(&self) -> watch::Receiver<u64> {
        self.0.keys.subscribe()
    }

    /// The longest life an access token was ever allowed, in seconds: one that claims more is none of ours.
    #[must_use]
    pub fn longest_access_seconds(&self) -> i64 {
        self.read().longest_access_seconds
    }

    /// How many entries are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().entries.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// The database's time as the steady clock counts it on from the first poll.
    fn steady_time(&self, time: DateTime<Utc>, steady: Duration) -> DateTime<Utc> {
        let (first, then) = *self.anchor.get_or_init(|| (time, steady));
        first + steady.saturating_sub(then)
    }
}
