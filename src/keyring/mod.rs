//! The keys of this issuer: sealing keys from files, signing keys from the database, read off the clock.
//!
//! Serves signing and verification of what this issuer signs (RFC 7515, RFC 7519), the published key set (RFC 7517),
//! and keys that authenticate refresh tokens, forms and cookies. Every node holds the same. Algorithm and key come from
//! our record, never from a token's header. Refuses to open with sealing keys that don't fit the database.

mod alg;
mod calendar;
mod error;
mod export;
mod files;
pub mod foreign;
mod header;
pub mod mac;
mod private;
mod public;
mod sealing;
mod set;
mod sign;
mod upkeep;
mod verify;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

pub use alg::{Alg, UnknownAlg};
pub use calendar::{KeyringOptions, LONGEST_LIFE, State};
pub use error::Error;
pub use export::Format;
pub use header::json_object;
pub use mac::MacRing;
pub use sealing::{SealingError, SealingKeys};
pub use set::Published;
pub use sign::Signed;
pub use upkeep::{Listed, Revoked, Rotated, list};
pub use verify::{Expect, Refused, Verified};

use crate::clock::Clock;
use crate::store::Store;
use set::KeySet;

/// The keys in use; clones share them.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    sealing: SealingKeys,
    store: Store,
    clock: Clock,
    options: KeyringOptions,
    set: RwLock<Arc<KeySet>>,
    /// When the records were last read, by the monotonic clock.
    loaded: tokio::sync::Mutex<Option<Duration>>,
    macs: Mutex<Vec<(&'static str, Arc<MacRing>)>>,
    /// When a request last looked after the keys because one was missing; the others wait for it.
    tended: tokio::sync::Mutex<Option<Duration>>,
}

impl Keyring {
    /// Opens the ring of a migrated database, and makes the first keys where there are none.
    pub async fn open(
        sealing: SealingKeys,
        store: Store,
        clock: Clock,
        options: KeyringOptions,
    ) -> Result<Self, Error> {
        sealing.prove(&store, clock.now()).await?;
        let keyring = Self(Arc::new(Inner {
            sealing,
            store,
            clock,
            options,
            set: RwLock::default(),
            loaded: tokio::sync::Mutex::default(),
            macs: Mutex::default(),
            tended: tokio::sync::Mutex::default(),
        }));
        keyring.maintain().await?;
        Ok(keyring)
    }

    /// The sealing keys.
    #[must_use]
    pub fn sealing(&self) -> &SealingKeys {
        &self.0.sealing
    }

    /// The keys that authenticate under a label of [`mac`], derived on first use.
    #[must_use]
    pub fn mac(&self, label: &'static str) -> Arc<MacRing> {
        let mut macs = self.0.macs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, ring)) = macs.iter().find(|(known, _)| *known == label) {
            return ring.clone();
        }
        let ring = Arc::new(MacRing::derive(&self.0.sealing, label));
        macs.push((label, ring.clone()));
        ring
    }

    /// The key set as it goes out now: announced, signing and retiring keys, made once per change.
    #[must_use]
    pub fn jwks(&self) -> Arc<Published> {
        let now = self.0.clock.now();
        let set = self.set();
        if set.is_current(now) {
            return set.published();
        }
        let mut set = self.0.set.write().unwrap_or_else(PoisonError::into_inner);
        *set = Arc::new(set.later(now));
        set.published()
    }

    fn set(&self) -> Arc<KeySet> {
        self.0.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.set()).finish()
    }
}
