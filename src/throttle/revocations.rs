//! How fast one client may add to the revocation log: ten a second, a burst of a thousand. In memory, for each node.

use std::time::Duration;

use uuid::Uuid;

use super::bucket::{Buckets, Rate, Taken};

/// A client in the clear is forgotten beyond so many; clients are registered, so that there is always room.
const RATE: Rate = Rate { a_second: 10.0, burst: 1000.0, keys: 65_536 };

/// One bucket for each client.
#[derive(Debug)]
pub struct RevocationRate(Buckets<Uuid>);

impl Default for RevocationRate {
    fn default() -> Self {
        Self(Buckets::new(RATE))
    }
}

impl RevocationRate {
    /// Takes one, if there is one. `now` is monotonic.
    pub fn take(&self, client: Uuid, now: Duration) -> bool {
        self.0.take(client, now, |()| {}) == Taken::One(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_ten_a_second() {
        let (rate, client) = (RevocationRate::default(), Uuid::nil());
        assert_eq!((0..2000).filter(|_| rate.take(client, Duration::ZERO)).count(), 1000);
        assert_eq!((0..100).filter(|_| rate.take(client, Duration::from_secs(1))).count(), 10);
        assert!(rate.take(Uuid::max(), Duration::from_secs(1)), "another client has its own");
    }
}
