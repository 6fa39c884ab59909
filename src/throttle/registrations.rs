//! How many clients one network may register, and one initial access token: so many an hour (`throttle.registrations`), all at
//! once if need be. Each leaves a row behind that stays for a while. In memory, for each node.

use std::time::Duration;

use uuid::Uuid;

use super::bucket::{Buckets, Rate, Taken};
use crate::event::Caller;

/// Beyond so many networks, or tokens, newcomers are refused until some have been silent.
const MOST: usize = 16_384;

/// One bucket for each network, and one for each token.
#[derive(Debug)]
pub struct Registrations {
    networks: Buckets<Option<String>>,
    tokens: Buckets<Uuid>,
}

impl Registrations {
    /// So many an hour.
    #[must_use]
    pub fn new(an_hour: u32) -> Self {
        let burst = f64::from(an_hour);
        let rate = Rate { a_second: burst / 3600.0, burst, keys: MOST };
        Self { networks: Buckets::new(rate), tokens: Buckets::new(rate) }
    }

    /// Takes one of both, if there is one. `now` is monotonic.
    pub fn take(&self, caller: &Caller, token: Option<Uuid>, now: Duration) -> bool {
        self.networks.take(caller.network(), now, |()| {}) == Taken::One(())
            && token.is_none_or(|token| self.tokens.take(token, now, |()| {}) == Taken::One(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hours_worth_and_then_one_a_minute() {
        let registrations = Registrations::new(60);
        let from = |third: u8| Caller { address: Some([192, 0, third, 1].into()), ..Caller::default() };
        let take = |third, token, now| registrations.take(&from(third), token, Duration::from_secs(now));
        assert_eq!((0..100).filter(|_| take(2, None, 0)).count(), 60);
        assert!(take(3, None, 0), "another network");
        assert_eq!((0..10).filter(|_| take(2, None, 60)).count(), 1);
        let token = Some(Uuid::nil());
        assert_eq!((4..104).filter(|third| take(*third, token, 0)).count(), 60, "one token, however many networks");
        assert!(take(4, Some(Uuid::max()), 0), "another token");
    }
}
