//! Someone who holds a key: a client with `private_key_jwt`, or a forger.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::secret;
use chrono::{DateTime, Utc};
use openssl::bn::BigNum;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use ring::rand::SecureRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};
use uuid::Uuid;

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A key pair with a name.
pub struct Signer {
    pub kid: String,
    pub alg: &'static str,
    pair: Pair,
    /// The JWK's own members.
    public: Value,
}

pub fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn new(alg: &'static str, kid: &str) -> Self {
        let system = secret::generator();
        let (pair, public) = match alg {
            "ES256" => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &system).unwrap();
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &system).unwrap();
                let point = pair.public_key().as_ref();
                let public = json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])});
                (Pair::P256(pair), public)
            }
            "EdDSA" => {
                let document = Ed25519KeyPair::generate_pkcs8(&system).unwrap();
                let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
                let public = json!({"kty": "OKP", "crv": "Ed25519", "x": part(pair.public_key().as_ref())});
                (Pair::Ed25519(pair), public)
            }
            "RS256" | "PS256" => {
                let rsa = Rsa::generate_with_e(2048, &BigNum::from_u32(65_537).unwrap()).unwrap();
                let public = json!({"kty": "RSA", "n": part(rsa.n().to_vec()), "e": part(rsa.e().to_vec())});
                let document = PKey::from_rsa(rsa).unwrap().private_key_to_pkcs8().unwrap();
                (Pair::Rsa(RsaKeyPair::from_pkcs8(&document).unwrap()), public)
            }
            other => panic!("{other} is not signed with here"),
        };
        Self { kid: kid.to_owned(), alg, pair, public }
    }

    /// The public half, with these members besides.
    pub fn jwk_with(&self, more: Value) -> Value {
        let mut jwk = self.public.clone();
        jwk["kid"] = json!(self.kid);
        for (name, value) in more.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    pub fn jwk(&self) -> Value {
        self.jwk_with(json!({}))
    }

    /// A set of this key alone.
    pub fn set(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// The raw numbers of the public half.
    pub fn numbers(&self) -> Vec<Vec<u8>> {
        let texts = ["n", "e", "x", "y"].iter().filter_map(|name| self.public[*name].as_str());
        texts.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()).collect()
    }

    /// Signs whatever stands before the last dot, by the algorithm named.
    pub fn sign_as(&self, alg: &str, signed: &str) -> String {
        let system = secret::generator();
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&system, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let random: &dyn SecureRandom = &system;
                if alg == "PS256" {
                    pair.sign(&RSA_PSS_SHA256, random, signed.as_bytes(), &mut signature).unwrap();
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, random, signed.as_bytes(), &mut signature).unwrap();
                }
                signature
            }
        };
        format!("{signed}.{}", part(signature))
    }

    /// A token with this header.
    pub fn with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign_as(self.alg, &format!("{}.{}", part(header.to_string()), part(claims.to_string())))
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.alg, "kid": self.kid })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.with_header(&self.header(), claims)
    }
}

/// The claims of a good assertion: for a minute from now, never used before.
pub fn good_claims(issuer: &str, client: Uuid, now: DateTime<Utc>) -> Value {
    json!({
        "iss": client,
        "sub": client,
        "aud": issuer,
        "iat": now.timestamp(),
        "exp": now.timestamp() + 60,
        "jti": part(secret::bytes::<16>()),
    })
}
