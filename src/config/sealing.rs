//! A sealing key given by variable or file: 32 bytes in base64url (RFC 4648 section 5). Refuses any other length, and
//! a key of one repeated byte, which nobody drew at random. Never printed.

use super::problem::Refusal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{fmt, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The bytes of a sealing key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingSecret([u8; 32]);

impl SealingSecret {
    /// The bytes, for the key ring alone.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SealingSecret {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mend = "write 32 random bytes in base64url (43 characters, no padding), such as \
                    `openssl rand -base64 32 | tr '+/' '-_' | tr -d '='` prints";
        let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::new("is not base64url", mend))?;
        let key: Result<[u8; 32], _> = bytes.as_slice().try_into();
        let length = bytes.len();
        bytes.zeroize();
        let key = key.map_err(|_| Refusal::new(format!("holds {length} bytes instead of 32"), mend))?;
        if key.iter().min() == key.iter().max() {
            return Err(Refusal::new("repeats one byte and is no random key", mend));
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SealingSecret(redacted)")
    }
}
