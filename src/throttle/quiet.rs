//! Refusals that anyone can cause, told to the auditor: one by one up to a burst and then ten a second for each event and
//! network, so that nobody fills the audit trail from outside. What is not written is counted, and logged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::event::{Event, Record};
use crate::store::{Store, audit};

/// So many a second.
const RATE: f64 = 10.0;
/// So many at once.
const BURST: f64 = 100.0;
/// Beyond this many networks those that have been silent are forgotten; while none has, newcomers are not told of.
const NETWORKS: usize = 4096;

/// What is left for each event and network.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<HashMap<(Event, Option<String>), Bucket>>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Duration,
    unwritten: u64,
}

impl Quiet {
    /// Writes a refusal's row, if it may be written. Its loss is logged, and loses nothing else. `now` is monotonic.
    pub async fn note(&self, store: &Store, record: &Record, now: Duration) {
        let network = record.caller.network();
        let Some(unwritten) = self.take(record.event, network.clone(), now) else { return };
        if unwritten > 0 {
            tracing::warn!(
                event = record.event.name(),
                network,
                unwritten,
                "refusals came too fast to be written one by one"
            );
        }
        if let Err(error) = audit::append(store, record).await {
            tracing::warn!(%error, event = record.event.name(), "a refusal could not be written to the audit trail");
        }
    }

    /// Whether one may be written, and how many before it were not.
    fn take(&self, event: Event, network: Option<String>, now: Duration) -> Option<u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (event, network);
        if buckets.len() >= NETWORKS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.refilled(now) < BURST);
            if buckets.len() >= NETWORKS {
                return None;
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: BURST, at: now, unwritten: 0 });
        bucket.left = bucket.refilled(now);
        bucket.at = now;
        if bucket.left < 1.0 {
            bucket.unwritten += 1;
            return None;
        }
        bucket.left -= 1.0;
        Some(std::mem::take(&mut bucket.unwritten))
    }
}

impl Bucket {
    fn refilled(&self, now: Duration) -> f64 {
        (self.left + now.saturating_sub(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_burst_then_ten_a_second_and_the_rest_is_counted() {
        let (quiet, start) = (Quiet::default(), Duration::ZERO);
        let told = |event, network, now| quiet.take(event, net(network), now);
        assert_eq!((0..1000).filter(|_| told(Event::FormRefused, "a", start).is_some()).count(), 100);
        let later = Duration::from_secs(1);
        assert_eq!(told(Event::FormRefused, "a", later), Some(900));
        assert_eq!((0..100).filter(|_| told(Event::FormRefused, "a", later).is_some()).count(), 9);
        assert_eq!(told(Event::FormRefused, "b", later), Some(0), "another network");
        assert_eq!(told(Event::SigninThrottled, "a", later), Some(0), "another event");
    }

    #[test]
    fn it_holds_no_more_than_so_many_networks() {
        let quiet = Quiet::default();
        for at in 0..2 * NETWORKS {
            quiet.take(Event::FormRefused, net(&at.to_string()), Duration::ZERO);
        }
        assert_eq!(quiet.0.lock().unwrap().len(), NETWORKS);
        assert_eq!(quiet.take(Event::FormRefused, net("new"), Duration::from_secs(1)), Some(0));
    }
}
