//! Keys that authenticate what only this server reads back: refresh tokens, forms, cookies (HMAC-SHA-256, RFC 2104).
//!
//! One is derived from each sealing key per label. The current one signs; all verify, so that a change of sealing key
//! ends nothing. Compared in constant time; refuses a tag under a key that is not in the ring.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::SealingKeys;
use crate::seal::KeyId;

/// The label of refresh tokens.
pub const REFRESH: &str = "chancery refresh v1";
/// The label of form tokens.
pub const FORM: &str = "chancery form v1";
/// The label under which names that are nobody's are counted.
pub const NAME: &str = "chancery name v1";

/// The label under which the user codes of devices are kept.
pub const USER_CODE: &str = "chancery user code v1";

/// The keys of one label, the current one first.
#[derive(Debug)]
pub struct MacRing {
    current: (KeyId, hmac::Key),
    others: Vec<(KeyId, hmac::Key)>,
}

impl MacRing {
    /// Derives the keys of a label.
    #[must_use]
    pub fn derive(sealing: &SealingKeys, label: &str) -> Self {
        let current = sealing.current();
        let others = sealing.all().filter(|key| key.id() != current.id());
        Self {
            current: (current.id(), current.derive_mac(label)),
            others: others.map(|key| (key.id(), key.derive_mac(label))).collect(),
        }
    }

    /// The name of the key that signs.
    #[must_use]
    pub fn current(&self) -> KeyId {
        self.current.0
    }

    /// The tag of `data`, and the name of the key that made it.
    #[must_use]
    pub fn sign(&self, data: &[u8]) -> (KeyId, [u8; 32]) {
        let (id, key) = &self.current;
        let mut tag = [0; 32];
        for (to, from) in tag.iter_mut().zip(hmac::sign(key, data).as_ref()) {
            *to = *from;
        }
        (*id, tag)
    }

    /// The tags of `data` under every key, the current one's first: what it may be found by.
    #[must_use]
    pub fn tags(&self, data: &[u8]) -> Vec<Vec<u8>> {
        let keys = std::iter::once(&self.current).chain(&self.others);
        keys.map(|(_, key)| hmac::sign(key, data).as_ref().to_vec()).collect()
    }

    /// The same as text: what a form or a cookie carries.
    #[must_use]
    pub fn token(&self, data: &[u8]) -> String {
        let (id, tag) = self.sign(data);
        URL_SAFE_NO_PAD.encode([&id.0[..], &tag].concat())
    }

    /// Whether `token` is what some key of the ring makes of `data`.
    #[must_use]
    pub fn holds(&self, data: &[u8], token: &str) -> bool {
        let raw = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        raw.split_first_chunk::<8>().is_some_and(|(id, tag)| self.verify(KeyId(*id), data, tag))
    }

    /// Whether `tag` is what the key `id` makes of `data`.
    #[must_use]
    pub fn verify(&self, id: KeyId, data: &[u8], tag: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.current).chain(&self.others);
        keys.find(|(known, _)| *known == id).is_some_and(|(_, key)| hmac::verify(key, data, tag).is_ok())
    }
}
