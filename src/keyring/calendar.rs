//! The calendar of signing keys: a key's state is read off the clock and nothing flips it.
//!
//! announced → signing → retiring (published, so that what it signed still verifies) → gone. There is always an
//! announced successor. A key is gone an hour after the last token it may have signed has expired: gateways cache the
//! key set for up to an hour.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Alg;
use crate::config::Keys;
use crate::store::signing_keys::SigningKey;

/// What gateways may be late by.
const HOUR: Duration = Duration::from_secs(3600);
/// No token lives longer: the cap of `tokens.access_token_lifetime` and of the ID token's.
pub const LONGEST_LIFE: Duration = HOUR;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What the clocks of nodes may differ by, and more.
const SKEW: Duration = Duration::from_mins(1);

/// How keys are made and how long they serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringOptions {
    /// The longest life any token may have.
    pub longest_token_life: Duration,
    /// Size of RSA keys.
    pub rsa_bits: u32,
    /// Whether there is an Ed25519 key, too.
    pub ed25519: bool,
    /// How long a key signs.
    pub rotate_after: Duration,
    /// How long a key is published, at least, before it signs by calendar.
    pub announce_before: Duration,
}

impl KeyringOptions {
    /// The defaults: RSA 3072, no Ed25519, 90 days, 24 hours.
    #[must_use]
    pub fn new(longest_token_life: Duration) -> Self {
        Self { longest_token_life, rsa_bits: 3072, ed25519: false, rotate_after: 90 * DAY, announce_before: DAY }
    }

    /// What the settings ask for.
    #[must_use]
    pub fn of(keys: &Keys) -> Self {
        Self { rsa_bits: keys.rsa_bits, ed25519: keys.ed25519, ..Self::new(LONGEST_LIFE) }
    }

    /// The algorithms there are keys for.
    pub fn algs(&self) -> impl Iterator<Item = Alg> + use<> {
        let ed25519 = self.ed25519;
        Alg::ALL.into_iter().filter(move |alg| *alg != Alg::EdDsa || ed25519)
    }

    /// Gives a key its time to sign, and with it its end.
    pub(super) fn schedule(&self, key: &mut SigningKey, from: DateTime<Utc>, until: DateTime<Utc>) {
        key.signs_from = from;
        key.signs_until = until;
        key.gone_at = until + self.longest_token_life + HOUR;
    }
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Published, not signing yet.
    Announced,
    Signing,
    /// No longer signing, still published.
    Retiring,
    /// No longer published; kept for old ID token hints.
    Gone,
    /// Neither signs nor verifies.
    Revoked,
}

impl State {
    /// The state of `key` at `now`.
    #[must_use]
    pub fn of(key: &SigningKey, now: DateTime<Utc>) -> Self {
        if key.revoked_at.is_some() {
            Self::Revoked
        } else if now < key.signs_from {
            Self::Announced
        } else if now < key.signs_until {
            Self::Signing
        } else if now < key.gone_at {
            Self::Retiring
        } else {
            Self::Gone
        }
    }

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Signing => "signing",
            Self::Retiring => "retiring",
            Self::Gone => "gone",
            Self::Revoked => "revoked",
        }
    }

    /// Whether the key stands in the key set.
    #[must_use]
    pub fn is_published(self) -> bool {
        matches!(self, Self::Announced | Self::Signing | Self::Retiring)
    }
}

/// A key that the calendar wants now.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) ordinal: i64,
    /// When it is to sign.
    pub(super) from: DateTime<Utc>,
    /// Who goes on signing until then, where its own time would end before.
    pub(super) extend: Option<SigningKey>,
}

/// Reads off the keys of one algorithm, in the order of their ordinals, whether another is due.
pub(super) fn due(keys: &[SigningKey], options: &KeyringOptions, now: DateTime<Utc>) -> Option<Due> {
    let ordinal = keys.last().map_or(0, |key| key.ordinal + 1);
    let Some(newest) = keys.iter().rev().find(|key| State::of(key, now).is_published()) else {
        // Nobody has cached anything yet: it signs on every node at once, those whose clocks are a little behind included.
        return Some(Due { ordinal, from: now - SKEW, extend: None });
    };
    if State::of(newest, now) == State::Announced {
        return None;
    }
    // Late, because no server ran or a successor was revoked: who signed last goes on until gateways know the next.
    let from = newest.signs_until.max(now + options.announce_before);
    Some(Due { ordinal, from, extend: (from != newest.signs_until).then(|| newest.clone()) })
}

/// The keys of one algorithm.
pub(super) fn of_alg(keys: &[SigningKey], alg: Alg) -> Vec<SigningKey> {
    keys.iter().filter(|key| key.alg == alg.name()).cloned().collect()
}
