//! The only room that asks for randomness: opaque credentials as types.
//!
//! A credential is a kind prefix, 256 random bits and a checksum: `ch_ac_` ‖ base64url(bytes ‖ check). It is kept only
//! as its SHA-256 [`Digest`], compared in constant time, and never printed. A UUID is never a secret (ASVS 11.5.1).
//! Refused before any look-up: another prefix, another length, another alphabet, a checksum that doesn't fit.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::rand::SecureRandom;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroize;

/// Fills `target` from the operating system's generator.
///
/// # Panics
/// Never in practice: when the system has no randomness to give there is nothing safe left to do.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, clippy::expect_used, reason = "this is the door")]
pub fn fill(target: &mut [u8]) {
    ring::rand::SystemRandom::new().fill(target).expect("the operating system gives random bytes");
}

/// The operating system's generator, for what `ring` draws by itself: key pairs, and the nonces of ECDSA.
#[must_use]
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is the door")]
pub fn generator() -> impl SecureRandom {
    ring::rand::SystemRandom::new()
}

/// `N` random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    out
}

/// A random identifier (`sub`, `sid`, `jti`): names something, protects nothing.
#[must_use]
pub fn uuid_v4() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// An identifier that sorts by the time it was made.
#[must_use]
pub fn uuid_v7(now: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes()).into_uuid()
}

/// What a credential is for. The prefix is part of the checksum, so that one kind never parses as another.
pub trait Kind {
    /// The visible prefix, as secret scanners know it.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl Kind for $name { const PREFIX: &'static str = $prefix; }
    )* };
}
kinds! {
    /// An authorization code (RFC 6749, 4.1.2).
    Code = "ch_ac_";
    /// A client's secret (RFC 6749, 2.3.1).
    ClientSecret = "ch_cs_";
    /// The secret of a browser's session cookie.
    SessionSecret = "ch_ss_";
    /// The secret that binds an interaction to the browser that began it.
    BrowserSecret = "ch_br_";
    /// An initial access token: it lets a client register itself (RFC 7591, 1.2).
    InitialToken = "ch_iat_";
    /// A registration access token: a client manages its own registration with it (RFC 7592, 1.2).
    RegistrationToken = "ch_rat_";
    /// What a device polls with (RFC 8628, 3.2).
    DeviceCode = "ch_dc_";
}

/// A credential of kind `K`, in clear. Lives only on its way to or from its holder.
#[derive(Clone)]
pub struct Opaque<K> {
    bytes: [u8; 32],
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Opaque<K> {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self { bytes: bytes(), kind: PhantomData }
    }

    /// Reads one as presented; anything but the exact form of this kind is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(K::PREFIX)?;
        let mut raw = [0; 36];
        if body.len() != 48 || URL_SAFE_NO_PAD.decode_slice(body, &mut raw).ok()? != 36 {
            return None;
        }
        let (secret, check) = raw.split_first_chunk::<32>()?;
        bool::from(checksum(K::PREFIX, secret).ct_eq(check)).then_some(Self { bytes: *secret, kind: PhantomData })
    }

    /// The text its holder is given.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut raw = [0; 36];
        for (to, from) in raw.iter_mut().zip(self.bytes.iter().chain(&checksum(K::PREFIX, &self.bytes))) {
            *to = *from;
        }
        format!("{}{}", K::PREFIX, URL_SAFE_NO_PAD.encode(raw))
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[K::PREFIX.as_bytes(), &self.bytes])
    }

    /// The raw bits, to key a MAC with.
    #[must_use]
    pub fn bits(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl<K> Drop for Opaque<K> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<K: Kind> fmt::Debug for Opaque<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(redacted)", K::PREFIX)
    }
}

fn checksum(prefix: &str, secret: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(&[b"chancery checksum", prefix.as_bytes(), secret]);
    [a, b, c, d]
}

/// SHA-256 over the parts, one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    out
}

/// SHA-512 of a text.
#[must_use]
pub fn sha512(text: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    for (to, from) in out.iter_mut().zip(ring::digest::digest(&ring::digest::SHA512, text).as_ref()) {
        *to = *from;
    }
    out
}

/// What is kept of a secret. It has no `==`: comparing goes through [`Digest::matches`], in constant time.
///
/// ```compile_fail
/// let digest = chancery::secret::Digest::of(&[b"a"]);
/// assert!(digest == digest);
/// ```
#[derive(Clone)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `parts`, one after the other.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(sha256(parts))
    }

    /// A digest as it was stored.
    #[must_use]
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For the column it is kept or looked up by.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the two are the same, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(redacted)")
    }
}

/// Whether two byte strings are the same, in constant time for equal lengths.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
