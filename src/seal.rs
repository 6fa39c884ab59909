//! Seal, open and derive: what a sealing key does (AES-256-GCM, NIST SP 800-38D; HKDF-SHA-256, RFC 5869).
//!
//! Associated data name the record, so that a sealed value moved to another row doesn't open. Refuses whatever was
//! altered, truncated or sealed under another key, all with the one answer [`Unopened`].

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::secret;

/// A value that could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open under this key")]
pub struct Unopened;

/// The name of a sealing key: the start of a digest of the key, so that one file can't pass for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One 32-byte sealing key.
pub struct SealingKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
    aead: LessSafeKey,
}

impl SealingKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self::from_bytes(secret::bytes())
    }

    /// The key these bytes are.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the length is the type's")]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = secret::sha256(&[b"chancery sealing key", &bytes]);
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).expect("AES-256 takes 32 bytes"));
        Self { id: KeyId([a, b, c, d, e, f, g, h]), bytes: Zeroizing::new(bytes), aead }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its bytes, for the file it is kept in.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// nonce ‖ ciphertext ‖ tag, bound to `record`.
    #[must_use]
    pub fn seal(&self, record: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = secret::bytes::<NONCE_LEN>();
        let mut body = plain.to_vec();
        let aad = Aad::from(record.as_bytes());
        // Fails only past 64 GiB of plain text.
        let tag = self.aead.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body);
        let mut out = nonce.to_vec();
        out.append(&mut body);
        if let Ok(tag) = tag {
            out.extend_from_slice(tag.as_ref());
        }
        out
    }

    /// The plain text of what [`SealingKey::seal`] made for the same record.
    pub fn open(&self, record: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unopened)?;
        let mut body = Zeroizing::new(body.to_vec());
        let aad = Aad::from(record.as_bytes());
        let plain = self.aead.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut body);
        plain.map(|plain| Zeroizing::new(plain.to_vec())).map_err(|_| Unopened)
    }

    /// A 256-bit key for one purpose, named by its label.
    #[must_use]
    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 gives 32 bytes for any label")]
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"chancery").extract(&*self.bytes);
        prk.expand(&[label.as_bytes()], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut *out)).expect("32 bytes");
        out
    }

    /// A derived key, ready to authenticate with.
    #[must_use]
    pub fn derive_mac(&self, label: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*self.derive(label))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}
