//! Tokens that we did not sign, or not like this: V041, V042, V044, V048, V049, V050, V055 and their siblings.
//!
//! Where it matters the forger has our real key, so that it is the form that is refused and not the signature.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chancery::keyring::{Alg, Expect, Format, Keyring, Refused};
use chancery::secret;
use chancery::store::signing_keys::list;
use openssl::pkey::PKey;
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::{ALL, ANY, Ground, jwks, signed};

fn part(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Someone who holds an ES256 key: ours, or his own.
struct Forger {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Forger {
    /// Our own key, taken out of the database.
    async fn with_our_key(ground: &Ground, keyring: &Keyring) -> Self {
        let kid = signed(keyring, Alg::Es256).1;
        let key = list(&ground.store).await.unwrap().into_iter().find(|key| key.kid == kid).unwrap();
        let private = keyring.sealing().current().open(&format!("signing_key/{kid}"), &key.sealed).unwrap();
        Self { pair: Self::pair(&private), kid }
    }

    fn stranger(kid: &str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &secret::generator()).unwrap();
        Self { pair: Self::pair(document.as_ref()), kid: kid.to_owned() }
    }

    fn pair(private: &[u8]) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private, &secret::generator()).unwrap()
    }

    /// Signs whatever stands before the last dot.
    fn sign(&self, signed: &str) -> String {
        let signature = self.pair.sign(&secret::generator(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", part(signature))
    }

    /// A token with this very text as its header.
    fn with_header(&self, header: &str) -> String {
        self.sign(&format!("{}.{}", part(header), part(r#"{"sub":"alice"}"#)))
    }

    /// A good header with these members changed or added.
    fn with(&self, changes: Value) -> String {
        let mut header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid });
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        self.with_header(&header.to_string())
    }

    /// His public key as a JWK.
    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..]) })
    }
}

#[tokio::test]
async fn the_forger_can_sign_what_is_good() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let forger = Forger::with_our_key(&ground, &keyring).await;
    let verified = keyring.verify(&forger.with(json!({})), ANY).unwrap();
    assert_eq!(verified.claims["sub"], "alice");
    // Members that mean nothing to us don't matter under our own signature.
    keyring.verify(&forger.with(json!({ "x": { "a": [1, null, 1.5, -1, true] } })), ANY).unwrap();
}

#[tokio::test]
async fn v041_a_public_key_is_no_shared_secret() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    for alg in ALL {
        let (_, kid) = signed(&keyring, alg);
        let pem = keyring.export(&kid, Format::Pem).await.unwrap();
        let public = PKey::public_key_from_pem(pem.as_bytes()).unwrap();
        let jwk = jwks(&keyring.jwks()).into_iter().find(|jwk| jwk["kid"] == kid.as_str()).unwrap();
        let mut secrets: Vec<Vec<u8>> = vec![Vec::new(), pem.trim_end().into(), jwk.to_string().into(), pem.into()];
        secrets.push(public.public_key_to_der().unwrap());
        if let Ok(rsa) = public.rsa() {
            secrets.push(rsa.public_key_to_der_pkcs1().unwrap());
            secrets.push(rsa.public_key_to_pem_pkcs1().unwrap());
        }
        for member in ["n", "x", "y"] {
            secrets.extend(jwk[member].as_str().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()));
        }
        let hashes = [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
        for (name, hash) in hashes {
            for secret in &secrets {
                for claimed in [name, alg.name()] {
                    let header = json!({ "alg": claimed, "typ": "JWT", "kid": kid }).to_string();
                    let signed = format!("{}.{}", part(header), part("{}"));
                    let tag = hmac::sign(&hmac::Key::new(hash, secret), signed.as_bytes());
                    let refused = keyring.verify(&format!("{signed}.{}", part(tag)), ANY).unwrap_err();
                    let why = if claimed == name { Refused::WrongAlg } else { Refused::BadSignature };
                    assert_eq!(refused, why, "{alg} as {claimed}");
                }
            }
        }
    }
}

#[tokio::test]
async fn v042_no_algorithm_is_no_signature() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let forger = Forger::with_our_key(&ground, &keyring).await;
    for alg in ["none", "None", "NONE", "nOnE", "", "es256", "ES256 ", "ES384", "RS256", "EdDSA"] {
        let token = forger.with(json!({ "alg": alg }));
        let unsigned = token.rsplit_once('.').unwrap().0;
        assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::WrongAlg, "{alg}");
        assert_eq!(keyring.verify(&format!("{unsigned}."), ANY).unwrap_err(), Refused::WrongAlg, "{alg}");
    }
    for alg in [Value::Null, json!(["ES256"]), json!(["none"]), json!({ "ES256": 1 }), json!(0), json!(true)] {
        let token = forger.with(json!({ "alg": alg }));
        assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Lacks("alg"), "{alg}");
    }
    let kid = &forger.kid;
    let missing = forger.with_header(&json!({ "typ": "JWT", "kid": kid }).to_string());
    assert_eq!(keyring.verify(&missing, ANY).unwrap_err(), Refused::Lacks("alg"));
    let good = forger.with(json!({}));
    let unsigned = good.rsplit_once('.').unwrap().0;
    assert_eq!(keyring.verify(&format!("{unsigned}."), ANY).unwrap_err(), Refused::BadSignature);
    assert_eq!(keyring.verify(&format!("{unsigned}.{}", part([0; 64])), ANY).unwrap_err(), Refused::BadSignature);
}

#[tokio::test]
async fn v044_v049_v055_a_token_does_not_bring_its_own_key() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let ours = Forger::with_our_key(&ground, &keyring).await;
    let certificate = keyring.export(&ours.kid, Format::Certificate).await.unwrap();
    let der = openssl::x509::X509::from_pem(certificate.as_bytes()).unwrap().to_der().unwrap();
    let stranger = Forger::stranger(&ours.kid);
    let brought = [
        ("jwk", stranger.jwk()),
        ("jwk", ours.jwk()),
        ("jwk", Value::Null),
        ("x5c", json!([STANDARD_NO_PAD.encode(&der)])),
        ("x5c", json!([])),
        ("jku", json!("https://attacker.test/jwks.json")),
        ("x5u", json!("https://attacker.test/chain.pem")),
    ];
    for (member, value) in brought {
        for forger in [&ours, &stranger] {
            let token = forger.with(json!({ member: value }));
            assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Forbidden(member), "{member}");
        }
    }
    assert_eq!(keyring.verify(&stranger.with(json!({})), ANY).unwrap_err(), Refused::BadSignature);
    for kid in ["", "../../dev/null", "' OR 1=1 --", "0"] {
        assert_eq!(keyring.verify(&ours.with(json!({ "kid": kid })), ANY).unwrap_err(), Refused::UnknownKey);
    }
    for kid in [Value::Null, json!(1), json!([ours.kid])] {
        assert_eq!(keyring.verify(&ours.with(json!({ "kid": kid })), ANY).unwrap_err(), Refused::Lacks("kid"));
    }
    // One of our other keys, of the same and of another algorithm.
    for other in keyring.jwks().kids.iter().filter(|kid| **kid != ours.kid) {
        let refused = keyring.verify(&ours.with(json!({ "kid": other })), ANY).unwrap_err();
        assert!(matches!(refused, Refused::BadSignature | Refused::WrongAlg), "{refused}");
    }
}

#[tokio::test]
async fn v048_an_encrypted_token_is_not_a_signed_one() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let (_, kid) = signed(&keyring, Alg::Rs256);
    let pem = keyring.export(&kid, Format::Pem).await.unwrap();
    let encrypter = josekit::jwe::RSA_OAEP.encrypter_from_pem(pem).unwrap();
    let mut header = josekit::jwe::JweHeader::new();
    header.set_content_encryption("A128GCM");
    header.set_token_type("JWT");
    header.set_key_id(&kid);
    let token = josekit::jwe::serialize_compact(br#"{"sub":"alice"}"#, &header, &encrypter).unwrap();
    assert_eq!(token.split('.').count(), 5);
    assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Malformed("has more than three parts"));
    let three: Vec<&str> = token.split('.').take(3).collect();
    assert_eq!(keyring.verify(&three.join("."), ANY).unwrap_err(), Refused::Forbidden("enc"));
    let forger = Forger::with_our_key(&ground, &keyring).await;
    for (member, value) in [("zip", json!("DEF")), ("enc", json!("A128GCM")), ("p2c", json!(1 << 31))] {
        let refused = keyring.verify(&forger.with(json!({ member: value })), ANY).unwrap_err();
        assert_eq!(refused, Refused::Forbidden(member));
    }
}

#[tokio::test]
async fn v050_no_extension_is_known() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let forger = Forger::with_our_key(&ground, &keyring).await;
    let forms = [json!("x"), json!([]), json!([1]), json!(["exp"]), json!(["b64"]), json!({}), json!(null), json!(0)];
    for crit in forms {
        let token = forger.with(json!({ "crit": crit, "exp": 1 }));
        assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Forbidden("crit"), "{crit}");
    }
    let token = forger.with(json!({ "crit": ["b64"], "b64": false }));
    assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Forbidden("crit"));
    let token = forger.with(json!({ "b64": false }));
    assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Forbidden("b64"));
}

#[tokio::test]
async fn a_member_stands_once() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let forger = Forger::with_our_key(&ground, &keyring).await;
    let kid = &forger.kid;
    let headers = [
        format!(r#"{{"alg":"none","alg":"ES256","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}","alg":"ES256"}}"#),
        format!(r#"{{"\u0061lg":"none","alg":"ES256","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"JWT","kid":"other","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}","x":{{"a":1,"a":2}}}}"#),
        format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}","x":[{{"a":1,"a":1}}]}}"#),
    ];
    for header in headers {
        let refused = keyring.verify(&forger.with_header(&header), ANY).unwrap_err();
        assert_eq!(refused, Refused::Malformed("has a member twice"), "{header}");
    }
    let header = part(json!({ "alg": "ES256", "typ": "JWT", "kid": kid }).to_string());
    for claims in [r#"{"sub":"alice","sub":"bob"}"#, r#"{"cnf":{"jkt":"a","jkt":"b"}}"#] {
        let token = forger.sign(&format!("{header}.{}", part(claims)));
        assert_eq!(keyring.verify(&token, ANY).unwrap_err(), Refused::Malformed("has a member twice"));
    }
    for claims in ["null", "[]", "1", "", "{", r#"{"a":1}x"#] {
        let token = forger.sign(&format!("{header}.{}", part(claims)));
        assert!(matches!(keyring.verify(&token, ANY).unwrap_err(), Refused::Malformed(_)), "{claims}");
    }
}

#[tokio::test]
async fn only_the_compact_form_in_canonical_base64url_is_read() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let forger = Forger::with_our_key(&ground, &keyring).await;
    let good = forger.with(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let json = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    // 64 bytes leave four bits of the last character without meaning; another character there is another token.
    let last = parts[2].bytes().last().unwrap();
    let bent = format!("{}{}", &good[..good.len() - 1], char::from(last + 1));
    let mut forms = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        parts[0].to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", parts[2]),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{}.{}.{}", parts[0], parts[1], URL_SAFE.encode(&signature)),
        bent,
        json,
        good.replace('.', "%2E"),
    ];
    let standard = STANDARD_NO_PAD.encode(&signature);
    if standard != parts[2] {
        forms.push(format!("{}.{}.{standard}", parts[0], parts[1]));
    }
    for form in forms {
        let refused = keyring.verify(&form, ANY).unwrap_err();
        assert!(matches!(refused, Refused::Malformed(_)), "{form}: {refused}");
    }
    let long = forger.with(json!({ "x": "a".repeat(16 * 1024) }));
    assert_eq!(keyring.verify(&long, ANY).unwrap_err(), Refused::TooLarge);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let deep = forger.with_header(&format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{}","x":{deep}}}"#, forger.kid));
    assert_eq!(keyring.verify(&deep, ANY).unwrap_err(), Refused::Malformed("is not JSON"));
    let claims = json!({ "x": "a".repeat(16 * 1024) });
    assert!(keyring.sign(Alg::Es256, "JWT", &claims).is_err(), "nor is one made that would not be read");
}

#[tokio::test]
async fn a_changed_character_anywhere_is_seen() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    for alg in ALL {
        let (good, kid) = signed(&keyring, alg);
        assert_eq!(keyring.verify(&good, ANY).unwrap().kid, kid);
        for at in 0..good.len() {
            for other in [b'A', b'b', b'_', b'.', b'='] {
                let mut bytes = good.clone().into_bytes();
                if bytes[at] == other {
                    continue;
                }
                bytes[at] = other;
                let altered = String::from_utf8(bytes).unwrap();
                assert!(keyring.verify(&altered, ANY.accept_gone()).is_err(), "{alg}: {other} at {at}");
            }
            assert!(keyring.verify(&good[..at], ANY).is_err(), "cut at {at}");
        }
    }
}

#[tokio::test]
async fn type_and_algorithm_are_the_callers_to_choose() {
    let ground = Ground::sqlite().await;
    let keyring = ground.keyring().await;
    let access = keyring.sign(Alg::Es256, "at+jwt", &json!({})).unwrap().compact;
    keyring.verify(&access, Expect::new(&["at+jwt"], &[Alg::Es256])).unwrap();
    for typ in [&["JWT"][..], &["AT+JWT"], &["at+jw"], &[""], &[]] {
        assert_eq!(keyring.verify(&access, Expect::new(typ, &ALL)).unwrap_err(), Refused::WrongType, "{typ:?}");
    }
    for algs in [&[Alg::Rs256][..], &[Alg::EdDsa, Alg::Rs256], &[]] {
        assert_eq!(keyring.verify(&access, Expect::new(&["at+jwt"], algs)).unwrap_err(), Refused::WrongAlg);
    }
    let forger = Forger::with_our_key(&ground, &keyring).await;
    let untyped = forger.with_header(&json!({ "alg": "ES256", "kid": forger.kid }).to_string());
    assert_eq!(keyring.verify(&untyped, ANY).unwrap_err(), Refused::Lacks("typ"));
}
