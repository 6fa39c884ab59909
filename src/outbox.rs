//! What one node knows of its deliveries: who is at work for which client, what came of it, and who is woken when there is more.
//!
//! In memory alone: what has to outlive the process stands in `store/logouts`. Refused: more than so many deliveries at once, and
//! more than a few of them for one client; a client that failed the last time has one at a time, so that a dead one holds nobody
//! up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Deliveries at once.
const PLACES: usize = 64;
/// Deliveries to one client at once.
const OF_ONE: usize = 4;

/// How a delivery ended, as far as counting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Delivered,
    /// The client said no.
    Refused,
    /// It is tried again.
    Failed,
    /// It is not tried again.
    GivenUp,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    woken: Notify,
    places: Arc<Semaphore>,
    clients: Mutex<HashMap<Uuid, AtWork>>,
    counts: [AtomicU64; 4],
    waiting: AtomicI64,
}

#[derive(Debug, Clone, Copy, Default)]
struct AtWork {
    running: usize,
    failed_last: bool,
}

/// A delivery's place. Dropped, it is free.
#[derive(Debug)]
pub struct Place {
    outbox: Outbox,
    client_id: Uuid,
    _one: OwnedSemaphorePermit,
}

impl Default for Outbox {
    fn default() -> Self {
        Self(Arc::new(Inside {
            woken: Notify::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            clients: Mutex::default(),
            counts: Default::default(),
            waiting: AtomicI64::new(0),
        }))
    }
}

impl Outbox {
    /// There may be something to deliver.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Waits for that.
    pub async fn woken(&self) {
        self.0.woken.notified().await;
    }

    /// Places for a client, at most as many as it may have now.
    #[must_use]
    pub fn places(&self, client_id: Uuid) -> Vec<Place> {
        let mut clients = self.clients();
        let at_work = clients.entry(client_id).or_default();
        let most = if at_work.failed_last { 1 } else { OF_ONE };
        let mut places = Vec::new();
        while at_work.running < most {
            let Ok(one) = Arc::clone(&self.0.places).try_acquire_owned() else { break };
            at_work.running += 1;
            places.push(Place { outbox: self.clone(), client_id, _one: one });
        }
        places
    }

    /// Whether the client failed the last time this node tried.
    #[must_use]
    pub fn failed_last(&self, client_id: Uuid) -> bool {
        self.clients().get(&client_id).is_some_and(|at_work| at_work.failed_last)
    }

    /// Counts what came of a delivery.
    pub fn count(&self, client_id: Uuid, came: Came) {
        if let Some(at_work) = self.clients().get_mut(&client_id) {
            at_work.failed_last = matches!(came, Came::Failed | Came::GivenUp);
        }
        if let Some(count) = self.0.counts.get(came as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many so far.
    #[must_use]
    pub fn counted(&self, came: Came) -> u64 {
        self.0.counts.get(came as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How many wait at the database, as was last read.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    pub fn set_waiting(&self, waiting: i64) {
        self.0.waiting.store(waiting, Ordering::Relaxed);
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<Uuid, AtWork>> {
        self.0.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.outbox.clients();
        if let Some(at_work) = clients.get_mut(&self.client_id) {
            at_work.running = at_work.running.saturating_sub(1);
            if at_work.running == 0 && !at_work.failed_last {
                clients.remove(&self.client_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_a_few_places_and_a_dead_one_a_single_one() {
        let (outbox, dead, other) = (Outbox::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let held = outbox.places(dead);
        assert_eq!((held.len(), outbox.places(dead).len()), (OF_ONE, 0));
        outbox.count(dead, Came::Failed);
        drop(held);
        assert!(outbox.failed_last(dead));
        let one = outbox.places(dead);
        assert_eq!((one.len(), outbox.places(other).len()), (1, OF_ONE));
        outbox.count(dead, Came::Delivered);
        drop(one);
        assert_eq!(outbox.places(dead).len(), OF_ONE);
        assert_eq!((outbox.counted(Came::Failed), outbox.counted(Came::Delivered)), (1, 1));
    }

    #[test]
    fn all_together_have_no_more_than_there_are() {
        let outbox = Outbox::default();
        let held: Vec<Vec<Place>> = (1..=40).map(|n| outbox.places(Uuid::from_u128(n))).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), PLACES);
        drop(held);
        assert_eq!(outbox.places(Uuid::from_u128(99)).len(), OF_ONE);
    }
}
