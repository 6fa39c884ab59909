//! Signing: compact JWS (RFC 7515 section 7.1) with the header members `alg`, `typ` and `kid`, and no other.
//!
//! Refuses to make a token larger than this server would read.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::header::LARGEST;
use super::{Alg, Error, Keyring};

/// How often a request may look after the keys.
const PAUSE: Duration = Duration::from_secs(1);

/// A token, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The compact form.
    pub compact: String,
    /// The key that signed it.
    pub kid: String,
}

impl Keyring {
    /// Makes sure that keys of these algorithms sign now, none of them one that is `ended`: asked before anything is spent that
    /// only a signature makes good. A machine that slept past its keys' end makes new ones here, and one that has heard of a
    /// key's end reads the records again; once a second at most.
    pub async fn ready(&self, algs: &[Alg], ended: impl Fn(&str) -> bool) -> Result<(), Error> {
        if self.signs(algs, &ended).is_ok() {
            return Ok(());
        }
        let mut tended = self.0.tended.lock().await;
        let at = self.0.clock.monotonic();
        if self.signs(algs, &ended).is_err() && tended.is_none_or(|last| at.saturating_sub(last) >= PAUSE) {
            *tended = Some(at);
            self.maintain().await?;
        }
        self.signs(algs, &ended)
    }

    fn signs(&self, algs: &[Alg], ended: &impl Fn(&str) -> bool) -> Result<(), Error> {
        let (set, now) = (self.set(), self.0.clock.now());
        algs.iter().try_for_each(|alg| {
            let key = set.signing(*alg, now)?;
            if ended(&key.record.kid) { Err(Error::NoSigningKey(*alg)) } else { key.signer().map(drop) }
        })
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
