//! How often someone may be wrong: one budget per account (whatever name it is called by), one per network, in the shared
//! database, charged atomically before the check they guard.
//!
//! Account: some attempts free, then 1 s, 2 s, 4 s … up to the cap, and at the hard stop no more until a new password is set
//! (NIST SP 800-63B-4, 3.2.2). A name nobody has is treated alike. A browser that has signed in to the account before has a
//! budget of its own, beside account and network, so that strangers can't keep its owner out (ASVS 6.1.1). Network (an IPv4
//! address; an IPv6 /64, and at eight times as many the /48 around it, which one customer may hold whole): so many failures in a
//! window. An attempt made too early is refused without being charged to the account, so that hammering can't push its owner's
//! waiting time up. An operator may open what is closed.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::config::Throttle;
use crate::store::{self, Store, Tx, throttle};

/// What a charge answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// Go ahead: it is paid for.
    Go,
    /// Not before this has passed.
    Wait(Duration),
    /// Not before the password is set anew.
    Closed,
}

/// Whose failures are counted.
#[derive(Debug, Clone, Copy)]
pub enum Budget<'a> {
    /// A user's, from wherever.
    User(Uuid),
    /// Those of a name that is nobody's, by its MAC: people type passwords into the wrong field, and whoever reads the
    /// database shall not find out by guessing.
    Name(&'a [u8; 32]),
    /// A user's in a browser known to be theirs: whose, and which.
    Device(Uuid, Uuid),
}

/// One attempt, and what it is charged to.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    pub rules: &'a Throttle,
    pub budget: Budget<'a>,
    pub address: Option<IpAddr>,
    pub at: DateTime<Utc>,
}

/// How long an account's failures are remembered.
const MEMORY: Duration = Duration::from_hours(24);
/// How long it stays closed, should nobody ever set a password.
const CLOSED: Duration = Duration::from_hours(24 * 400);
/// The wide IPv6 network, and how many times the failures of a narrow one it may have.
const WIDE: u8 = 48;
const WIDE_TIMES: i64 = 8;
/// How often a charge is tried against others arriving at the same moment.
const TRIES: usize = 8;

/// Charges an attempt to its account and its network.
pub async fn charge(store: &Store, attempt: &Attempt<'_>) -> store::Result<Charged> {
    let (rules, at) = (attempt.rules, attempt.at);
    let account = attempt.account_key();
    match judge_account(rules, throttle::get(store, &account).await?.as_ref(), at) {
        Charged::Go => {}
        refused => return Ok(refused),
    }
    // The narrow one first: whoever has used that up costs the neighbours in the wide one nothing.
    for (network, most) in attempt.networks() {
        let floor = at - rules.network_window;
        let charged = throttle::charge(store, &network, at, floor, at + rules.network_window).await?;
        if charged.charged > most {
            let left = (charged.since + rules.network_window - at).to_std().unwrap_or(Duration::from_secs(1));
            return Ok(Charged::Wait(left.min(rules.network_window)));
        }
    }
    // What was judged must still stand when it is charged: of attempts sent side by side, each is judged on the one before.
    for _ in 0..TRIES {
        let seen = throttle::get(store, &account).await?;
        match judge_account(rules, seen.as_ref(), at) {
            Charged::Go => {}
            refused => return Ok(refused),
        }
        let fresh = seen.as_ref().is_some_and(|seen| seen.since + MEMORY <= at);
        let last = !fresh && seen.as_ref().map_or(0, |seen| seen.charged) + 1 >= i64::from(rules.account_hard_stop);
        let until = at + if last { CLOSED } else { MEMORY };
        if throttle::charge_seen(store, &account, seen.as_ref(), fresh, (at, until)).await? {
            return Ok(Charged::Go);
        }
    }
    Ok(Charged::Wait(Duration::from_secs(1)))
}

fn judge_account(rules: &Throttle, seen: Option<&throttle::Charged>, at: DateTime<Utc>) -> Charged {
    let Some(seen) = seen else { return Charged::Go };
    if seen.charged >= i64::from(rules.account_hard_stop) {
        return Charged::Closed;
    }
    if seen.since + MEMORY <= at {
        return Charged::Go;
    }
    let wait = wait_after(rules, seen.charged);
    // A clock set back must not lengthen the wait beyond itself; nor does one who arrived a moment later count against us.
    let left = (seen.last_at + wait - at).to_std().unwrap_or_default().min(wait);
    if left.is_zero() { Charged::Go } else { Charged::Wait(left) }
}

/// What an attempt was charged to.
#[derive(Debug, Clone)]
pub struct Paid {
    account: String,
    networks: Vec<String>,
}

/// A success: the budget's failures are forgotten, and the networks get back what they were charged.
pub async fn forgive(store: &Store, paid: &Paid) -> store::Result<()> {
    let mut tx = store.begin().await?;
    throttle::clear(&mut tx, &paid.account).await?;
    give_back_networks(tx, paid).await
}

/// Nothing was looked at after all: all get back what they were charged.
pub async fn give_back(store: &Store, paid: &Paid) -> store::Result<()> {
    let mut tx = store.begin().await?;
    throttle::give_back(&mut tx, &paid.account).await?;
    give_back_networks(tx, paid).await
}

async fn give_back_networks(mut tx: Tx, paid: &Paid) -> store::Result<()> {
    for network in &paid.networks {
        throttle::give_back(&mut tx, network).await?;
    }
    tx.commit().await
}

/// Forgets a user's failures in the transaction that sets a new password, by which no browser is known any more.
pub async fn reset(tx: &mut Tx, user_id: Uuid) -> store::Result<()> {
    throttle::clear(tx, &Budget::User(user_id).key()).await
}

/// Forgets a user's failures, those in known browsers too.
pub async fn unlock(tx: &mut Tx, user_id: Uuid) -> store::Result<()> {
    reset(tx, user_id).await?;
    throttle::clear_beginning(tx, &format!("device:{user_id}:")).await
}

/// The wait after so many failures.
fn wait_after(rules: &Throttle, failures: i64) -> Duration {
    let beyond = failures - i64::from(rules.account_free);
    if beyond < 0 { Duration::ZERO } else { Duration::from_secs(1 << beyond.min(16)).min(rules.account_cap) }
}

impl Attempt<'_> {
    fn account_key(&self) -> String {
        self.budget.key()
    }

    /// What this attempt is charged to.
    #[must_use]
    pub fn paid(&self) -> Paid {
        let networks = self.networks().into_iter().map(|(key, _)| key).collect();
        Paid { account: self.account_key(), networks }
    }

    /// The networks it comes from, each with how many failures it may have. A known browser is not judged by who else is on
    /// its network.
    fn networks(&self) -> Vec<(String, i64)> {
        let Some(address) = self.address.filter(|_| !matches!(self.budget, Budget::Device(..))) else {
            return Vec::new();
        };
        networks(address, self.rules.ipv6_prefix, i64::from(self.rules.network_failures))
    }
}

/// The networks an address lies in, the narrow one first, each with how many failures it may have if the narrow one may have
/// `most`.
pub(super) fn networks(address: IpAddr, ipv6_prefix: u8, most: i64) -> Vec<(String, i64)> {
    match address.to_canonical() {
        IpAddr::V4(v4) => vec![(format!("network:{v4}"), most)],
        IpAddr::V6(v6) => {
            let wide = (ipv6_prefix > WIDE).then(|| (within(v6, WIDE), most * WIDE_TIMES));
            std::iter::once((within(v6, ipv6_prefix), most)).chain(wide).collect()
        }
    }
}

/// The key of the IPv6 network of this many leading bits.
fn within(address: Ipv6Addr, prefix: u8) -> String {
    let kept = u128::from(address) & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    format!("network:{}/{prefix}", Ipv6Addr::from(kept))
}

impl Budget<'_> {
    /// The key its failures are counted under.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::User(id) => format!("account:{id}"),
            Self::Device(user, id) => format!("device:{user}:{id}"),
            Self::Name(tag) => tag.iter().take(16).fold(String::from("name:"), |out, byte| format!("{out}{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Throttle {
        Throttle {
            account_free: 5,
            account_cap: Duration::from_secs(60),
            account_hard_stop: 100,
            network_failures: 30,
            network_window: Duration::from_secs(600),
            ipv6_prefix: 64,
            endpoint_failures: 60,
            interactions: 600,
            registrations: 60,
            documents: 30,
            user_codes: 10,
            device_requests: 10,
            device_codes: 10_000,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn judged(charged: i64, now: i64) -> Charged {
        judge_account(&rules(), Some(&throttle::Charged { charged, since: at(0), last_at: at(0) }), at(now))
    }

    #[test]
    fn five_are_free_then_the_wait_doubles_up_to_the_cap() {
        assert_eq!(judge_account(&rules(), None, at(0)), Charged::Go);
        assert_eq!(judged(4, 0), Charged::Go);
        assert_eq!(judged(4, -1), Charged::Go, "beside another's");
        for (failures, wait) in [(5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (99, 60)] {
            assert_eq!(judged(failures, 0), Charged::Wait(Duration::from_secs(wait)), "{failures}");
            assert_eq!(judged(failures, wait.try_into().unwrap()), Charged::Go, "{failures}");
        }
        assert_eq!(judged(11, -3600), Charged::Wait(Duration::from_secs(60)), "a clock set back");
    }

    #[test]
    fn failures_are_forgotten_in_a_day_and_the_hard_stop_never() {
        assert_eq!(judged(99, 86_400), Charged::Go);
        assert_eq!(judged(100, 0), Charged::Closed);
        assert_eq!(judged(100, 399 * 86_400), Charged::Closed);
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64_and_its_48() {
        let of = |text: &str, prefix: u8, budget: Budget<'_>| {
            let rules = Throttle { ipv6_prefix: prefix, ..rules() };
            Attempt { rules: &rules, budget, address: Some(text.parse().unwrap()), at: at(0) }.networks()
        };
        let keys = |text: &str| of(text, 64, Budget::User(Uuid::nil()));
        let [narrow, wide] = &keys("2001:db8:1:2::1")[..] else { panic!("two") };
        assert_eq!(*narrow, ("network:2001:db8:1:2::/64".to_owned(), 30));
        assert_eq!(*wide, ("network:2001:db8:1::/48".to_owned(), 240));
        assert_eq!(keys("2001:db8:1:2::1"), keys("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(keys("2001:db8:1:3::1")[0], *narrow);
        assert_eq!(keys("2001:db8:1:3::1")[1], *wide);
        assert_ne!(keys("2001:db8:2:2::1")[1], *wide);
        assert_eq!(of("2001:db8:1:2::1", 48, Budget::User(Uuid::nil())), [("network:2001:db8:1::/48".to_owned(), 30)]);
        assert_eq!(keys("::ffff:192.0.2.1"), keys("192.0.2.1"));
        assert_eq!(keys("192.0.2.1"), [("network:192.0.2.1".to_owned(), 30)]);
        assert_eq!(of("192.0.2.1", 64, Budget::Device(Uuid::nil(), Uuid::max())), []);
    }
}
