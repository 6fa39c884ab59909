//! Key sets as others publish them: what is of no use is passed over, and nothing brings the server down. V060.

use chancery::keyring::Refused;
use chancery::keyring::foreign::{ForeignKeys, MOST, Unreadable, claimed_subject, gives_away};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::OnceLock;

use crate::kit::signer::{Signer, part};

/// Whether a key stands in a set, and verifies what its holder signs.
fn is_of_use(key: &Signer, jwk: &Value) -> bool {
    let keys = ForeignKeys::read(&json!({ "keys": [jwk] })).unwrap();
    let verified = keys.verify(&key.sign(&json!({"sub": "x"})), &[]);
    assert_eq!(verified.is_ok(), !keys.is_empty(), "{jwk}");
    verified.is_ok()
}

fn with(jwk: &Value, name: &str, value: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[name] = value;
    jwk
}

#[test]
fn v060_what_is_of_no_use_is_passed_over() {
    for alg in ["ES256", "RS256", "PS256", "EdDSA"] {
        let key = Signer::new(alg, "k");
        let jwk = key.jwk();
        assert!(is_of_use(&key, &jwk));
        for (name, good, bad) in [
            ("use", json!("sig"), json!("enc")),
            ("key_ops", json!(["verify"]), json!(["sign", "encrypt"])),
            ("alg", json!(alg), json!("RSA-OAEP")),
            ("kid", json!("k"), json!(7)),
        ] {
            assert!(is_of_use(&key, &with(&jwk, name, good)));
            let keys = ForeignKeys::read(&json!({ "keys": [with(&jwk, name, bad)] })).unwrap();
            assert!(keys.is_empty(), "{alg}: {name}");
        }
        let bad = [
            ("use", json!(7)),
            ("use", json!("")),
            ("key_ops", json!([])),
            ("key_ops", json!("verify")),
            ("alg", json!("HS256")),
            ("alg", json!("none")),
            ("alg", json!(["ES256"])),
            ("kid", json!("k".repeat(257))),
            ("kty", json!("oct")),
            ("kty", json!("unheard-of")),
            ("kty", json!(null)),
            ("kty", json!({})),
        ];
        for (name, value) in bad {
            let keys = ForeignKeys::read(&json!({ "keys": [with(&jwk, name, value.clone())] })).unwrap();
            assert!(keys.is_empty(), "{alg}: {name} {value}");
        }
        // Whoever shows the private half has no secret any more.
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let set = json!({ "keys": [with(&jwk, member, json!("AQAB"))] });
            assert!(ForeignKeys::read(&set).unwrap().is_empty() && gives_away(&set), "{alg}: {member}");
        }
        assert!(!gives_away(&json!({ "keys": [jwk] })));
        // Numbers that are none, or of another length.
        for (name, value) in
            jwk.as_object().unwrap().iter().filter(|(name, _)| ["n", "e", "x", "y"].contains(&name.as_str()))
        {
            let text = value.as_str().unwrap();
            let bent = [
                json!(null),
                json!(7),
                json!(""),
                json!("!"),
                json!(format!("{text}=")),
                json!([text]),
                json!("AA"),
                json!(text[..text.len() / 2]),
            ];
            for value in bent {
                let keys = ForeignKeys::read(&json!({ "keys": [with(&jwk, name, value.clone())] })).unwrap();
                // Half of a modulus is a smaller one; what remains verifies nothing.
                assert!(keys.is_empty() || keys.verify(&key.sign(&json!({})), &[]).is_err(), "{alg}: {name} {value}");
            }
            let mut missing = jwk.clone();
            missing.as_object_mut().unwrap().remove(name);
            assert!(ForeignKeys::read(&json!({ "keys": [missing] })).unwrap().is_empty(), "{alg}: no {name}");
        }
    }
    for crv in ["P-384", "P-521", "secp256k1", "Ed448", "X25519", "", "p-256"] {
        for kty in ["EC", "OKP"] {
            let jwk = json!({"kty": kty, "crv": crv, "x": part([1; 32]), "y": part([1; 32])});
            assert!(ForeignKeys::read(&json!({ "keys": [jwk] })).unwrap().is_empty(), "{kty} {crv}");
        }
    }
}

#[test]
fn v060_moduli_have_a_size() {
    let rsa = |n: Vec<u8>, e: Vec<u8>| {
        ForeignKeys::read(&json!({"keys": [{"kty": "RSA", "kid": "k", "n": part(n), "e": part(e)}]})).unwrap()
    };
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] = 0xff_u8 >> (n.len() * 8 - bits);
        n
    };
    let usual = || vec![1, 0, 1];
    for (bits, taken) in [
        (1, false),
        (8, false),
        (512, false),
        (1024, false),
        (2040, false),
        (2047, false),
        (2048, true),
        (2049, true),
        (3072, true),
        (4096, true),
        (8192, true),
        (8193, false),
        (16_384, false),
        (100_000, false),
    ] {
        assert_eq!(!rsa(modulus(bits), usual()).is_empty(), taken, "{bits} bits");
    }
    // A zero before it is no bit of it.
    assert!(rsa([vec![0; 128], modulus(1024)].concat(), usual()).is_empty());
    assert!(!rsa([vec![0], modulus(2048)].concat(), vec![0, 1, 0, 1]).is_empty());
    assert!(rsa(vec![0; 256], usual()).is_empty() && rsa(vec![], usual()).is_empty());
    let even = [modulus(2040), vec![0xfe]].concat();
    assert!(rsa(even, usual()).is_empty(), "an even one is the product of no two primes");
    for (e, taken) in [
        (vec![1], false),
        (vec![0], false),
        (vec![], false),
        (vec![2], false),
        (vec![1, 0, 0], false),
        (vec![3], true),
        (vec![1, 0, 1], true),
        (vec![0xff; 5], false),
        (vec![0xff; 256], false),
    ] {
        assert_eq!(!rsa(modulus(2048), e.clone()).is_empty(), taken, "{e:?}");
    }
    // A modulus of ones: nothing is signed with it, and nothing breaks.
    let key = Signer::new("RS256", "k");
    assert_eq!(rsa(modulus(2048), usual()).verify(&key.sign(&json!({})), &[]), Err(Refused::BadSignature));
}

#[test]
fn v060_a_point_off_the_curve_verifies_nothing() {
    let key = Signer::new("ES256", "k");
    for (x, y) in [([0; 32], [0; 32]), ([0xff; 32], [0xff; 32]), ([1; 32], [1; 32])] {
        let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "k", "x": part(x), "y": part(y)});
        let keys = ForeignKeys::read(&json!({ "keys": [jwk] })).unwrap();
        assert_eq!(keys.verify(&key.sign(&json!({})), &[]), Err(Refused::BadSignature));
    }
    let key = Signer::new("EdDSA", "k");
    for x in [[0; 32], [0xff; 32], [1; 32]] {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": part(x)});
        let keys = ForeignKeys::read(&json!({ "keys": [jwk] })).unwrap();
        assert_eq!(keys.verify(&key.sign(&json!({})), &[]), Err(Refused::BadSignature));
    }
    // A signature of nothing but zeros fits no key.
    let good = key.sign(&json!({}));
    let zeros = format!("{}.{}", good.rsplit_once('.').unwrap().0, part([0; 64]));
    let keys = ForeignKeys::read(&key.set()).unwrap();
    assert_eq!(keys.verify(&zeros, &[]), Err(Refused::BadSignature));
    assert!(keys.verify(&good, &[]).is_ok());
}

#[test]
fn v060_a_set_is_an_object_and_has_an_end() {
    for text in [
        "",
        "null",
        "[]",
        "7",
        "\"keys\"",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":"x"}"#,
        "{\"keys\":[]",
        "{\"keys\":[]}x",
        r#"{"keys":[],"keys":[]}"#,
        "\u{feff}{\"keys\":[]}",
        "<html>",
    ] {
        assert_eq!(ForeignKeys::parse(text.as_bytes()).err(), Some(Unreadable::NoSet), "{text}");
    }
    assert!(ForeignKeys::parse(&[0xff, 0xfe]).is_err());
    let deep = format!("{{\"keys\":[{}1{}]}}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(ForeignKeys::parse(deep.as_bytes()).is_err());
    assert!(ForeignKeys::parse(br#"{"keys":[null,7,"x",[],{},true]}"#).unwrap().is_empty());
    let many = |count: usize| json!({"keys": vec![json!({"kty": "OKP", "crv": "Ed25519", "x": part([9; 32])}); count]});
    assert!(!ForeignKeys::read(&many(MOST)).unwrap().is_empty());
    for count in [MOST + 1, 10_000] {
        assert_eq!(ForeignKeys::read(&many(count)).err(), Some(Unreadable::TooMany));
    }
    // Any number that is of no use, in any order.
    let key = Signer::new("ES256", "k");
    let mut keys = vec![json!({"kty": "oct", "k": "AAAA"}); 10_000];
    keys.insert(5_000, key.jwk());
    assert!(ForeignKeys::read(&json!({ "keys": keys })).unwrap().verify(&key.sign(&json!({})), &[]).is_ok());
}

proptest! {
    /// Whatever is sent, a set or none comes of it, and no token is taken that its key didn't sign.
    #[test]
    fn v060_whatever_is_sent_is_judged(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0_usize..400,
        flip in 1_u8..=255,
    ) {
        let key = bent_key();
        let good = key.1.as_bytes();
        for document in [bytes.clone(), changed(good, at, flip), [&good[..at.min(good.len())], &bytes].concat()] {
            let _ = ForeignKeys::parse(&document);
        }
        let keys = ForeignKeys::parse(good).unwrap();
        let token = key.2.as_bytes();
        let bent = changed(token, at % token.len(), flip);
        if let Ok(bent) = std::str::from_utf8(&bent) {
            prop_assert!(keys.verify(bent, &[]).is_err(), "{bent}");
            let _ = claimed_subject(bent);
        }
        let garbage = String::from_utf8_lossy(&bytes);
        prop_assert!(keys.verify(&garbage, &[]).is_err());
        let shaped = format!("{}.{}.{}", part(&bytes), part(&bytes), part(&bytes));
        prop_assert!(keys.verify(&shaped, &[]).is_err());
    }
}

/// A key, the document of its set, and a token it signed: made once.
fn bent_key() -> &'static (Signer, String, String) {
    static KEY: OnceLock<(Signer, String, String)> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = Signer::new("ES256", "k");
        let (set, token) = (key.set().to_string(), key.sign(&json!({"sub": "x"})));
        (key, set, token)
    })
}

fn changed(bytes: &[u8], at: usize, flip: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= flip;
    }
    bytes
}

#[test]
fn a_name_twice_is_both_keys() {
    let (one, two) = (Signer::new("ES256", "k"), Signer::new("RS256", "k"));
    let keys = ForeignKeys::read(&json!({ "keys": [one.jwk(), two.jwk()] })).unwrap();
    for key in [&one, &two] {
        assert!(keys.verify(&key.sign(&json!({})), &[]).is_ok(), "{}", key.alg);
    }
}
