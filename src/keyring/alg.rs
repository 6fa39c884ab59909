//! The signature algorithms this server signs with (RFC 7518 section 3.1, RFC 8037). Refuses every other name, `none` first.

use std::fmt;
use std::str::FromStr;

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alg {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl Alg {
    /// All of them, in the order in which keys are listed.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    /// The registered name, as it stands in headers and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of [`Alg::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no algorithm this server signs with: write ES256, RS256 or EdDSA")]
pub struct UnknownAlg(pub String);

impl FromStr for Alg {
    type Err = UnknownAlg;

    fn from_str(name: &str) -> Result<Self, UnknownAlg> {
        Self::ALL.into_iter().find(|alg| alg.name() == name).ok_or_else(|| UnknownAlg(name.to_owned()))
    }
}
