//! A bounded number at once, and a bounded queue before it: for password hashes, whose memory is 19 MiB each. And no more than two
//! in anybody's name, wherever they come from: a success costs its account nothing, so that its holder could fill the queue alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many at once, so many waiting.
#[derive(Debug, Clone)]
pub struct Permits {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    queue: usize,
    turns: Turns,
}

/// How many have a turn in each name.
type Turns = Arc<Mutex<HashMap<String, usize>>>;

/// The most at once in one name: a second browser, and not a third.
const IN_ONE_NAME: usize = 2;

/// The right to be looked at in somebody's name, until dropped.
#[derive(Debug)]
pub struct Turn {
    name: String,
    turns: Turns,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        match turns.get_mut(&self.name) {
            Some(held) if *held > 1 => *held -= 1,
            _ => drop(turns.remove(&self.name)),
        }
    }
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
        Self {
            running: Arc::new(Semaphore::new(permits)),
            places: Arc::new(Semaphore::new(permits + queue)),
            queue,
            turns: Turns::default(),
        }
    }

    /// How many wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let (places, running) = (self.places.available_permits(), self.running.available_permits());
        (self.queue + running).saturating_sub(places)
    }

    /// Takes a turn in somebody's name, if two aren't taken.
    pub fn turn(&self, name: &str) -> Result<Turn, Busy> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let held = turns.entry(name.to_owned()).or_default();
        if *held >= IN_ONE_NAME {
            return Err(Busy);
        }
        *held += 1;
        Ok(Turn { name: name.to_owned(), turns: Arc::clone(&self.turns) })
    }

    /// Waits until one may run, if there is room to wait.
    pub async fn acquire(&self) -> Result<Permit, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        Ok(Permit { _running: running, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_one_name_and_nothing_is_kept_of_it() {
        let permits = Permits::new(8, 8);
        let (first, second) = (permits.turn("a").unwrap(), permits.turn("a").unwrap());
        assert_eq!(permits.turn("a").unwrap_err(), Busy);
        assert!(permits.turn("b").is_ok(), "another name");
        drop(first);
        drop((permits.turn("a").unwrap(), second));
        assert!(permits.turns.lock().unwrap().is_empty());
    }
}
