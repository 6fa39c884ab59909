//! How fast one client may add to the revocation log: ten a second, a burst of a thousand. Of a public client, whom anyone can
//! speak for, each user has that much. In memory, for each node.

use std::time::Duration;

use uuid::Uuid;

use super::bucket::{Buckets, Rate, Taken};

/// Beyond so many, those in the clear are forgotten. Only who adds an entry is held, and is in the clear soon after, so that
/// there is room.
const RATE: Rate = Rate { a_second: 10.0, burst: 1000.0, keys: 65_536 };

/// What all users of a public client may add together: the log is held by every node and gateway.
const TOGETHER: Rate = Rate { a_second: 100.0, burst: 10_000.0, keys: 65_536 };

/// One bucket for each client, and for each user of a public one beneath it.
#[derive(Debug)]
pub struct RevocationRate {
    own: Buckets<(Uuid, Option<String>)>,
    together: Buckets<Uuid>,
}

impl Default for RevocationRate {
    fn default() -> Self {
        Self { own: Buckets::new(RATE), together: Buckets::new(TOGETHER) }
    }
}

impl RevocationRate {
    /// Takes one, if there is one: of the client's own, or of one user's at it. `now` is monotonic.
    pub fn take(&self, client: Uuid, user: Option<&str>, now: Duration) -> bool {
        self.own.take((client, user.map(str::to_owned)), now, |()| {}) == Taken::One(())
            && (user.is_none() || self.together.take(client, now, |()| {}) == Taken::One(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_ten_a_second() {
        let (rate, client) = (RevocationRate::default(), Uuid::nil());
        assert_eq!((0..2000).filter(|_| rate.take(client, None, Duration::ZERO)).count(), 1000);
        assert_eq!((0..100).filter(|_| rate.take(client, None, Duration::from_secs(1))).count(), 10);
        assert!(rate.take(Uuid::max(), None, Duration::from_secs(1)), "another client has its own");
        assert!(rate.take(client, Some("alice"), Duration::from_secs(1)), "and so has each user of a public one");
    }
}
