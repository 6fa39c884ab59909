//! Verification of what this issuer signed (RFC 7515 section 5.2, RFC 8725).
//!
//! The key is looked up in our ring and the algorithm is our record's; the header is only held against them. The
//! signature is checked before the claims are so much as decoded. Claims are the caller's to judge, `exp` included.
//! Refuses everything [`header`](super::header) does, keys that are revoked, and gone ones unless asked for.

use serde_json::{Map, Value};

use super::header::{Parts, object};
use super::{Alg, Keyring, State};

/// What the caller accepts.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// These values of `typ`, exactly.
    pub typ: &'a [&'a str],
    /// These algorithms.
    pub algs: &'a [Alg],
    /// Keys that are no longer published, too: for the hints that old ID tokens are.
    pub accept_gone: bool,
}

impl<'a> Expect<'a> {
    /// Tokens of these types, signed with one of these algorithms, by keys that are still published.
    #[must_use]
    pub fn new(typ: &'a [&'a str], algs: &'a [Alg]) -> Self {
        Self { typ, algs, accept_gone: false }
    }

    /// The same, by keys that are gone as well.
    #[must_use]
    pub fn accept_gone(self) -> Self {
        Self { accept_gone: true, ..self }
    }
}

/// A token that this issuer signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub kid: String,
    pub alg: Alg,
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    /// Its key is no longer published.
    pub retired: bool,
}

/// Why a token is not taken. For logs: whoever presented it learns no more than that it is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the token is larger than 16 KiB")]
    TooLarge,
    #[error("the token {0}")]
    Malformed(&'static str),
    #[error("the token's header has no `{0}`")]
    Lacks(&'static str),
    #[error("the token's header has a `{0}`")]
    Forbidden(&'static str),
    /// No key of ours; perhaps of another node, and [`Keyring::reload`] finds it.
    #[error("the token names a key that isn't known")]
    UnknownKey,
    #[error("the token names another algorithm than its key's, or one that isn't taken here")]
    WrongAlg,
    #[error("the token is of another type than is taken here")]
    WrongType,
    #[error("the token's key is revoked")]
    RevokedKey,
    #[error("the token's key is gone")]
    GoneKey,
    #[error("the token's signature is not its key's")]
    BadSignature,
}

impl Keyring {
    /// Takes a token that this issuer signed, and nothing else.
    pub fn verify(&self, compact: &str, expect: Expect<'_>) -> Result<Verified, Refused> {
        let parts = Parts::read(compact)?;
        let (alg, typ) = (parts.text("alg")?, parts.text("typ")?);
        let set = self.set();
        let key = set.find(parts.text("kid")?).ok_or(Refused::UnknownKey)?;
        if alg != key.alg.name() || !expect.algs.contains(&key.alg) {
            return Err(Refused::WrongAlg);
        }
        if !expect.typ.contains(&typ) {
            return Err(Refused::WrongType);
        }
        let state = State::of(&key.record, self.0.clock.now());
        match state {
            State::Revoked => return Err(Refused::RevokedKey),
            State::Gone if !expect.accept_gone => return Err(Refused::GoneKey),
            _ => {}
        }
        if !key.public.verifies(parts.signed.as_bytes(), &parts.signature) {
            return Err(Refused::BadSignature);
        }
        let claims = object(parts.payload)?;
        let (kid, alg) = (key.record.kid.clone(), key.alg);
        Ok(Verified { kid, alg, header: parts.header, claims, retired: state == State::Gone })
    }
}
