//! Opening signed tokens: RFC 7515 (compact form), RFC 7517 (key sets), RFC 7518 §3.3 and §3.4.
//!
//! The key decides the algorithm, never the header. Refuses anything but ES256 and RS256, any `crit`, `zip`, a missing or
//! unknown `kid`, repeated header members, padding, and a token longer than 16 KiB.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

const LONGEST_TOKEN: usize = 16 * 1024;

/// Why a token was not opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a compact JWS with a JSON object inside.
    #[error("not a signed token: {0}")]
    Malformed(&'static str),
    /// The header's `alg` is not the one of the key it names.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// The issuer does not publish that key.
    #[error("the token names a key the issuer does not publish")]
    UnknownKey,
    /// The signature is not by that key.
    #[error("the signature does not match")]
    Signature,
}

/// The protected header's members that matter.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// The algorithm claimed.
    pub alg: String,
    /// The key that signed.
    pub kid: Option<String>,
    /// The kind of token.
    pub typ: Option<String>,
    crit: Option<Value>,
    zip: Option<Value>,
}

/// A token whose signature was verified.
#[derive(Debug)]
pub struct Opened {
    /// The key that signed it.
    pub kid: String,
    /// Its kind, in lower case and without `application/`.
    pub typ: Option<String>,
    /// What it says.
    pub claims: Map<String, Value>,
}

enum Material {
    Es256(Vec<u8>),
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

/// The issuer's public keys by `kid`.
#[derive(Default)]
pub struct KeySet(HashMap<String, Material>);

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwk {
    fn material(&self) -> Option<Material> {
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        match (self.kty.as_str(), self.alg.as_deref()) {
            ("EC", None | Some("ES256")) if self.crv.as_deref() == Some("P-256") => {
                let (x, y) = (decode(self.x.as_deref()?)?, decode(self.y.as_deref()?)?);
                // SEC 1 §2.3.3: an uncompressed point is 4, x, y.
                (x.len() == 32 && y.len() == 32).then(|| Material::Es256([&[4_u8][..], &x, &y].concat()))
            }
            ("RSA", None | Some("RS256")) => {
                Some(Material::Rs256 { n: decode(self.n.as_deref()?)?, e: decode(self.e.as_deref()?)? })
            }
            _ => None,
        }
    }
}

impl KeySet {
    /// Reads a key set; keys of other kinds are passed over.
    ///
    /// # Errors
    /// When the text is no key set.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let published: Published = serde_json::from_str(json)?;
        let usable = published.keys.into_iter().filter_map(|key| {
            let material = key.material()?;
            Some((key.kid?, material))
        });
        Ok(Self(usable.collect()))
    }

    /// Verifies a token's signature and gives what it says.
    ///
    /// # Errors
    /// The refusal; claims are not looked at here.
    pub fn open(&self, token: &str) -> Result<Opened, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::Malformed("too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed("no signature"))?;
        let (head, payload) = signed.split_once('.').ok_or(Refusal::Malformed("no payload"))?;
        let header = header(head)?;
        let kid = header.kid.ok_or(Refusal::UnknownKey)?;
        let key = self.0.get(&kid).ok_or(Refusal::UnknownKey)?;
        let signature = decode(signature).ok_or(Refusal::Malformed("signature"))?;
        key.check(&header.alg, signed.as_bytes(), &signature)?;
        let payload = decode(payload).ok_or(Refusal::Malformed("payload"))?;
        let claims = serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed("payload"))?;
        let typ = header.typ.map(|typ| typ.to_ascii_lowercase());
        let typ = typ.map(|typ| typ.strip_prefix("application/").map_or(typ.clone(), str::to_owned));
        Ok(Opened { kid, typ, claims })
    }
}

impl Material {
    fn check(&self, alg: &str, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let checked = match (self, alg) {
            (Self::Es256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Self::Rs256 { n, e }, "RS256") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            _ => return Err(Refusal::Algorithm),
        };
        checked.map_err(|_| Refusal::Signature)
    }
}

fn header(encoded: &str) -> Result<Header, Refusal> {
    let bytes = decode(encoded).ok_or(Refusal::Malformed("header"))?;
    let header: Header = serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed("header"))?;
    if header.crit.is_some() || header.zip.is_some() {
        return Err(Refusal::Malformed("it asks for an extension"));
    }
    Ok(header)
}

/// Header and claims **without verifying anything**, to show them to a person. A client has no use for the inside of an
/// access token; only the resource it is meant for has.
pub fn show(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&decode(part)?).ok());
    Some((parts.next()??, parts.next()??))
}

/// Whether `aud` (a string or a list) names this audience.
pub fn names_audience(claims: &Map<String, Value>, wanted: &str) -> bool {
    audiences(claims).contains(&wanted)
}

/// All audiences of a token.
pub fn audiences(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A claim that is text.
pub fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// A claim that is a point in time (a NumericDate; fractions are cut).
#[allow(clippy::cast_possible_truncation)]
pub fn time(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
