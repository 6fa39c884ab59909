//! Token buckets by key, in memory, for each node: a burst, then so many a second.
//!
//! Whoever has been silent long enough is forgotten, and the number of keys has an end, so that strangers can't fill it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a bucket fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub a_second: f64,
    pub burst: f64,
    /// Beyond this many keys, those whose bucket is full again are forgotten.
    pub keys: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket<N> {
    left: f64,
    at: Duration,
    note: N,
}

/// One bucket for each key, each with something noted beside it.
#[derive(Debug)]
pub(super) struct Buckets<K, N = ()> {
    rate: Rate,
    held: Mutex<HashMap<K, Bucket<N>>>,
}

/// What became of a wish to take one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken<N> {
    /// One was there; and what had been noted.
    One(N),
    /// The bucket is empty.
    None,
    /// So many keys are held that this one gets no bucket.
    Crowded,
}

impl<K: Hash + Eq, N: Default + Copy> Buckets<K, N> {
    pub fn new(rate: Rate) -> Self {
        Self { rate, held: Mutex::default() }
    }

    /// Takes one, if there is one; what was noted is handed over with it. Else `miss` changes the note. `now` is monotonic.
    pub fn take(&self, key: K, now: Duration, miss: impl FnOnce(&mut N)) -> Taken<N> {
        let Rate { burst, keys, .. } = self.rate;
        let mut held = self.lock();
        if held.len() >= keys && !held.contains_key(&key) {
            held.retain(|_, bucket| self.refilled(bucket, now) < burst);
            if held.len() >= keys {
                return Taken::Crowded;
            }
        }
        let bucket = held.entry(key).or_insert(Bucket { left: burst, at: now, note: N::default() });
        (bucket.left, bucket.at) = (self.refilled(bucket, now), now);
        if bucket.left < 1.0 {
            miss(&mut bucket.note);
            return Taken::None;
        }
        bucket.left -= 1.0;
        Taken::One(std::mem::take(&mut bucket.note))
    }

    fn refilled(&self, bucket: &Bucket<N>, now: Duration) -> f64 {
        (bucket.left + now.saturating_sub(bucket.at).as_secs_f64() * self.rate.a_second).min(self.rate.burst)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Bucket<N>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { a_second: 10.0, burst: 100.0, keys: 64 };

    #[test]
    fn a_burst_then_ten_a_second_and_misses_are_noted() {
        let buckets = Buckets::<&str, u32>::new(RATE);
        let take = |key, now| buckets.take(key, Duration::from_secs(now), |missed| *missed += 1);
        assert_eq!((0..1000).filter(|_| take("a", 0) == Taken::One(0)).count(), 100);
        assert_eq!(take("a", 1), Taken::One(900));
        assert_eq!((0..100).filter(|_| take("a", 1) == Taken::One(0)).count(), 9);
        assert_eq!(take("b", 1), Taken::One(0), "another key has its own");
    }

    #[test]
    fn it_holds_no_more_than_so_many() {
        let buckets = Buckets::<usize>::new(RATE);
        let take = |key, now| buckets.take(key, Duration::from_secs(now), |()| {});
        let given = (0..2 * RATE.keys).filter(|key| take(*key, 0) != Taken::Crowded).count();
        assert_eq!((given, buckets.lock().len()), (RATE.keys, RATE.keys));
        assert_eq!(take(1000, 1), Taken::One(()), "who has been silent is forgotten");
    }
}
