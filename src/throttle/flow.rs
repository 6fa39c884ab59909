//! How fast one client may add to the revocation log: ten a second, a burst of a thousand. In memory, for each node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// A second refills this many.
const RATE: f64 = 10.0;
/// And never holds more.
const BURST: f64 = 1000.0;
/// Beyond this many clients, those whose bucket is full again are forgotten.
const CLIENTS: usize = 1024;

/// One bucket for each client.
#[derive(Debug, Default)]
pub struct Flow(Mutex<HashMap<Uuid, (f64, Duration)>>);

impl Flow {
    /// Takes one, if there is one. `now` is monotonic.
    pub fn take(&self, client: Uuid, now: Duration) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > CLIENTS {
            buckets.retain(|_, (left, at)| refilled(*left, *at, now) < BURST);
        }
        let (left, at) = buckets.entry(client).or_insert((BURST, now));
        *left = refilled(*left, *at, now);
        *at = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

fn refilled(left: f64, at: Duration, now: Duration) -> f64 {
    (left + now.saturating_sub(at).as_secs_f64() * RATE).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_ten_a_second() {
        let (flow, client) = (Flow::default(), Uuid::nil());
        assert_eq!((0..2000).filter(|_| flow.take(client, Duration::ZERO)).count(), 1000);
        assert_eq!((0..100).filter(|_| flow.take(client, Duration::from_secs(1))).count(), 10);
        assert!(flow.take(Uuid::max(), Duration::from_secs(1)), "another client has its own");
    }
}
