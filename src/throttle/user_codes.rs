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
    /// The network's first: whoever has used that up leaves no further rows behind, however many browsers he makes up.
    fn budgets(&self) -> Vec<(String, i64)> {
        let most = i64::from(self.rules.user_codes);
        let browser = self.browser.as_bytes().iter().take(16);
        let browser = browser.fold(String::from("browser:"), |out, byte| format!("{out}{byte:02x}"));
        let own = std::iter::once(browser).chain(self.session.map(|id| format!("session:{id}")));
        let network = self.address.into_iter().flat_map(|address| networks(address, self.rules.ipv6_prefix, most));
        let all = network.chain(own.map(|key| (key, most)));
        all.map(|(key, most)| (format!("user code {key}"), most)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_browser_and_session_have_budgets_of_their_own() {
        let config = crate::config::Config::load(
            crate::config::Sources::default().with_variable("CHANCERY_ISSUER", "https://id.example"),
        );
        let rules = config.unwrap().throttle;
        let (browser, at) = (Digest::of(&[b"browser"]), DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let budgets = |address: Option<&str>, session| {
            let address = address.map(|text| text.parse().unwrap());
            let entry = Entry { rules: &rules, browser: &browser, session, address, at };
            entry
                .budgets()
                .into_iter()
                .map(|(key, most)| (key.split(':').next().unwrap().to_owned(), most))
                .collect::<Vec<_>>()
        };
        let of = |names: &[(&str, i64)]| {
            names.iter().map(|(name, most)| (format!("user code {name}"), *most)).collect::<Vec<_>>()
        };
        assert_eq!(budgets(Some("192.0.2.1"), None), of(&[("network", 10), ("browser", 10)]));
        let wide = of(&[("network", 10), ("network", 80), ("browser", 10), ("session", 10)]);
        assert_eq!(budgets(Some("2001:db8::1"), Some(Uuid::nil())), wide);
        assert_eq!(budgets(None, None), of(&[("browser", 10)]));
    }
}
