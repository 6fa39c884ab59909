//! Browsers in which a user has signed in before: a sealed cookie for each account, which buys nothing but a budget of failures
//! of its own (ASVS 6.1.1), so that nobody else's guesses keep the owner out.
//!
//! It is no proof of anything. Refused: one that was altered, is older than half a year, was given before a kill of the user,
//! or is another user's.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::seal::KeyId;
use crate::secret;
use crate::store::signin_rolls::SigninRoll;

/// How the names of these cookies begin, before any prefix.
pub const COOKIES: &str = "ch_known_";

/// How long one lasts.
pub const LIFE: Duration = Duration::from_hours(24 * 180);

/// Of more than so many, the rest are not looked at.
const MOST: usize = 8;

/// What the seal is bound to.
const RECORD: &str = "cookie/known device";

/// A browser that has signed in as this user before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub id: Uuid,
    pub user_id: Uuid,
    /// The number of the log that its last proof was read under.
    pub born: i64,
    pub at: DateTime<Utc>,
}

/// A cookie about to be set: its name before any prefix, and its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub name: String,
    pub value: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}, redacted)", self.name)
    }
}

impl Device {
    /// The device after another success: the same one, if it was known.
    #[must_use]
    pub fn after(known: Option<&Self>, user_id: Uuid, born: i64, at: DateTime<Utc>) -> Self {
        Self { id: known.map_or_else(secret::uuid_v4, |known| known.id), user_id, born, at }
    }

    /// Whether it is this user's, and was given after whatever last ended everything of theirs.
    #[must_use]
    pub fn is_of(&self, roll: &SigninRoll, now: DateTime<Utc>) -> bool {
        let fresh = self.at + LIFE > now;
        fresh
            && roll.user.as_ref().is_some_and(|(user, _)| {
                user.user_id == self.user_id && self.born >= user.user_mark.max(roll.counter.issuer_mark)
            })
    }

    /// The cookie.
    #[must_use]
    pub fn token(&self, app: &App) -> Token {
        let digest = secret::sha256(&[b"known device", self.user_id.as_bytes()]);
        let name = digest.iter().take(4).fold(COOKIES.to_owned(), |out, byte| format!("{out}{byte:02x}"));
        let key = app.keyring.sealing().current();
        let sealed = key.seal(RECORD, &serde_json::to_vec(self).unwrap_or_default());
        Token { name, value: URL_SAFE_NO_PAD.encode([key.id().0.as_slice(), &sealed].concat()) }
    }

    fn read(app: &App, value: &str) -> Option<Self> {
        let raw = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (id, sealed) = raw.split_first_chunk::<8>()?;
        let plain = app.keyring.sealing().get(KeyId(*id))?.open(RECORD, sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// The devices that these cookies' values stand for.
#[must_use]
pub fn recognise(app: &App, values: &[String]) -> Vec<Device> {
    values.iter().take(MOST).filter_map(|value| Device::read(app, value)).collect()
}
