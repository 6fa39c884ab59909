//! How often someone may be wrong: one budget per account (all its spellings), one per network, in the shared database,
//! charged atomically before the check they guard.
//!
//! Account: some attempts free, then 1 s, 2 s, 4 s … up to the cap, and past the hard stop a long wait each time. Network (an
//! IPv4 address, an IPv6 /64): so many failures in a window. An attempt made too early is refused without being charged to
//! the account, so that a stranger's hammering can't push its owner's waiting time up. A success forgives.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::Throttle;
use crate::event::Caller;
use crate::secret;
use crate::store::{self, Store, Tx, throttle};

/// What a charge answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// Go ahead: it is paid for.
    Go,
    /// Not before this has passed.
    Wait(Duration),
}

/// How long an account's failures are remembered.
const MEMORY: Duration = Duration::from_hours(24);
/// How often a charge is tried against others arriving at the same moment.
const TRIES: usize = 8;
/// The wait past the hard stop.
const STOPPED: Duration = Duration::from_mins(15);

/// Charges an attempt to an account and to the caller's network.
pub async fn charge(
    store: &Store,
    rules: &Throttle,
    account: &str,
    caller: &Caller,
    at: DateTime<Utc>,
) -> store::Result<Charged> {
    let account = account_key(account);
    if let Charged::Wait(time) = judge_account(rules, throttle::get(store, &account).await?.as_ref(), at) {
        return Ok(Charged::Wait(time));
    }
    if let Some(network) = network_key(rules, caller.address) {
        let floor = at - rules.network_window;
        let charged = throttle::charge(store, &network, at, floor, at + rules.network_window).await?;
        if charged.charged > i64::from(rules.network_failures) {
            let left = (charged.since + rules.network_window - at).to_std().unwrap_or(Duration::from_secs(1));
            return Ok(Charged::Wait(left.min(rules.network_window)));
        }
    }
    // What was judged must still stand when it is charged: of attempts sent side by side, each is judged on the one before.
    for _ in 0..TRIES {
        let seen = throttle::get(store, &account).await?;
        if let Charged::Wait(time) = judge_account(rules, seen.as_ref(), at) {
            return Ok(Charged::Wait(time));
        }
        let fresh = seen.as_ref().is_some_and(|seen| seen.since + MEMORY <= at);
        if throttle::charge_seen(store, &account, seen.as_ref(), fresh, (at, at + MEMORY)).await? {
            return Ok(Charged::Go);
        }
    }
    Ok(Charged::Wait(Duration::from_secs(1)))
}

fn judge_account(rules: &Throttle, seen: Option<&throttle::Charged>, at: DateTime<Utc>) -> Charged {
    let Some(seen) = seen.filter(|seen| seen.since + MEMORY > at) else { return Charged::Go };
    let wait = wait_after(rules, seen.charged);
    // A clock set back must not lengthen the wait beyond itself.
    match (seen.last_at + wait - at).to_std() {
        Ok(left) if !left.is_zero() => Charged::Wait(left.min(wait)),
        _ => Charged::Go,
    }
}

/// Forgets an account's failures, and gives the network back what this success was charged.
pub async fn forgive(store: &Store, account: &str, caller: &Caller, rules: &Throttle) -> store::Result<()> {
    let mut tx = store.begin().await?;
    throttle::clear(&mut tx, &account_key(account)).await?;
    if let Some(network) = network_key(rules, caller.address) {
        throttle::give_back(&mut tx, &network).await?;
    }
    tx.commit().await
}

/// Forgets an account's failures in the transaction that gives it a new password.
pub async fn reset(tx: &mut Tx, account: &str) -> store::Result<()> {
    throttle::clear(tx, &account_key(account)).await
}

/// The wait after so many failures.
fn wait_after(rules: &Throttle, failures: i64) -> Duration {
    let beyond = failures - i64::from(rules.account_free);
    if failures >= i64::from(rules.account_hard_stop) {
        STOPPED
    } else if beyond < 0 {
        Duration::ZERO
    } else {
        Duration::from_secs(1 << beyond.min(16)).min(rules.account_cap)
    }
}

/// A name that was typed is not kept in clear: people type passwords into the wrong field.
fn account_key(account: &str) -> String {
    let digest = secret::sha256(&[b"chancery account budget", account.as_bytes()]);
    digest.iter().take(16).fold(String::from("account:"), |out, byte| format!("{out}{byte:02x}"))
}

fn network_key(rules: &Throttle, address: Option<IpAddr>) -> Option<String> {
    Some(match address?.to_canonical() {
        IpAddr::V4(v4) => format!("network:{v4}"),
        IpAddr::V6(v6) => {
            let kept = u128::from(v6) & u128::MAX.checked_shl(128 - u32::from(rules.ipv6_prefix)).unwrap_or(0);
            format!("network:{}/{}", std::net::Ipv6Addr::from(kept), rules.ipv6_prefix)
        }
    })
}
