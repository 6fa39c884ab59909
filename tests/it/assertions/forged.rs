//! Assertions that anyone could make: refused before and after a key is looked for. V041, V042, V044, V048, V049, V050, V055, V061.

use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::PKey;
use ring::hmac;
use serde_json::{Value, json};

use super::Keyed;
use crate::kit::issuer::{Kind, on_both};
use crate::kit::signer::{Signer, part};

on_both!(
    v041_a_public_key_is_no_secret,
    v042_an_algorithm_there_must_be,
    v044_to_v055_no_key_is_brought_along,
    v048_only_a_signed_token_in_its_one_form,
    v061_a_kid_is_a_name_and_nothing_else,
    another_key_is_no_key,
);

async fn v041_a_public_key_is_no_secret(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let jwk = keyed.key.jwk();
    let parsed = josekit::jwk::Jwk::from_bytes(jwk.to_string()).unwrap();
    let pair = josekit::jws::ES256.verifier_from_jwk(&parsed);
    assert!(pair.is_ok(), "the key is one");
    let (x, y) = (&keyed.key.numbers()[0], &keyed.key.numbers()[1]);
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let number = |bytes: &[u8]| openssl::bn::BigNum::from_slice(bytes).unwrap();
    let point = openssl::ec::EcKey::from_public_key_affine_coordinates(&group, &number(x), &number(y)).unwrap();
    let public = PKey::from_ec_key(point).unwrap();
    let mut secrets = vec![
        public.public_key_to_pem().unwrap(),
        public.public_key_to_der().unwrap(),
        jwk.to_string().into_bytes(),
        keyed.key.set().to_string().into_bytes(),
        Vec::new(),
    ];
    secrets.extend(keyed.key.numbers());
    let pem = public.public_key_to_pem().unwrap();
    secrets.push(pem.strip_suffix(b"\n").unwrap().to_vec());
    for secret in secrets {
        for (alg, hash) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
            let header = json!({"alg": alg, "kid": "first"});
            let signed = format!("{}.{}", part(header.to_string()), part(keyed.claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(hash, &secret), signed.as_bytes());
            keyed.refused(&format!("{signed}.{}", part(tag)), "another algorithm than its key's").await;
        }
    }
    keyed.issuer.stop().await;
}

async fn v042_an_algorithm_there_must_be(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    for alg in [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!("nOnE"),
        json!(""),
        json!("ES256 "),
        json!("es256"),
        json!("ES384"),
        json!("RS256"),
        json!("RS1"),
        json!("EdDSA"),
    ] {
        let header = json!({"alg": alg, "kid": "first"});
        let good = keyed.key.with_header(&header, &keyed.claims());
        keyed.refused(&good, "another algorithm than its key's").await;
        let unsigned = good.rsplit_once('.').unwrap().0;
        keyed.refused(&format!("{unsigned}."), "another algorithm than its key's").await;
    }
    for alg in [json!(null), json!([]), json!(["ES256"]), json!(7), json!({"ES256": 1})] {
        keyed
            .refused(&keyed.key.with_header(&json!({"alg": alg, "kid": "first"}), &keyed.claims()), "has no `alg`")
            .await;
    }
    keyed.refused(&keyed.key.with_header(&json!({"kid": "first"}), &keyed.claims()), "has no `alg`").await;
    let good = keyed.assertion();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    keyed.refused(&format!("{signed}."), "signature is not its key's").await;
    keyed.refused(signed, "has no three parts").await;
    let claims = keyed.claims();
    let header = keyed.key.header();
    keyed
        .refused(
            &format!("{}.{}.{signature}", part(header.to_string()), part(claims.to_string())),
            "signature is not its key's",
        )
        .await;
    for typ in [
        json!("at+jwt"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("oauth-authz-req+jwt"),
        json!(""),
        json!("JWT "),
    ] {
        let header = json!({"alg": "ES256", "kid": "first", "typ": typ});
        keyed.refused(&keyed.key.with_header(&header, &claims), "of another type").await;
    }
    keyed
        .refused(&keyed.key.with_header(&json!({"alg": "ES256", "kid": "first", "typ": 7}), &claims), "has no `typ`")
        .await;
    keyed.ask(&good).await.ok();
    keyed.issuer.stop().await;
}

/// Neither a key nor the address of one, nor an extension, is taken from a header: not even by an honest key's holder.
async fn v044_to_v055_no_key_is_brought_along(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let there = format!("http://{}/jwks", canary.local_addr().unwrap());
    let forger = Signer::new("ES256", "first");
    let chain = [STANDARD.encode("a leaf"), STANDARD.encode("another")];
    for brought in [
        json!({"jwk": forger.jwk()}),
        json!({"jwk": null}),
        json!({"x5c": chain}),
        json!({"x5c": []}),
        json!({"jku": there}),
        json!({"x5u": there}),
        json!({"crit": "x"}),
        json!({"crit": []}),
        json!({"crit": [1]}),
        json!({"crit": ["exp"]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"p2c": 2_147_483_648_u64}),
    ] {
        let mut header = json!({"alg": "ES256", "kid": "first"});
        header.as_object_mut().unwrap().extend(brought.as_object().unwrap().clone());
        for key in [&forger, &keyed.key] {
            keyed.refused(&key.with_header(&header, &keyed.claims()), "the token's header has a `").await;
        }
    }
    // Addresses among the claims are claims.
    let mut claims = keyed.claims();
    for name in ["jku", "x5u", "jwks_uri", "aud_url"] {
        claims[name] = json!(there);
    }
    keyed.ask(&keyed.key.sign(&claims)).await.ok();
    claims["iss"] = json!(there);
    keyed.refused(&keyed.key.sign(&claims), "iss and sub").await;
    assert!(canary.accept().is_err(), "somebody knocked");
    keyed.issuer.stop().await;
}

async fn v048_only_a_signed_token_in_its_one_form(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let good = keyed.assertion();
    let parts: Vec<&str> = good.split('.').collect();
    let json_form = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]});
    let general = json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]});
    let jwe = [
        part(json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": keyed.key.jwk()}).to_string()),
        String::new(),
        part([0; 12]),
        part("x"),
        part([0; 16]),
    ];
    for (form, why) in [
        (json_form.to_string(), "has no three parts"),
        (general.to_string(), "has no three parts"),
        (jwe.join("."), "more than three parts"),
        (format!("{good}.{}", parts[2]), "more than three parts"),
        (format!("{good}="), "is not base64url"),
        (format!(" {good}"), "is not base64url"),
        (good.replace('.', " . "), "is not base64url"),
        ("x".to_owned(), "has no three parts"),
        ("..".to_owned(), "is not JSON"),
        (format!("{}.{}.{}", part("{}"), part("[]"), parts[2]), "holds no JSON object"),
        (format!("{}.{}.{}", part(r#"{"alg":"ES256","alg":"ES256"}"#), parts[1], parts[2]), "has a member twice"),
        (keyed.bent(|claims| claims["x"] = json!("a".repeat(16 << 10))), "larger than 16 KiB"),
    ] {
        keyed.refused(&form, why).await;
    }
    // A member twice among the claims: whichever a library takes, another takes the other.
    let claims = keyed.claims().to_string();
    let twice = format!("{},\"aud\":\"https://other.test\"}}", claims.strip_suffix('}').unwrap());
    let signed = format!("{}.{}", part(keyed.key.header().to_string()), part(twice));
    keyed.refused(&keyed.key.sign_as("ES256", &signed), "has a member twice").await;
    // Every bit counts.
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        keyed.ask(std::str::from_utf8(&bytes).unwrap()).await.is(401, "invalid_client");
    }
    keyed.ask(&good).await.ok();
    keyed.issuer.stop().await;
}

async fn v061_a_kid_is_a_name_and_nothing_else(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let clients = async || crate::kit::raw::Raw::open(&keyed.issuer.database).await.count("client", "true").await;
    let before = clients().await;
    for kid in [
        "../../../../etc/passwd",
        "/dev/null",
        "x' OR 1=1--",
        "'; DROP TABLE client;--",
        "first\0",
        "\0",
        "",
        " first",
        "FIRST",
        "http://127.0.0.1/",
        "%66irst",
        &"k".repeat(8000),
    ] {
        let header = json!({"alg": "ES256", "kid": kid});
        keyed.refused(&keyed.key.with_header(&header, &keyed.claims()), "names a key that isn't known").await;
    }
    for kid in [json!(null), json!(7), json!(["first"]), json!({"first": "first"}), json!(true)] {
        let header = json!({"alg": "ES256", "kid": kid});
        keyed.refused(&keyed.key.with_header(&header, &keyed.claims()), "has no `kid`").await;
    }
    assert_eq!(clients().await, before);
    keyed.ask(&keyed.assertion()).await.ok();
    keyed.issuer.stop().await;
}

/// Keys of strangers, of other clients, of the issuer itself.
async fn another_key_is_no_key(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let stranger = Signer::new("ES256", "first");
    keyed.refused(&stranger.sign(&keyed.claims()), "signature is not its key's").await;
    let nameless = |key: &Signer| key.with_header(&json!({"alg": "ES256"}), &keyed.claims());
    keyed.refused(&nameless(&stranger), "names a key that isn't known").await;
    let other = Signer::new("ES256", "other");
    let set = json!({"keys": [other.jwk(), keyed.key.jwk()]});
    let rp = keyed.issuer.client_with(|row| super::by_key(row, Some(set), None)).await;
    keyed.refused(&other.sign(&keyed.claims()), "names a key that isn't known").await;
    // Of two keys that fit, one must be named.
    let claims = crate::kit::signer::good_claims(&keyed.issuer.name, rp.id, keyed.clock.now());
    super::ask(&rp, &other.with_header(&json!({"alg": "ES256"}), &claims)).await.is(401, "invalid_client");
    super::ask(&rp, &other.sign(&claims)).await.ok();
    // What this issuer signs is no assertion, whatever it says.
    let claims: Value = keyed.claims();
    let ours = keyed.issuer.app.keyring.sign(chancery::keyring::Alg::Es256, "JWT", &claims).unwrap();
    keyed.refused(&ours.compact, "names a key that isn't known").await;
    keyed.issuer.stop().await;
}
