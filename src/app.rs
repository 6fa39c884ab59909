//! What is built once and handed to every request: settings, records, keys, the live view, the way out, the time.
//!
//! No globals: several issuers can live in one process, each with an `App` of its own. It knows no rule.

use std::ops::Deref;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::fetch::{Fetch, KeySets};
use crate::http::assets::Assets;
use crate::keyring::Keyring;
use crate::live::LiveView;
use crate::outbox::Outbox;
use crate::store::Store;
use crate::throttle::{AuditRate, Beginnings, DeviceRequests, Failures, Permits, Registrations, RevocationRate};

/// One issuer, running. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct Parts {
    pub config: Config,
    pub store: Store,
    pub clock: Clock,
    pub keyring: Keyring,
    pub live: LiveView,
    /// How many password hashes may run and wait.
    pub hashing: Permits,
    /// How fast a client may add to the revocation log.
    pub revocation_rate: RevocationRate,
    /// How fast refusals are written to the audit trail.
    pub audit_rate: AuditRate,
    /// How many failures a client may have from one network.
    pub failures: Failures,
    /// How many sign-ins a network may begin.
    pub beginnings: Beginnings,
    /// How many clients a network may register.
    pub registrations: Registrations,
    /// How many metadata documents are fetched for a network.
    pub documents: Beginnings,
    /// How many device codes a client may ask for from one network.
    pub device_requests: DeviceRequests,
    pub assets: Assets,
    /// The one way out.
    pub fetch: Fetch,
    /// Who is at work telling clients of logouts.
    pub outbox: Outbox,
    /// The keys of clients that are fetched.
    pub key_sets: KeySets,
}

impl App {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
