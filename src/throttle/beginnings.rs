//! How many sign-ins one network may begin: each leaves a row behind before anybody has proved anything, so they come in a
//! measured flow (`throttle.interactions` a minute, all at once if need be). What is answered at once costs nothing. In memory,
//! for each node.

use std::time::Duration;

use super::bucket::{Buckets, Rate, Taken};
use crate::event::Caller;

/// Beyond so many networks newcomers are refused until some have been silent.
const NETWORKS: usize = 16_384;

/// One bucket for each network.
#[derive(Debug)]
pub struct Beginnings(Buckets<Option<String>>);

impl Beginnings {
    /// So many a minute.
    #[must_use]
    pub fn new(a_minute: u32) -> Self {
        let burst = f64::from(a_minute);
        Self(Buckets::new(Rate { a_second: burst / 60.0, burst, keys: NETWORKS }))
    }

    /// Takes one, if there is one. `now` is monotonic.
    pub fn take(&self, caller: &Caller, now: Duration) -> bool {
        self.0.take(caller.network(), now, |()| {}) == Taken::One(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_and_then_ten_a_second() {
        let beginnings = Beginnings::new(600);
        let from = |third: u8| Caller { address: Some([192, 0, third, 1].into()), ..Caller::default() };
        let take = |third, now| beginnings.take(&from(third), Duration::from_secs(now));
        assert_eq!((0..1000).filter(|_| take(2, 0)).count(), 600);
        assert!(take(3, 0), "another network");
        assert_eq!((0..100).filter(|_| take(2, 1)).count(), 10);
    }
}
