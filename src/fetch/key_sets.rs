//! Key sets of clients, fetched from where they are registered (RFC 7591, `jwks_uri`) and kept for a while.
//!
//! A set is kept as long as its answer says, within a minute and an hour, else five minutes; then nothing of it is believed any
//! more, so that a key its holder took away is gone. Refused: another fetch for a key that is missing within a minute of the last
//! one, and for a set that couldn't be had within ten seconds, so that nobody makes this server knock at others at his own pace;
//! and to wait for a set where many wait already, so that a slow server of keys takes none of the places that requests have here.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Semaphore};

use super::{Fetch, FetchError};
use crate::clock::Clock;
use crate::keyring::foreign::{ForeignKeys, Unreadable};

/// How long a set is kept whose answer doesn't say.
const USUAL: Duration = Duration::from_mins(5);
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(1);
/// How long after a fetch none is made because a key was missing.
const BETWEEN: Duration = Duration::from_mins(1);
/// How long after one that failed none is made.
const PAUSE: Duration = Duration::from_secs(10);
/// How many sets are kept.
const KEPT: usize = 512;
/// How many wait for one set that is being fetched.
const WAITING: usize = 32;

const ACCEPT: &str = "application/jwk-set+json, application/json";

/// Why there are no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("the answer has the status {0}")]
    Status(u16),
    #[error("the answer {0}")]
    Unreadable(#[from] Unreadable),
    #[error("too many wait for them already")]
    Crowded,
}

impl Unavailable {
    /// Whether nothing was asked for, because too much is going on here.
    #[must_use]
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Crowded | Self::Fetch(FetchError::Busy))
    }
}

/// The sets, kept by URL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeySets {
    fetch: Fetch,
    clock: Clock,
    slots: Arc<std::sync::Mutex<HashMap<String, Slot>>>,
}

/// The place of one set. One fetches at a time; the others wait for what it brings.
#[derive(Debug)]
struct Place {
    held: Mutex<Held>,
    queue: Semaphore,
}

type Slot = Arc<Place>;

impl Default for Place {
    fn default() -> Self {
        Self { held: Mutex::default(), queue: Semaphore::new(WAITING) }
    }
}

impl Place {
    async fn enter(&self) -> Result<MutexGuard<'_, Held>, Unavailable> {
        if let Ok(held) = self.held.try_lock() {
            return Ok(held);
        }
        let _turn = self.queue.try_acquire().map_err(|_| Unavailable::Crowded)?;
        Ok(self.held.lock().await)
    }
}

/// What is known of one set; times are monotonic.
#[derive(Debug, Default)]
struct Held {
    /// The last set, and until when it is believed.
    set: Option<(Arc<ForeignKeys>, Duration)>,
    /// When it was last asked for, and what came of it if nothing did.
    asked: Option<(Duration, Option<Unavailable>)>,
}

impl Held {
    fn set(&self, now: Duration) -> Option<Arc<ForeignKeys>> {
        self.set.as_ref().filter(|(_, until)| now < *until).map(|(set, _)| Arc::clone(set))
    }

    /// What came of the last time it was asked for, if that was so lately.
    fn lately(&self, now: Duration, within: Duration) -> Option<Option<Unavailable>> {
        self.asked.filter(|(at, _)| now.saturating_sub(*at) < within).map(|(_, failed)| failed)
    }
}

impl KeySets {
    #[must_use]
    pub fn new(fetch: Fetch, clock: Clock) -> Self {
        Self { fetch, clock, slots: Arc::default() }
    }

    /// The set at this URL: as it was fetched of late, else as it is now.
    pub async fn get(&self, url: &str) -> Result<Arc<ForeignKeys>, Unavailable> {
        let slot = self.slot(url);
        let mut held = slot.enter().await?;
        let now = self.clock.monotonic();
        if let Some(set) = held.set(now) {
            return Ok(set);
        }
        if let Some(Some(failed)) = held.lately(now, PAUSE) {
            return Err(failed);
        }
        self.fill(&mut held, url).await
    }

    /// The set at this URL, in which a key is missing: as it is now, unless it was asked for within the last minute.
    pub async fn renewed(&self, url: &str) -> Result<Arc<ForeignKeys>, Unavailable> {
        let slot = self.slot(url);
        let mut held = slot.enter().await?;
        let now = self.clock.monotonic();
        match (held.set(now), held.lately(now, BETWEEN)) {
            (Some(set), Some(_)) => Ok(set),
            (None, Some(Some(failed))) => Err(failed),
            _ => self.fill(&mut held, url).await,
        }
    }

    async fn fill(&self, held: &mut Held, url: &str) -> Result<Arc<ForeignKeys>, Unavailable> {
        let now = self.clock.monotonic();
        let fetched = self.fetch(url).await;
        if !fetched.as_ref().is_err_and(|failed| failed.is_passing()) {
            held.asked = Some((self.clock.monotonic(), fetched.as_ref().err().copied()));
        }
        let (set, life) = fetched?;
        let set = Arc::new(set);
        held.set = Some((Arc::clone(&set), now + life));
        Ok(set)
    }

    async fn fetch(&self, url: &str) -> Result<(ForeignKeys, Duration), Unavailable> {
        let answer = self.fetch.get(url, ACCEPT).await?;
        if answer.status != 200 {
            return Err(Unavailable::Status(answer.status));
        }
        let life = answer.max_age.map_or(USUAL, |said| said.clamp(SHORTEST, LONGEST));
        Ok((ForeignKeys::parse(&answer.body)?, life))
    }

    /// The place of a URL. When all are taken, those go that hold nothing of worth; when none does, the oldest.
    fn slot(&self, url: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(url) {
            return Arc::clone(slot);
        }
        if slots.len() >= KEPT {
            let now = self.clock.monotonic();
            // One that is being filled is locked, and stays.
            slots.retain(|_, slot| slot.held.try_lock().map_or(true, |held| held.set(now).is_some()));
            let age = |slot: &Slot| {
                let asked = slot.held.try_lock().map_or(None, |held| held.asked);
                asked.map_or(Duration::MAX, |(at, _)| at)
            };
            if slots.len() >= KEPT
                && let Some(oldest) = slots.iter().min_by_key(|(_, slot)| age(slot)).map(|(url, _)| url.clone())
            {
                slots.remove(&oldest);
            }
        }
        Arc::clone(slots.entry(url.to_owned()).or_default())
    }
}
