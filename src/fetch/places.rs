//! How many requests are on their way at once: in all, to one host, and to one network, so that neither a slow server nor one with
//! many names takes the places of the others. Nobody waits for one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::FetchError;
use super::target::Host;

/// In all.
const ALL: usize = 64;
/// To one host.
const HOST: usize = 8;
/// To one address (of IPv6, to one /64).
const ADDRESS: usize = 16;

type Held = Arc<Mutex<HashMap<Key, usize>>>;

/// What has few places of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Host(Host),
    Address(IpAddr),
}

/// The places of one server.
#[derive(Debug, Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    held: Held,
}

/// The right to be one of all, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _host: Turn,
}

/// The right to be one of few, until dropped.
#[derive(Debug)]
pub(super) struct Turn {
    key: Key,
    held: Held,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.key)),
        }
    }
}

impl Places {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), held: Held::default() }
    }

    /// A place for a request to this host.
    pub(super) fn take(&self, host: &Host) -> Result<Place, FetchError> {
        let host = self.turn(Key::Host(host.clone()), HOST)?;
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| FetchError::Busy)?;
        Ok(Place { _all: all, _host: host })
    }

    /// A turn at this address, whatever name led there.
    pub(super) fn at(&self, address: IpAddr) -> Result<Turn, FetchError> {
        let network = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                [a, b, c, d, 0, 0, 0, 0].into()
            }
        };
        self.turn(Key::Address(network), ADDRESS)
    }

    fn turn(&self, key: Key, most: usize) -> Result<Turn, FetchError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(key.clone()).or_default();
        if *count >= most {
            return Err(FetchError::Busy);
        }
        *count += 1;
        Ok(Turn { key, held: Arc::clone(&self.held) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_nothing_is_kept_of_them() {
        let places = Places::new();
        let take = |name: &str| places.take(&Host::Name(name.to_owned()));
        let one_host: Vec<Place> = (0..HOST).map(|_| take("a").unwrap()).collect();
        assert_eq!(take("a").unwrap_err(), FetchError::Busy);
        let others: Vec<Place> = (HOST..ALL).map(|host| take(&host.to_string()).unwrap()).collect();
        assert_eq!(take("z").unwrap_err(), FetchError::Busy, "all are taken");
        drop((one_host, others));
        let turns: Vec<Turn> =
            (0..ADDRESS as u16).map(|host| places.at([0x2001, 0xdb8, 0, 1, 0, 0, 0, host].into()).unwrap()).collect();
        assert_eq!(places.at([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9].into()).unwrap_err(), FetchError::Busy);
        assert!(places.at([0x2001, 0xdb8, 0, 2, 9, 9, 9, 9].into()).is_ok());
        drop(turns);
        assert!(take("a").is_ok() && places.held.lock().unwrap().is_empty());
    }
}
