//! What can go wrong with the keys, each said so that an operator knows what to do.

use super::{Alg, SealingError};
use crate::seal::KeyId;
use crate::store;

/// A failure of the key ring.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database answered with an error.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The sealing keys are not as they should be.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// This node lacks the sealing key that a signing key is sealed under.
    #[error("signing key {kid} is sealed under {sealing}, which is not among this node's sealing keys: add its file")]
    Sealed { kid: String, sealing: KeyId },
    /// The record was altered, or is another key's.
    #[error("signing key {kid} can't be used: {what}")]
    Unsound { kid: String, what: &'static str },
    /// No key of this algorithm signs now.
    #[error("no {0} key signs now")]
    NoSigningKey(Alg),
    /// There is no announced key to take over.
    #[error("no {0} key has been announced that could sign in its place")]
    NoSuccessor(Alg),
    /// A `kid` that names no key of this server.
    #[error("there is no signing key `{0}`")]
    UnknownKey(String),
    /// A revoked key makes nothing any more.
    #[error("signing key {0} is revoked")]
    Revoked(String),
    /// The claims can't be written as JSON.
    #[error("the claims can't be encoded: {0}")]
    Claims(#[from] serde_json::Error),
    /// A token past the size that [`Keyring::verify`](super::Keyring::verify) reads.
    #[error("a token of {0} bytes is larger than any this server would accept")]
    TooLarge(usize),
    /// The cryptographic library refused.
    #[error("{0} failed")]
    Crypto(&'static str),
}

impl Error {
    /// Whether asking again later may succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_passing())
    }
}
