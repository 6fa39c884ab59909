//! Private halves: made, read back from their sealed form, and signing with.
//!
//! `ring` signs ES256 and Ed25519 from keys parsed once; RSA is OpenSSL's, by way of josekit, which is twice as fast
//! there. Refuses a private half that is not the stored public half's. Bytes in our hands are wiped after use.

use std::fmt;

use josekit::jws::RS256;
use josekit::jws::alg::rsassa::RsassaJwsSigner;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::{Alg, Error, public::Public};
use crate::secret;

/// A key that was just made: the private half as it is sealed (PKCS#8; for Ed25519 the seed) and the public one.
pub(super) struct Fresh {
    pub(super) private: Zeroizing<Vec<u8>>,
    pub(super) public: Public,
}

impl Fresh {
    /// Makes a key whose name can be given to a command: not one that looks like a flag. RSA keys take up to seconds: for a
    /// thread that may block.
    pub(super) fn generate(alg: Alg, rsa_bits: u32) -> Result<Self, Error> {
        loop {
            let fresh = Self::any(alg, rsa_bits)?;
            if !fresh.public.thumbprint().starts_with('-') {
                return Ok(fresh);
            }
        }
    }

    fn any(alg: Alg, rsa_bits: u32) -> Result<Self, Error> {
        match alg {
            Alg::Es256 => Self::p256().ok_or(Error::Crypto("making a P-256 key")),
            Alg::EdDsa => {
                let seed = Zeroizing::new(secret::bytes::<32>());
                let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).ok();
                let public = pair.and_then(|pair| pair.public_key().as_ref().try_into().ok()).map(Public::Ed25519);
                let public = public.ok_or(Error::Crypto("making an Ed25519 key"))?;
                Ok(Self { private: Zeroizing::new(seed.to_vec()), public })
            }
            Alg::Rs256 if rsa_bits < 2048 => Err(Error::Crypto("making an RSA key of less than 2048 bits")),
            Alg::Rs256 => Self::rsa(rsa_bits).map_err(|_| Error::Crypto("making an RSA key")),
        }
    }

    fn p256() -> Option<Self> {
        let generator = secret::generator();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &generator).ok()?;
        let private = Zeroizing::new(document.as_ref().to_vec());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &generator).ok()?;
        Some(Self { public: Public::from_point(pair.public_key().as_ref())?, private })
    }

    /// The primes are drawn by OpenSSL's own generator, which takes its seed from the operating system: there is no
    /// other way to make an RSA key with the libraries we have.
    fn rsa(bits: u32) -> Result<Self, openssl::error::ErrorStack> {
        let rsa = Rsa::generate(bits)?;
        let public = Public::Rsa { n: rsa.n().to_vec(), e: rsa.e().to_vec() };
        Ok(Self { private: Zeroizing::new(PKey::from_rsa(rsa)?.private_key_to_pkcs8()?), public })
    }
}

/// A private key, parsed.
pub(super) enum Signer {
    Ecdsa(Box<EcdsaKeyPair>),
    Rsa(Box<RsassaJwsSigner>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// Parses what [`Fresh`] holds; `None` unless it is the private half of `public`.
    pub(super) fn parse(public: &Public, private: &[u8]) -> Option<Self> {
        match public {
            Public::P256 { .. } => {
                let generator = secret::generator();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private, &generator).ok()?;
                let same = Public::from_point(pair.public_key().as_ref()).as_ref() == Some(public);
                same.then(|| Self::Ecdsa(Box::new(pair)))
            }
            Public::Ed25519(point) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(private, point).ok()?;
                Some(Self::Ed25519(Box::new(pair)))
            }
            Public::Rsa { n, e } => {
                let rsa = PKey::private_key_from_pkcs8(private).ok()?.rsa().ok()?;
                let same = rsa.n().to_vec() == *n && rsa.e().to_vec() == *e;
                same.then(|| RS256.signer_from_der(private).ok().map(|signer| Self::Rsa(Box::new(signer))))?
            }
        }
    }

    /// The signature as JWS wants it (RFC 7518 section 3; for ES256 r ‖ s).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&secret::generator(), message);
                signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| Error::Crypto("signing with ES256"))
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(signer) => {
                josekit::jws::JwsSigner::sign(&**signer, message).map_err(|_| Error::Crypto("signing with RS256"))
            }
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_looks_like_a_flag() {
        // One thumbprint in 64 would.
        for _ in 0..500 {
            let fresh = Fresh::generate(Alg::Es256, 3072).unwrap();
            assert!(!fresh.public.thumbprint().starts_with('-'));
        }
    }
}
