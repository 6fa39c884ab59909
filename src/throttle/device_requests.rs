//! How many device codes may be asked for in one client's name from one network (RFC 8628, 5.2): each leaves a row behind before
//! anybody has allowed anything, and anybody may speak for a public client. In memory, for each node.

use std::time::Duration;

use uuid::Uuid;

use super::bucket::{Buckets, Rate, Taken};
use crate::event::Caller;

/// Beyond so many pairs newcomers are refused until some have been silent.
const PAIRS: usize = 16_384;

/// One bucket for each client and network.
#[derive(Debug)]
pub struct DeviceRequests(Buckets<(Uuid, Option<String>)>);

impl DeviceRequests {
    /// So many a minute, all at once if need be.
    #[must_use]
    pub fn new(a_minute: u32) -> Self {
        let burst = f64::from(a_minute);
        Self(Buckets::new(Rate { a_second: burst / 60.0, burst, keys: PAIRS }))
    }

    /// Takes one, if there is one. `now` is monotonic.
    pub fn take(&self, client: Uuid, caller: &Caller, now: Duration) -> bool {
        self.0.take((client, caller.network()), now, |()| {}) == Taken::One(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_for_each_client_and_network() {
        let requests = DeviceRequests::new(60);
        let from = |third: u8| Caller { address: Some([192, 0, third, 1].into()), ..Caller::default() };
        let take = |client, third, now| requests.take(client, &from(third), Duration::from_secs(now));
        assert_eq!((0..100).filter(|_| take(Uuid::nil(), 2, 0)).count(), 60);
        assert!(take(Uuid::nil(), 3, 0), "another network");
        assert!(take(Uuid::max(), 2, 0), "another client");
        assert_eq!((0..10).filter(|_| take(Uuid::nil(), 2, 2)).count(), 2);
    }
}
