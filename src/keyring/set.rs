//! The signing keys as this node holds them, made anew from the records at every load.
//!
//! Refuses records whose `kid` is not their public key's thumbprint, and private halves that were altered or moved from
//! another record. One bad record never hides what the others say: a revocation takes effect whatever else is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;
use zeroize::Zeroizing;

use super::private::Signer;
use super::public::Public;
use super::sealing::key_id;
use super::{Alg, Error, SealingKeys, State};
use crate::secret;
use crate::store::signing_keys::SigningKey;

/// One key: its record, its public half and, while it may sign, its private one.
pub(super) struct Key {
    pub(super) record: SigningKey,
    pub(super) alg: Alg,
    pub(super) public: Public,
    signer: Option<Signer>,
    /// The encoded header per `typ`.
    headers: RwLock<BTreeMap<String, Arc<str>>>,
}

impl Key {
    /// Reads the public half of a record.
    fn read(record: SigningKey) -> Result<Self, Error> {
        let alg: Option<Alg> = record.alg.parse().ok();
        let public = alg.and_then(|alg| Public::from_jwk(alg, &record.public_jwk));
        let public = public.filter(|public| public.thumbprint() == record.kid);
        match (alg, public) {
            (Some(alg), Some(public)) => Ok(Self { record, alg, public, signer: None, headers: RwLock::default() }),
            _ => Err(Error::Unsound { kid: record.kid, what: "its public half is not the one it is named after" }),
        }
    }

    /// `typ` as it stands, encoded, before the first dot.
    pub(super) fn header(&self, typ: &str) -> Arc<str> {
        if let Some(header) = self.headers.read().unwrap_or_else(PoisonError::into_inner).get(typ) {
            return header.clone();
        }
        let header = json!({ "alg": self.alg.name(), "typ": typ, "kid": self.record.kid });
        let header: Arc<str> = URL_SAFE_NO_PAD.encode(header.to_string()).into();
        let mut headers = self.headers.write().unwrap_or_else(PoisonError::into_inner);
        headers.entry(typ.to_owned()).or_insert(header).clone()
    }

    /// The private half, which only keys that sign or will sign have here.
    pub(super) fn signer(&self) -> Result<&Signer, Error> {
        self.signer.as_ref().ok_or(Error::NoSigningKey(self.alg))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.alg, self.record.kid)
    }
}

/// The record that a sealed private half is bound to.
pub(super) fn sealed_as(kid: &str) -> String {
    format!("signing_key/{kid}")
}

/// Opens the private half of a record.
pub(super) fn unseal(record: &SigningKey, sealing: &SealingKeys) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unsound = |what| Error::Unsound { kid: record.kid.clone(), what };
    let id = key_id(&record.sealing_key_id).ok_or_else(|| unsound("its sealing key has no proper name"))?;
    let key = sealing.get(id).ok_or_else(|| Error::Sealed { kid: record.kid.clone(), sealing: id })?;
    let opened = key.open(&sealed_as(&record.kid), &record.sealed);
    opened.map_err(|_| unsound("its sealed half does not open: it was altered, or is another record's"))
}

/// The key set (RFC 7517 section 5) as it goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The document.
    pub bytes: Bytes,
    /// Its strong validator, quotes included.
    pub etag: String,
    /// The keys in it.
    pub kids: Vec<String>,
}

impl Published {
    fn of(keys: &[Arc<Key>], now: DateTime<Utc>) -> Self {
        let keys = keys.iter().filter(|key| State::of(&key.record, now).is_published());
        let (kids, jwks): (Vec<_>, Vec<_>) = keys.map(|key| (key.record.kid.clone(), key.public.jwk())).unzip();
        let bytes = json!({ "keys": jwks }).to_string();
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(secret::sha256(&[bytes.as_bytes()])));
        Self { bytes: bytes.into(), etag, kids }
    }
}

/// All keys, and the key set made of them.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<Arc<Key>>,
    published: Arc<Published>,
    /// When the next key leaves the key set.
    until: Option<DateTime<Utc>>,
}

impl KeySet {
    /// Reads the records, ordered by algorithm and ordinal; and the first thing that is wrong with one.
    pub(super) fn load(
        records: Vec<SigningKey>,
        sealing: &SealingKeys,
        now: DateTime<Utc>,
    ) -> (Self, Result<(), Error>) {
        let mut keys = Vec::new();
        let mut fault = Ok(());
        for record in records {
            match Key::read(record).map(|key| open(key, sealing, now)) {
                Ok((key, opened)) => {
                    keys.push(Arc::new(key));
                    fault = fault.and(opened);
                }
                Err(error) => fault = fault.and(Err(error)),
            }
        }
        keys.sort_by_key(|key| (key.alg, key.record.ordinal));
        (Self::at(keys, now), fault)
    }

    /// The same keys, later.
    pub(super) fn later(&self, now: DateTime<Utc>) -> Self {
        Self::at(self.keys.clone(), now)
    }

    fn at(keys: Vec<Arc<Key>>, now: DateTime<Utc>) -> Self {
        let published = Arc::new(Published::of(&keys, now));
        let leaving = keys.iter().filter(|key| State::of(&key.record, now).is_published());
        Self { until: leaving.map(|key| key.record.gone_at).min(), published, keys }
    }

    /// Whether the key set is still the one to publish: no key has left it since it was made.
    pub(super) fn is_current(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// The key set, as it was made.
    pub(super) fn published(&self) -> Arc<Published> {
        self.published.clone()
    }

    /// The key of this name, whatever its state.
    pub(super) fn find(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.record.kid == kid)
    }

    /// The key that signs now.
    pub(super) fn signing(&self, alg: Alg, now: DateTime<Utc>) -> Result<&Arc<Key>, Error> {
        let mut newest = self.keys.iter().rev();
        let found = newest.find(|key| key.alg == alg && State::of(&key.record, now) == State::Signing);
        found.ok_or(Error::NoSigningKey(alg))
    }
}

/// Unseals what may sign, now or later.
fn open(mut key: Key, sealing: &SealingKeys, now: DateTime<Utc>) -> (Key, Result<(), Error>) {
    if !matches!(State::of(&key.record, now), State::Announced | State::Signing) {
        return (key, Ok(()));
    }
    let other = Error::Unsound { kid: key.record.kid.clone(), what: "its two halves don't belong together" };
    let opened = unseal(&key.record, sealing).and_then(|private| Signer::parse(&key.public, &private).ok_or(other));
    match opened {
        Ok(signer) => {
            key.signer = Some(signer);
            (key, Ok(()))
        }
        Err(error) => (key, Err(error)),
    }
}
