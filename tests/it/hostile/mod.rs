//! What a hostile or broken peer sends: refused in clear words, and nothing is lost or changed by it.
//!
//! Bytes go over a bare socket, so that nothing on this side mends them. Whatever is answered must be sound: no 5xx, the
//! security headers, a body a program or a person can read.

mod away;
mod bent;
mod client_auth;
mod forms;
mod limits;
mod measured;
mod pages;
mod properties;
mod redirects;
mod shapes;
mod tokens;
mod wire;

use std::collections::BTreeMap;

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, Setup};
use crate::kit::raw::{Dump, Raw, differences};

/// An issuer with someone on it: whatever is done to it, these must come through unharmed.
pub struct Ground {
    pub issuer: Issuer,
    /// `client_secret_basic`, code and refresh.
    pub web: RelyingParty,
    /// A client of its own right: the feed and revocations.
    pub service: RelyingParty,
    pub browser: Browser,
    /// What `web` holds for alice.
    pub tokens: Answer,
}

impl Ground {
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, Setup::default()).await
    }

    pub async fn with(kind: Kind, setup: Setup) -> Self {
        let issuer = Issuer::start_with(kind, setup).await;
        issuer.user("alice").await;
        let web = issuer.client().await;
        let service = issuer.service("chancery:feed chancery:revocations:write", &[]).await;
        let mut browser = Browser::new(&issuer);
        let tokens = web.tokens(&mut browser, "alice").await;
        Self { issuer, web, service, browser, tokens }
    }

    /// All that must not change: the whole database but what only counts and tells.
    pub async fn state(&self) -> Dump {
        let mut dump = Raw::open(&self.issuer.database).await.dump().await;
        dump.retain(|table, _| !["audit", "throttle"].contains(&table.as_str()));
        dump
    }

    /// Nothing was changed since, and what was held still works.
    #[track_caller]
    pub fn unchanged(&self, before: &Dump, after: &Dump) {
        let changed: BTreeMap<_, _> =
            differences(before, after).into_iter().map(|table| (table.clone(), &after[&table])).collect();
        assert!(changed.is_empty(), "{changed:#?}");
    }

    /// The honest owner goes on as if nothing had been.
    pub async fn goes_on(&self) {
        let access = self.tokens.str("access_token");
        assert_eq!(self.web.introspect(access).await.ok().json["active"], true);
        let next = self.web.refresh(self.tokens.str("refresh_token")).await.ok();
        assert_eq!(self.web.userinfo(next.str("access_token")).await.ok().json["email"], "alice@example.test");
    }
}
