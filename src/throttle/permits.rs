//! A bounded number at once, and a bounded queue before it: for password hashes, whose memory is 19 MiB each.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many at once, so many waiting.
#[derive(Debug, Clone)]
pub struct Permits {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    queue: usize,
}

/// The right to run one, until dropped.
#[derive(Debug)]
pub struct Permit {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many are waiting already")]
pub struct Busy;

impl Permits {
    /// `permits` run at once, `queue` more wait.
    #[must_use]
    pub fn new(permits: usize, queue: usize) -> Self {
        let permits = permits.max(1);
        Self { running: Arc::new(Semaphore::new(permits)), places: Arc::new(Semaphore::new(permits + queue)), queue }
    }

    /// How many wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let (places, running) = (self.places.available_permits(), self.running.available_permits());
        (self.queue + running).saturating_sub(places)
    }

    /// Waits for a turn, if there is room to wait.
    pub async fn acquire(&self) -> Result<Permit, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        Ok(Permit { _running: running, _place: place })
    }
}
