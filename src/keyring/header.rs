//! The compact form and the header of a JWS (RFC 7515 sections 4 and 7.1), looked at before any key is chosen.
//!
//! Refuses: anything but three parts in canonical base64url, duplicate members at any depth, and members by which a
//! token would bring its own key, name extensions, compress or encrypt. `crit` is refused whatever its JSON type,
//! because this server knows no extension; libraries skip the ill-typed ones.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Refused;

/// The largest token that is looked at, in bytes.
pub(super) const LARGEST: usize = 16 * 1024;

/// Header members that are refused by their presence.
const FORBIDDEN: [&str; 10] = ["crit", "b64", "jwk", "jku", "x5c", "x5u", "zip", "enc", "epk", "p2c"];

/// The three parts of a token. Nothing in it is proved yet.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) header: Map<String, Value>,
    /// What the signature is over.
    pub(super) signed: &'a str,
    /// The second part, still encoded.
    pub(super) payload: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(compact: &'a str) -> Result<Self, Refused> {
        if compact.len() > LARGEST {
            return Err(Refused::TooLarge);
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or(Refused::Malformed("has no three parts"))?;
        let (header, payload) = signed.split_once('.').ok_or(Refused::Malformed("has no three parts"))?;
        if payload.contains('.') {
            return Err(Refused::Malformed("has more than three parts"));
        }
        let header = object(header)?;
        if let Some(member) = FORBIDDEN.into_iter().find(|member| header.contains_key(*member)) {
            return Err(Refused::Forbidden(member));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Malformed("is not base64url"))?;
        Ok(Self { header, signed, payload, signature })
    }

    /// A header member that must be there and be text.
    pub(super) fn text(&self, member: &'static str) -> Result<&str, Refused> {
        self.header.get(member).and_then(Value::as_str).ok_or(Refused::Lacks(member))
    }
}

/// Decodes one part into a JSON object without duplicate members.
pub(super) fn object(part: &str) -> Result<Map<String, Value>, Refused> {
    unique(&URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed("is not base64url"))?)
}

/// Reads a JSON object without duplicate members.
pub(super) fn unique(json: &[u8]) -> Result<Map<String, Value>, Refused> {
    json_object(json).map_err(Refused::Malformed)
}

/// The same; the error says what else it is.
pub fn json_object(json: &[u8]) -> Result<Map<String, Value>, &'static str> {
    match serde_json::from_slice(json) {
        Ok(Unique(Value::Object(members))) => Ok(members),
        Ok(_) => Err("holds no JSON object"),
        Err(error) if error.to_string().starts_with(DUPLICATE) => Err(DUPLICATE),
        Err(_) => Err("is not JSON"),
    }
}

const DUPLICATE: &str = "has a member twice";

/// JSON in which no object has a member twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seen).map(Self)
    }
}

struct Seen;

impl<'de> Visitor<'de> for Seen {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = map.next_entry::<String, Unique>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(members))
    }
}
