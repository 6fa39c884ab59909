//! Refresh tokens: derived, not stored.
//!
//! `ch_rt_` ‖ base64url( version ‖ key id ‖ family id ‖ generation ‖ family secret ‖ HMAC-SHA-256(refresh key, "refresh" ‖
//! issuer ‖ all that precedes) ). Fixed widths, decoded strictly. A forged one is refused without touching the database;
//! neither the database (it holds the secret's digest) nor the sealing key can make one; and the successor of a presented
//! token can be computed again, so that an honest retry is answered without keeping a token anywhere.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroize;

use crate::keyring::MacRing;
use crate::seal::KeyId;
use crate::secret::{self, Digest};

/// The visible prefix.
pub const PREFIX: &str = "ch_rt_";
const VERSION: u8 = 1;
const WHOLE: usize = 1 + 8 + 16 + 8 + 16 + 32;

/// The 128 bits that live only in a family's tokens, the same in all generations.
#[derive(Clone)]
pub struct FamilySecret([u8; 16]);

impl FamilySecret {
    #[must_use]
    pub fn generate() -> Self {
        Self(secret::bytes())
    }

    /// What the family's row keeps of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"chancery family secret", &self.0])
    }
}

impl Drop for FamilySecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for FamilySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FamilySecret(redacted)")
    }
}

/// A refresh token of this issuer: [`read`] finds one authentic, and the family whose it is names the next. It says nothing yet of
/// whether it may be used.
#[derive(Debug, Clone)]
pub struct Authentic {
    pub family_id: Uuid,
    pub generation: i64,
    pub secret: FamilySecret,
}

/// The token of a generation.
#[must_use]
pub fn write(keys: &MacRing, issuer: &str, token: &Authentic) -> String {
    let mut raw = Vec::with_capacity(WHOLE);
    raw.push(VERSION);
    raw.extend_from_slice(&keys.current().0);
    raw.extend_from_slice(token.family_id.as_bytes());
    raw.extend_from_slice(&token.generation.to_be_bytes());
    raw.extend_from_slice(&token.secret.0);
    let (_, tag) = keys.sign(&message(issuer, &raw));
    raw.extend_from_slice(&tag);
    let out = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&raw));
    raw.zeroize();
    out
}

/// Reads a presented token: anything not made by this issuer, to the last bit, is none.
#[must_use]
pub fn read(keys: &MacRing, issuer: &str, text: &str) -> Option<Authentic> {
    let body = text.strip_prefix(PREFIX)?;
    let mut raw = [0; WHOLE];
    if body.len() != WHOLE.div_ceil(3) * 4 || URL_SAFE_NO_PAD.decode_slice(body, &mut raw).ok()? != WHOLE {
        return None;
    }
    let (said, tag) = raw.split_last_chunk::<32>()?;
    let (version, rest) = said.split_first()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let (family, rest) = rest.split_first_chunk::<16>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let secret: [u8; 16] = rest.try_into().ok()?;
    let fits = *version == VERSION && keys.verify(KeyId(*id), &message(issuer, said), tag);
    let token = Authentic {
        family_id: Uuid::from_bytes(*family),
        generation: i64::from_be_bytes(*generation),
        secret: FamilySecret(secret),
    };
    raw.zeroize();
    fits.then_some(token)
}

/// What is authenticated. The issuer's length keeps "issuer ‖ rest" from meaning two things.
fn message(issuer: &str, said: &[u8]) -> Vec<u8> {
    [b"refresh", &(issuer.len() as u64).to_be_bytes()[..], issuer.as_bytes(), said].concat()
}
