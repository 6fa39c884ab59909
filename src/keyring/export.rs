//! The public half of a signing key in the forms gateways take: JWK (RFC 7517), PEM (RFC 7468, SubjectPublicKeyInfo) and
//! a self-signed certificate (RFC 5280) for those that know nothing else.
//!
//! Nothing private ever leaves. Refuses a certificate of a revoked key.

use chrono::{DateTime, Utc};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::Public as PublicHalf;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Name};

use super::public::Public;
use super::set::unseal;
use super::{Error, Keyring, State};
use crate::secret;
use crate::store::signing_keys::{self, SigningKey};

/// A form to export a public key in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Jwk,
    Pem,
    Certificate,
}

impl Keyring {
    /// The public half of `kid`, whatever its state.
    pub async fn export(&self, kid: &str, format: Format) -> Result<String, Error> {
        let keys = signing_keys::list(&self.0.store).await?;
        let Some(key) = keys.into_iter().find(|key| key.kid == kid) else {
            return Err(Error::UnknownKey(kid.to_owned()));
        };
        let public = key.alg.parse().ok().and_then(|alg| Public::from_jwk(alg, &key.public_jwk));
        let public = public.filter(|public| public.thumbprint() == key.kid).ok_or_else(|| Error::Unsound {
            kid: key.kid.clone(),
            what: "its public half is not the one it is named after",
        })?;
        match format {
            Format::Jwk => Ok(format!("{:#}\n", public.jwk())),
            Format::Pem => pem(&public).map_err(|_| Error::Crypto("writing PEM")),
            Format::Certificate if State::of(&key, self.0.clock.now()) == State::Revoked => {
                Err(Error::Revoked(key.kid))
            }
            Format::Certificate => {
                let private = unseal(&key, &self.0.sealing)?;
                let made = private_key(&public, &private).and_then(|private| certificate(&key, &private));
                made.map_err(|_| Error::Crypto("writing a certificate"))
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn pem(public: &Public) -> Result<String, ErrorStack> {
    public_key(public)?.public_key_to_pem().map(text)
}

fn public_key(public: &Public) -> Result<PKey<PublicHalf>, ErrorStack> {
    match public {
        Public::P256 { x, y } => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            let point = [&[4], x.as_slice(), y].concat();
            let point = EcPoint::from_bytes(&group, &point, &mut *BigNumContext::new()?)?;
            PKey::from_ec_key(EcKey::from_public_key(&group, &point)?)
        }
        Public::Rsa { n, e } => {
            PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(n)?, BigNum::from_slice(e)?)?)
        }
        Public::Ed25519(x) => PKey::public_key_from_raw_bytes(x, Id::ED25519),
    }
}

fn private_key(public: &Public, private: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    match public {
        Public::Ed25519(_) => PKey::private_key_from_raw_bytes(private, Id::ED25519),
        Public::P256 { .. } | Public::Rsa { .. } => PKey::private_key_from_pkcs8(private),
    }
}

/// The same subject, serial and dates each time: only an ECDSA signature differs from one export to the next.
fn certificate(key: &SigningKey, private: &PKey<Private>) -> Result<String, ErrorStack> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_nid(Nid::COMMONNAME, &key.kid)?;
    let name = name.build();
    let digest = secret::sha256(&[b"serial", key.kid.as_bytes()]);
    let (serial, _) = digest.split_at(16);
    let time = |at: DateTime<Utc>| Asn1Time::from_unix(at.timestamp());
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&*BigNum::from_slice(serial)?)?)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(&*time(key.announced_at)?)?;
    builder.set_not_after(&*time(key.gone_at)?)?;
    builder.set_pubkey(private)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    let hash = if private.id() == Id::ED25519 { MessageDigest::null() } else { MessageDigest::sha256() };
    builder.sign(private, hash)?;
    builder.build().to_pem().map(text)
}
