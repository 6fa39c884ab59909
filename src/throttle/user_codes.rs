//! How often someone may enter a wrong user code (RFC 8628, 5.1): so many in a window from one network (an IPv4 address; an IPv6
//! /64, and at eight times as many its /48), in one browser, and in one session. In the shared database, charged atomically
//! before the code is looked for; a right one gets its charge back. A code has 34 bits and lives for minutes.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account::{Charged, networks};
use crate::config::Throttle;
use crate::secret::Digest;
use crate::store::{self, Store, throttle};

/// One entry, and what it is charged to.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub rules: &'a Throttle,
    pub browser: &'a Digest,
    pub session: Option<Uuid>,
    pub address: Option<IpAddr>,
    pub at: DateTime<Utc>,
}

/// Charges an entry to all it comes from.
pub async fn charge(store: &Store, entry: &Entry<'_>) -> store::Result<Charged> {
    let (window, at) = (entry.rules.network_window, entry.at);
    for (key, most) in entry.budgets() {
        let charged = throttle::charge(store, &key, at, at - window, at + window).await?;
        if charged.charged > most {
            let left = (charged.since + window - at).to_std().unwrap_or(Duration::from_secs(1));
            return Ok(Charged::Wait(left.min(window)));
        }
    }
    Ok(Charged::Go)
}

/// The code was right.
pub async fn give_back(store: &Store, entry: &Entry<'_>) -> store::Result<()> {
    let mut tx = store.begin().await?;
    for (key, _) in entry.budgets() {
        throttle::give_back(&mut tx, &key).await?;
    }
    tx.commit().await
}

impl Entry<'_> {
    /// The narrow ones first: whoever has used those up costs the neighbours nothing.
    fn budgets(&self) -> Vec<(String, i64)> {
        let most = i64::from(self.rules.user_codes);
        let browser = self.browser.as_bytes().iter().take(16);
        let browser = browser.fold(String::from("browser:"), |out, byte| format!("{out}{byte:02x}"));
        let mut all = vec![(browser, most)];
        all.extend(self.session.map(|id| (format!("session:{id}"), most)));
        all.extend(self.address.into_iter().flat_map(|address| networks(address, self.rules.ipv6_prefix, most)));
        all.into_iter().map(|(key, most)| (format!("user code {key}"), most)).collect()
    }
}
