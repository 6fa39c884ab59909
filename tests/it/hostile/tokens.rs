//! Presented tokens over HTTP: forged ones, ours but wrong ones, those of another kind.
//! V041, V042, V044, V048, V049, V050, V054, V055, V061, V166, V192, V193.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chancery::keyring::Alg;
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::Ground;
use super::wire::Raw;
use crate::kit::actors::claims;
use crate::kit::issuer::{Kind, on_both};

on_both!(v041_to_v061_a_forged_token_is_none, v054_ours_but_wrong, v166_one_kind_is_no_other,);

fn part(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Refused wherever an access token is taken, told in the same words as garbage, and not a word of it repeated.
async fn refused(ground: &Ground, token: &str, why: &str) {
    assert_eq!(ground.web.introspect(token).await.ok().text, r#"{"active":false}"#, "{why}: {token}");
    let at = &ground.issuer.at;
    for (method, path) in [
        ("GET", "/oauth2/userinfo"),
        ("POST", "/oauth2/userinfo"),
        ("GET", "/gateway/revocations"),
        ("POST", "/admin/v1/revocations"),
    ] {
        let raw = Raw::new(method, path).header("authorization", format!("Bearer {token}"));
        let got = raw.header("content-length", "0").send(at).await;
        got.refused(why);
        assert_eq!(got.status, 401, "{why}: {path}: {got:?}");
        let challenge = got.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{why}: {got:?}");
    }
}

async fn v041_to_v061_a_forged_token_is_none(kind: Kind) {
    let ground = Ground::new(kind).await;
    let before = ground.state().await;
    let good = ground.tokens.str("access_token").to_owned();
    let pieces: Vec<&str> = good.split('.').collect();
    let (header, body) = (pieces[0], pieces[1]);
    let known: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let kid = known["kid"].as_str().unwrap();
    let http = &ground.web.http;
    let jwks: Value = http.get(ground.issuer.url("/.well-known/jwks.json")).send().await.unwrap().json().await.unwrap();

    // V042: no algorithm, however it is spelt; no signature.
    for alg in [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!("nOnE"),
        json!(""),
        json!(null),
        json!([]),
        json!(["ES256"]),
        json!("ES256 "),
    ] {
        let header = part(json!({"alg": alg, "typ": "at+jwt", "kid": kid}).to_string());
        refused(&ground, &format!("{header}.{body}."), "V042").await;
        refused(&ground, &format!("{header}.{body}.{}", pieces[2]), "V042").await;
    }
    let missing = part(json!({"typ": "at+jwt", "kid": kid}).to_string());
    for token in [
        format!("{missing}.{body}."),
        format!("{header}.{body}."),
        format!("{header}.{body}"),
        format!("{header}..{}", pieces[2]),
        format!(".{body}.{}", pieces[2]),
    ] {
        refused(&ground, &token, "V042").await;
    }
    // V041: a public key as a shared secret.
    for jwk in jwks["keys"].as_array().unwrap() {
        let numbers = ["n", "x", "y"].iter().filter_map(|name| jwk[*name].as_str());
        let mut secrets: Vec<Vec<u8>> = numbers.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()).collect();
        secrets.extend([jwk.to_string().into_bytes(), jwks.to_string().into_bytes(), Vec::new()]);
        for secret in secrets {
            for (alg, hash) in
                [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let said =
                    format!("{}.{body}", part(json!({"alg": alg, "typ": "at+jwt", "kid": jwk["kid"]}).to_string()));
                let tag = hmac::sign(&hmac::Key::new(hash, &secret), said.as_bytes());
                refused(&ground, &format!("{said}.{}", part(tag)), "V041").await;
                if kind == Kind::Postgres {
                    break;
                }
            }
        }
    }
    // V044, V049, V055: a token that brings its own key, or says where to fetch one.
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chancery::secret::generator()).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &chancery::secret::generator())
            .unwrap();
    let point = pair.public_key().as_ref();
    let own = json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])});
    let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let there = format!("http://{}/jwks", canary.local_addr().unwrap());
    let mut headers = vec![
        json!({"jwk": own}),
        json!({"jwk": own, "kid": null}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5c": [STANDARD_NO_PAD.encode(point)]}),
        json!({"jku": there}),
        json!({"x5u": there}),
        // V050: extensions nobody knows, of any type.
        json!({"crit": "x"}),
        json!({"crit": []}),
        json!({"crit": [1]}),
        json!({"crit": ["exp"]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
    ];
    // V061: a kid that is a path, a statement, nothing, endless.
    let endless = "k".repeat(40_000);
    for kid in [
        "../../../../etc/passwd",
        "x' OR 1=1--",
        "\0",
        "",
        "\u{1F98A}",
        "*",
        kid.to_uppercase().as_str(),
        endless.as_str(),
    ] {
        headers.push(json!({"kid": kid}));
    }
    headers.extend([json!({"kid": 7}), json!({"kid": [kid]}), json!({"kid": {"$ne": null}})]);
    for more in headers {
        let mut header = known.clone();
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        let said = format!("{}.{body}", part(header.to_string()));
        let signature = pair.sign(&chancery::secret::generator(), said.as_bytes()).unwrap();
        let token = format!("{said}.{}", part(signature));
        let shown = more.to_string().chars().take(60).collect::<String>();
        refused(&ground, &token, &shown).await;
    }
    assert!(canary.accept().is_err(), "V055: somebody came to fetch a key");
    // V048, V192, V193: encrypted ones are refused before anything is derived or unpacked.
    for alg in ["dir", "RSA1_5", "RSA-OAEP", "ECDH-ES", "PBES2-HS512+A256KW"] {
        let header = json!({"alg": alg, "enc": "A256GCM", "p2c": 2_147_483_647, "p2s": "AAAA", "zip": "DEF", "typ": "at+jwt", "kid": kid});
        refused(&ground, &format!("{}.{}.AAAA.{}.AAAA", part(header.to_string()), part([1; 32]), part([0; 4096])), alg)
            .await;
    }
    let general = json!({"payload": body, "signatures": [{"protected": header, "signature": pieces[2]}]}).to_string();
    let flat = json!({"payload": body, "protected": header, "signature": pieces[2]}).to_string();
    for json in [general, flat] {
        assert_eq!(ground.web.introspect(&json).await.ok().text, r#"{"active":false}"#);
    }
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v054_ours_but_wrong(kind: Kind) {
    let ground = Ground::new(kind).await;
    let before = ground.state().await;
    let good = claims(ground.tokens.str("access_token"));
    let sign = |alg, typ: &str, claims: &Value| ground.issuer.app.keyring.sign(alg, typ, claims).unwrap().compact;
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        claims
    };
    // What we would sign is taken, so that it is the change that is refused.
    let whole = sign(Alg::Es256, "at+jwt", &good);
    assert_eq!(ground.web.introspect(&whole).await.ok().json["active"], true);
    let many = sign(Alg::Es256, "at+jwt", &changed("aud", json!(["https://api.test", good["aud"]])));
    assert_eq!(ground.web.introspect(&many).await.ok().json["active"], true);
    let now = good["iat"].as_i64().unwrap();
    for (name, value) in [
        ("aud", json!(null)),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("aud", json!({"a": 1})),
        ("aud", json!([7])),
        ("aud", json!([["x"]])),
        ("iss", json!(null)),
        ("iss", json!("https://other.test")),
        ("iss", json!(format!("{}/", ground.issuer.name))),
        ("iss", json!([ground.issuer.name])),
        ("iss", json!("")),
        ("exp", json!(null)),
        ("exp", json!(now - 1)),
        ("exp", json!(now)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!(now + 100_000)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(9.9e99)),
        ("exp", json!(true)),
        ("iat", json!(null)),
        ("iat", json!(now + 5000)),
        ("iat", json!(0)),
        ("iat", json!(i64::MIN)),
        ("iat", json!("x")),
        ("jti", json!(null)),
        ("jti", json!("x")),
        ("jti", json!("")),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("client_id", json!(null)),
        ("client_id", json!("x")),
        ("client_id", json!("../x")),
        ("scope", json!(null)),
        ("scope", json!(["openid"])),
        ("rev_seq", json!(null)),
        ("rev_seq", json!("0")),
        ("rev_seq", json!(i64::MAX)),
        ("rev_seq", json!(1.5)),
        ("sid", json!("x")),
        ("family_id", json!("x")),
    ] {
        let token = sign(Alg::Es256, "at+jwt", &changed(name, value.clone()));
        refused(&ground, &token, &format!("{name}: {value}")).await;
    }
    for typ in ["JWT", "at+JWT ", "", "logout+jwt", "dpop+jwt", "application/jwt"] {
        refused(&ground, &sign(Alg::Es256, typ, &good), typ).await;
    }
    refused(&ground, &sign(Alg::Rs256, "at+jwt", &good), "another algorithm than access tokens have").await;
    // Expired and badly signed: a failure, not "expired but fine".
    let expired = sign(Alg::Es256, "at+jwt", &changed("exp", json!(now - 1)));
    refused(&ground, &format!("{}AAAA", &expired[..expired.len() - 4]), "expired and forged").await;
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}

async fn v166_one_kind_is_no_other(kind: Kind) {
    let ground = Ground::new(kind).await;
    let before = ground.state().await;
    let (id, refresh, access) =
        (ground.tokens.str("id_token"), ground.tokens.str("refresh_token"), ground.tokens.str("access_token"));
    let cookies: Vec<&str> = ground.browser.cookies.values().map(String::as_str).collect();
    assert!(!cookies.is_empty());
    let secret = ground.web.secret.as_deref().unwrap();
    // As an access token.
    for other in [id, secret].into_iter().chain(cookies.iter().copied()) {
        refused(&ground, other, "another kind").await;
    }
    ground.web.userinfo(refresh).await.is(401, "invalid_token");
    // As a refresh token, and as a code.
    for other in [id, access, secret].into_iter().chain(cookies.iter().copied()) {
        ground.web.refresh(other).await.is(400, "invalid_grant");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", other),
            ("redirect_uri", "https://rp.test/cb"),
            ("code_verifier", &"v".repeat(43)),
        ];
        ground.web.token(&form).await.is(400, "invalid_grant");
    }
    // As a session cookie, and as the browser's.
    for other in [id, access, refresh, secret] {
        for name in ground.browser.cookies.keys() {
            let got = Raw::get(ground.web.flow(&[("prompt", "none")]).url.strip_prefix(&ground.web.at).unwrap());
            let got = got.header("cookie", format!("{name}={other}")).send(&ground.issuer.at).await;
            assert!(got.header("location").is_some_and(|to| to.contains("error=login_required")), "{got:?}");
        }
    }
    // A client's own token stands for no user; a user's token opens no API of ours; each API wants its own scope.
    let own = ground.service.own_token("chancery:feed").await;
    ground.web.userinfo(&own).await.is(403, "insufficient_scope");
    let at = &ground.issuer.at;
    for (token, path, status) in [
        (access, "/gateway/revocations", 403),
        (access, "/admin/v1/revocations", 403),
        (own.as_str(), "/gateway/revocations", 200),
        (own.as_str(), "/admin/v1/revocations", 403),
    ] {
        let method = if path.starts_with("/admin") { "POST" } else { "GET" };
        let got = Raw::new(method, path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-length", "0")
            .send(at)
            .await;
        got.sound(path);
        assert_eq!(got.status, status, "{path}: {got:?}");
    }
    // V229, RFC 6750, 2.3: never in the address; and one token, not two.
    let got = Raw::get(&format!("/oauth2/userinfo?access_token={access}")).send(at).await;
    assert_eq!(got.status, 401, "{got:?}");
    let twice = Raw::form("/oauth2/userinfo", format!("access_token={access}"))
        .header("authorization", format!("Bearer {access}"));
    assert_eq!((twice.send(at).await).status, 400);
    ground.unchanged(&before, &ground.state().await);
    ground.goes_on().await;
    ground.issuer.stop().await;
}
