//! An issuer whose time the test decides, behind a proxy it believes, so that clients can come from anywhere.

use std::time::Duration;

use chancery::change::{By, Change, Refused};
use chancery::clock::Clock;
use chancery::config::Config;
use chancery::event::{Actor, Caller};
use chancery::live::Tuning;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};

use crate::kit::actors::{Browser, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, Setup};

use super::desk::{Started, family_of};

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub struct Bench {
    pub issuer: Issuer,
    pub clock: Clock,
    pub browser: Browser,
}

/// How a bench's node is set up: a held clock, frequent polls since time jumps, a believed proxy.
pub fn setup(clock: &Clock, change: impl FnOnce(&mut Config) + Send + 'static) -> Setup {
    let held = Setup::held(clock);
    let tuning = Tuning { interval: Duration::from_millis(10), patience: 20 * SECOND, listen: false, ..held.tuning };
    let change = Box::new(|config: &mut Config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    });
    Setup { tuning, change, ..held }
}

impl Bench {
    /// With a user `alice` and sessions that outlast any family, unless `change` says otherwise.
    pub async fn start(kind: Kind, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        let clock = Clock::held(Clock::system().now());
        let setup = setup(&clock, |config| {
            config.sessions.idle = 365 * DAY;
            config.sessions.absolute = 365 * DAY;
            change(config);
        });
        let issuer = Issuer::start_with(kind, setup).await;
        issuer.user("alice").await;
        let browser = Browser::new(&issuer);
        Self { issuer, clock, browser }
    }

    /// A new family of `alice` at this client, in the same browser.
    pub async fn started(&mut self, rp: &RelyingParty) -> Started {
        let first = rp.tokens(&mut self.browser, "alice").await;
        let family = family_of(&first);
        Started { rp: rp.clone(), first, family }
    }

    /// Lets time pass.
    pub async fn after(&self, time: Duration) {
        self.clock.advance(time);
        self.fresh().await;
    }

    /// Sets the node's clock, as an operator's correction would.
    pub async fn shift(&self, seconds: i64) {
        self.clock.set(self.clock.now() + TimeDelta::seconds(seconds));
        self.fresh().await;
    }

    async fn fresh(&self) {
        self.issuer.until("the view is fresh", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// An administrator's change.
    pub async fn manage<T>(&self, make: impl AsyncFnOnce(&By<'_>) -> Result<Change<T>, Refused>) -> T {
        let caller = Caller::default();
        let by = By { actor: Actor::Operator, caller: &caller, at: self.now() };
        make(&by).await.unwrap().settle(&self.issuer.app).await.unwrap()
    }
}

/// The same client, coming from elsewhere.
pub fn from(rp: &RelyingParty, address: &str, agent: &str) -> RelyingParty {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", HeaderValue::from_str(address).unwrap());
    headers.insert(USER_AGENT, HeaderValue::from_str(agent).unwrap());
    let http = reqwest::Client::builder().default_headers(headers).build().unwrap();
    RelyingParty { http, ..rp.clone() }
}
