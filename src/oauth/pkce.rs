//! PKCE (RFC 7636): S256 alone. `plain` is refused, and so is a verifier where no challenge was sent (RFC 9700, 2.1.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Error;
use crate::secret;

/// The transformations that are accepted.
pub const METHODS: &[&str] = &[S256];

/// The only one.
pub const S256: &str = "S256";

/// A challenge in its only form: the base64url of a SHA-256.
#[derive(Debug, Clone)]
pub struct Challenge(String);

impl Challenge {
    /// Reads the two parameters of an authorization request.
    pub fn read(challenge: Option<&str>, method: Option<&str>, may_omit: bool) -> Result<Option<Self>, Error> {
        match (challenge, method) {
            (None, None) if may_omit => Ok(None),
            (None, None) => Err(Error::invalid_request("code_challenge is missing: PKCE with S256 is required")),
            (None, Some(_)) => Err(Error::invalid_request("code_challenge_method without code_challenge")),
            (Some(text), Some(S256)) => {
                let raw = URL_SAFE_NO_PAD.decode(text).ok().filter(|raw| raw.len() == 32);
                raw.map(|_| Some(Self(text.to_owned()))).ok_or_else(|| {
                    Error::invalid_request("code_challenge is not the base64url of a SHA-256, without padding")
                })
            }
            (Some(_), _) => Err(Error::invalid_request("code_challenge_method must be S256")),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Proof that the presenter of a code holds the verifier its request committed to, or that none was committed to.
#[derive(Debug)]
pub struct VerifiedPkce(());

/// Checks a verifier against the challenge a code carries.
pub fn verify(challenge: Option<&str>, verifier: Option<&str>) -> Result<VerifiedPkce, Error> {
    match (challenge, verifier) {
        (None, None) => Ok(VerifiedPkce(())),
        (None, Some(_)) => {
            Err(Error::invalid_grant("code_verifier was sent, but the authorization request had no code_challenge"))
        }
        (Some(_), None) => Err(Error::invalid_grant("code_verifier is missing")),
        (Some(challenge), Some(verifier)) => {
            let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
            let computed = URL_SAFE_NO_PAD.encode(secret::sha256(&[verifier.as_bytes()]));
            if well_formed && secret::same(computed.as_bytes(), challenge.as_bytes()) {
                Ok(VerifiedPkce(()))
            } else {
                Err(Error::invalid_grant("code_verifier does not match the code_challenge"))
            }
        }
    }
}
