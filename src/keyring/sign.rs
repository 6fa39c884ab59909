//! Signing: compact JWS (RFC 7515 section 7.1) with the header members `alg`, `typ` and `kid`, and no other.
//!
//! Refuses to make a token larger than this server would read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::header::LARGEST;
use super::{Alg, Error, Keyring};

/// A token, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The compact form.
    pub compact: String,
    /// The key that signed it.
    pub kid: String,
}

impl Keyring {
    /// Makes sure that a key of every algorithm signs now: asked before anything is spent that only a signature makes good. A
    /// machine that slept past its keys' end makes new ones here, and no request of that moment is lost.
    pub async fn ready(&self) -> Result<(), Error> {
        if self.signs().is_ok() {
            return Ok(());
        }
        let _tending = self.0.tending.lock().await;
        if self.signs().is_err() {
            self.maintain().await?;
        }
        self.signs()
    }

    fn signs(&self) -> Result<(), Error> {
        let (set, now) = (self.set(), self.0.clock.now());
        self.0.options.algs().try_for_each(|alg| set.signing(alg, now)?.signer().map(drop))
    }

    /// Signs `claims` with the key that signs now. RSA costs half a millisecond of processor time.
    pub fn sign<T: Serialize>(&self, alg: Alg, typ: &str, claims: &T) -> Result<Signed, Error> {
        let set = self.set();
        let key = set.signing(alg, self.0.clock.now())?;
        let signer = key.signer()?;
        let claims = serde_json::to_vec(claims)?;
        let header = key.header(typ);
        let mut compact = String::with_capacity(header.len() + claims.len() * 4 / 3 + 600);
        compact.push_str(&header);
        compact.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut compact);
        let signature = signer.sign(compact.as_bytes())?;
        compact.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut compact);
        if compact.len() > LARGEST {
            return Err(Error::TooLarge(compact.len()));
        }
        Ok(Signed { compact, kid: key.record.kid.clone() })
    }
}
