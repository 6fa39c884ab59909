//! Public keys of others, as they publish them (RFC 7517), and what their holders sign (RFC 7515): assertions of clients.
//!
//! What a key may be used for is read from the key's own record: a header chooses among that and adds nothing. Keys that are of no
//! use here are passed over: of other types and curves, for encryption, too small or too large; and those that are no secret any
//! more, because a private or symmetric member stands beside them. Refused: a set that is none, or of more than 64 keys of use.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Refused;
use super::header::{Parts, object, unique};
use super::public::Public;

/// An algorithm that others may sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignAlg {
    Es256,
    Rs256,
    Ps256,
    EdDsa,
}

impl ForeignAlg {
    pub const ALL: &'static [Self] = &[Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// The most keys of use in one set.
pub const MOST: usize = 64;
/// The longest name of a key.
const LONGEST_KID: usize = 256;
/// How large an RSA modulus may be, in bits.
const MODULUS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// What only the holder of a key has.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The keys of one holder.
#[derive(Debug, Clone, Default)]
pub struct ForeignKeys(Vec<ForeignKey>);

#[derive(Debug, Clone)]
struct ForeignKey {
    kid: Option<String>,
    /// What it signs with.
    algs: &'static [ForeignAlg],
    public: Public,
}

/// Why a document is no set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("is no JWK set: it is an object with the member keys, an array (RFC 7517, 5)")]
    NoSet,
    #[error("holds more than {MOST} keys")]
    TooMany,
}

impl ForeignKeys {
    /// Reads a set as it was sent.
    pub fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        let members = unique(json).map_err(|_| Unreadable::NoSet)?;
        Self::of(members.get("keys"))
    }

    /// Reads a set.
    pub fn read(set: &Value) -> Result<Self, Unreadable> {
        Self::of(set.get("keys"))
    }

    fn of(keys: Option<&Value>) -> Result<Self, Unreadable> {
        let keys = keys.and_then(Value::as_array).ok_or(Unreadable::NoSet)?;
        let usable: Vec<ForeignKey> = keys.iter().filter_map(ForeignKey::read).take(MOST + 1).collect();
        if usable.len() > MOST { Err(Unreadable::TooMany) } else { Ok(Self(usable)) }
    }

    /// Whether none of them is of use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claims of what one of these keys signed. A `typ` need not be there; one that is must be among `types`. Claims are the
    /// caller's to judge. [`Refused::UnknownKey`] when another set, a newer one, might know better.
    pub fn verify(&self, compact: &str, types: &[&str]) -> Result<Map<String, Value>, Refused> {
        let parts = Parts::read(compact)?;
        let alg = parts.text("alg")?;
        let alg = *ForeignAlg::ALL.iter().find(|known| known.name() == alg).ok_or(Refused::WrongAlg)?;
        if parts.header.contains_key("typ") {
            let typ = parts.text("typ")?.to_ascii_lowercase();
            let typ = typ.strip_prefix("application/").unwrap_or(&typ);
            types.iter().find(|known| known.eq_ignore_ascii_case(typ)).ok_or(Refused::WrongType)?;
        }
        let named = parts.header.contains_key("kid");
        let key = if named { self.named(parts.text("kid")?, alg) } else { self.only(alg) }?;
        if key.verifies(alg, parts.signed.as_bytes(), &parts.signature) {
            return object(parts.payload);
        }
        // Without a name it can't be told from one that another key signed.
        Err(if named { Refused::BadSignature } else { Refused::UnknownKey })
    }

    fn named(&self, kid: &str, alg: ForeignAlg) -> Result<&ForeignKey, Refused> {
        let mut named = self.0.iter().filter(|key| key.kid.as_deref() == Some(kid)).peekable();
        named.peek().ok_or(Refused::UnknownKey)?;
        named.find(|key| key.algs.contains(&alg)).ok_or(Refused::WrongAlg)
    }

    /// The one key for this algorithm: of several, one must be named (OpenID Connect Core 10.1).
    fn only(&self, alg: ForeignAlg) -> Result<&ForeignKey, Refused> {
        let mut fit = self.0.iter().filter(|key| key.algs.contains(&alg));
        match (fit.next(), fit.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Refused::Lacks("kid")),
            (None, _) => Err(Refused::UnknownKey),
        }
    }
}

/// Whom a token says it is about. Nothing of it is proved.
pub fn claimed_subject(compact: &str) -> Result<String, Refused> {
    let claims = object(Parts::read(compact)?.payload)?;
    claims.get("sub").and_then(Value::as_str).map(str::to_owned).ok_or(Refused::Malformed("has no subject"))
}

/// Whether a set shows what only the holders of its keys may have.
#[must_use]
pub fn gives_away(set: &Value) -> bool {
    let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.into_iter().any(|key| PRIVATE.iter().any(|member| key.get(member).is_some()))
}

impl ForeignKey {
    /// Reads one; none when it is of no use here.
    fn read(jwk: &Value) -> Option<Self> {
        let jwk = jwk.as_object()?;
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) || !is_for_signatures(jwk) {
            return None;
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|kid| kid.len() <= LONGEST_KID)?.to_owned()),
        };
        let (public, algs) = public(jwk)?;
        let algs = match jwk.get("alg") {
            None => algs,
            Some(alg) => {
                let at = algs.iter().position(|known| alg.as_str() == Some(known.name()))?;
                algs.get(at..=at)?
            }
        };
        Some(Self { kid, algs, public })
    }

    fn verifies(&self, alg: ForeignAlg, message: &[u8], signature: &[u8]) -> bool {
        match alg {
            ForeignAlg::Ps256 => self.public.verifies_pss(message, signature),
            ForeignAlg::Es256 | ForeignAlg::Rs256 | ForeignAlg::EdDsa => self.public.verifies(message, signature),
        }
    }
}

/// What its holder says it is for (RFC 7517, 4.2 and 4.3).
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let used = jwk.get("use").is_none_or(|used| used == "sig");
    let operations =
        jwk.get("key_ops").map(|listed| listed.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify")));
    used && operations.unwrap_or(true)
}

/// Its numbers (RFC 7518, 6; RFC 8037, 2), and what a key of this type can sign with.
fn public(jwk: &Map<String, Value>) -> Option<(Public, &'static [ForeignAlg])> {
    let text = |member: &str| jwk.get(member)?.as_str();
    let bytes = |member| URL_SAFE_NO_PAD.decode(text(member)?).ok();
    let fixed = |member| -> Option<[u8; 32]> { bytes(member)?.try_into().ok() };
    match (text("kty")?, text("crv")) {
        ("EC", Some("P-256")) => Some((Public::P256 { x: fixed("x")?, y: fixed("y")? }, &[ForeignAlg::Es256])),
        ("OKP", Some("Ed25519")) => Some((Public::Ed25519(fixed("x")?), &[ForeignAlg::EdDsa])),
        ("RSA", _) => {
            let (n, e) = (number(&bytes("n")?), number(&bytes("e")?));
            let bits = (n.len() * 8).checked_sub(usize::try_from(n.first()?.leading_zeros()).ok()?)?;
            let exponent = e.iter().try_fold(0_u32, |value, byte| Some(value.checked_mul(256)? | u32::from(*byte)))?;
            // Nothing else is the product of two primes and an exponent that has an inverse.
            let sound = MODULUS.contains(&bits) && n.last()? % 2 == 1 && exponent >= 3 && exponent % 2 == 1;
            sound.then_some((Public::Rsa { n, e }, &[ForeignAlg::Rs256, ForeignAlg::Ps256]))
        }
        _ => None,
    }
}

/// Without the zero that some put before a number whose first bit is set.
fn number(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}
