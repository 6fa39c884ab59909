//! How many guesses one client may make from one network at the token, introspection, revocation and device endpoints (wrong client
//! authentication, codes and tokens that were never ours): so many a minute (`throttle.endpoint_failures`). Success is never
//! refused and the end of what was ours is always told, so that nobody is kept out by what others get wrong in his name.
//! In memory, for each node.

use std::time::Duration;

use uuid::Uuid;

use super::bucket::{Buckets, Rate, Taken};
use crate::event::Caller;

/// Beyond so many pairs newcomers are refused until some have been silent.
const PAIRS: usize = 16_384;

/// One bucket for each client and network.
#[derive(Debug)]
pub struct Failures(Buckets<(Option<Uuid>, Option<String>)>);

impl Failures {
    /// So many a minute, all at once if need be.
    #[must_use]
    pub fn new(a_minute: u32) -> Self {
        let burst = f64::from(a_minute);
        Self(Buckets::new(Rate { a_second: burst / 60.0, burst, keys: PAIRS }))
    }

    /// Counts a guess of whoever claims to be `client`; whether it may still be answered as what it is. `now` is monotonic.
    pub fn charge(&self, client: Option<Uuid>, caller: &Caller, now: Duration) -> bool {
        self.0.take((client, caller.network()), now, |()| {}) == Taken::One(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_and_then_one_a_second() {
        let failures = Failures::new(60);
        let from = |last: u8, third: u8| Caller { address: Some([192, 0, third, last].into()), ..Caller::default() };
        let charge = |client, caller: &Caller, now| failures.charge(client, caller, Duration::from_secs(now));
        let client = Some(Uuid::nil());
        assert_eq!((0..100).filter(|at| charge(client, &from(*at, 2), 0)).count(), 60, "one network");
        assert!(charge(client, &from(1, 3), 0), "another network");
        assert!(charge(None, &from(1, 2), 0), "another client");
        assert_eq!((0..10).filter(|_| charge(client, &from(1, 2), 1)).count(), 1);
    }
}
