//! Public halves: their JWK (RFC 7517, RFC 7518 section 6, RFC 8037), thumbprint (RFC 7638), and verification by `ring`.
//!
//! Only public members are ever read or written. Refuses a JWK of another type or curve, and members that are not
//! canonical base64url of the right length.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256};
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

use super::Alg;
use crate::secret;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Public {
    /// The coordinates of a point on P-256.
    P256 { x: [u8; 32], y: [u8; 32] },
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An Ed25519 point.
    Ed25519([u8; 32]),
}

impl Public {
    pub(super) fn alg(&self) -> Alg {
        match self {
            Self::P256 { .. } => Alg::Es256,
            Self::Rsa { .. } => Alg::Rs256,
            Self::Ed25519(_) => Alg::EdDsa,
        }
    }

    /// The point in uncompressed form (SEC 1 section 2.3.3): 4 ‖ x ‖ y.
    pub(super) fn from_point(point: &[u8]) -> Option<Self> {
        let (&4, coordinates) = point.split_first()? else { return None };
        let (x, y) = coordinates.split_first_chunk()?;
        Some(Self::P256 { x: *x, y: y.try_into().ok()? })
    }

    /// Reads the public members of a JWK for `alg`.
    pub(super) fn from_jwk(alg: Alg, jwk: &Value) -> Option<Self> {
        let text = |member: &str| jwk.get(member)?.as_str();
        let bytes = |member| URL_SAFE_NO_PAD.decode(text(member)?).ok();
        let fixed = |member| -> Option<[u8; 32]> { bytes(member)?.try_into().ok() };
        match (alg, text("kty")?) {
            (Alg::Es256, "EC") if text("crv")? == "P-256" => Some(Self::P256 { x: fixed("x")?, y: fixed("y")? }),
            (Alg::Rs256, "RSA") => Some(Self::Rsa { n: bytes("n")?, e: bytes("e")? }),
            (Alg::EdDsa, "OKP") if text("crv")? == "Ed25519" => Some(Self::Ed25519(fixed("x")?)),
            _ => None,
        }
    }

    /// The members a thumbprint is made of, in the order it wants.
    fn members(&self) -> Vec<(&'static str, String)> {
        let word = |text: &str| text.to_owned();
        let bytes = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::P256 { x, y } => {
                vec![("crv", word("P-256")), ("kty", word("EC")), ("x", bytes(x)), ("y", bytes(y))]
            }
            Self::Rsa { n, e } => vec![("e", bytes(e)), ("kty", word("RSA")), ("n", bytes(n))],
            Self::Ed25519(x) => vec![("crv", word("Ed25519")), ("kty", word("OKP")), ("x", bytes(x))],
        }
    }

    /// The SHA-256 thumbprint: our `kid`.
    pub(super) fn thumbprint(&self) -> String {
        // Every value is a word or base64url: nothing needs escaping.
        let members: Vec<String> = self.members().iter().map(|(name, text)| format!("\"{name}\":\"{text}\"")).collect();
        URL_SAFE_NO_PAD.encode(secret::sha256(&[b"{", members.join(",").as_bytes(), b"}"]))
    }

    /// The JWK as published.
    pub(super) fn jwk(&self) -> Value {
        let ours = [("kid", self.thumbprint()), ("use", "sig".to_owned()), ("alg", self.alg().name().to_owned())];
        let members = self.members().into_iter().chain(ours);
        Value::Object(members.map(|(name, text)| (name.to_owned(), Value::String(text))).collect::<Map<_, _>>())
    }

    /// Whether `signature` is this RSA key's over `message` by RSASSA-PSS with SHA-256: others sign so, we don't.
    pub(super) fn verifies_pss(&self, message: &[u8], signature: &[u8]) -> bool {
        let Self::Rsa { n, e } = self else { return false };
        RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, message, signature).is_ok()
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256 { x, y } => {
                let point = [&[4], x.as_slice(), y].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(message, signature).is_ok(),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        }
    }
}
