//! What is signed, and with what, as the client registered it: userinfo (OpenID Connect Core 5.3.2) and ID tokens (Dynamic
//! Registration 2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::keyring::{Alg, Expect};
use chancery::oidc::id_token;
use chancery::secret;
use reqwest::header;
use serde_json::{Value, json};

use super::{names, tokens};
use crate::kit::actors::{Browser, claims, http, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    userinfo_is_signed_where_the_client_wants_it,
    signed_userinfo_is_nothing_else,
    v054_a_hint_is_read_strictly,
    id_tokens_are_signed_as_registered,
    an_ended_key_signs_no_userinfo,
);

fn header_of(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap()
}

async fn published(issuer: &Issuer, path: &str) -> Value {
    http().get(issuer.url(path)).send().await.unwrap().json().await.unwrap()
}

/// docs/CONFORMANCE.md, "Userinfo": signed (`application/jwt`) when the client registered so.
async fn userinfo_is_signed_where_the_client_wants_it(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let alice = issuer.user("alice").await;
    for alg in [Alg::Es256, Alg::Rs256] {
        let rp = operator.client(&issuer.at, &["--userinfo-signed-response-alg", alg.name()]);
        let given = tokens(&issuer, &rp, "alice", "openid email").await;
        let answer = rp.userinfo(given.str("access_token")).await.ok();
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/jwt");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        let verified = issuer.app.keyring.verify(&answer.text, Expect::new(&["JWT"], &[alg])).unwrap();
        let told = json!({
            "iss": issuer.name, "aud": rp.id, "sub": alice.sub, "email": "alice@example.test", "email_verified": true,
        });
        assert_eq!(Value::Object(verified.claims), told);
        let keys = published(&issuer, "/.well-known/jwks.json").await;
        let key =
            keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header_of(&answer.text)["kid"]).unwrap();
        assert_eq!((&key["alg"], &key["use"]), (&json!(alg.name()), &json!("sig")));
        // POST alike; and a refusal is what it always is.
        let posted = rp.http.post(issuer.url("/oauth2/userinfo")).form(&[("access_token", given.str("access_token"))]);
        assert_eq!(posted.send().await.unwrap().headers()[header::CONTENT_TYPE], "application/jwt");
        rp.userinfo("nonsense").await.is(401, "invalid_token");
    }
    let metadata = published(&issuer, "/.well-known/openid-configuration").await;
    for of in ["userinfo_signing_alg_values_supported", "id_token_signing_alg_values_supported"] {
        assert_eq!(metadata[of], json!(["RS256", "ES256"]), "{of}");
    }
    assert!(!metadata.to_string().contains("_encryption_"), "what isn't offered isn't told");
    for scope in ["address", "phone"] {
        assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!(scope)));
    }
    for claim in ["birthdate", "address", "phone_number_verified", "zoneinfo", "middle_name"] {
        assert!(metadata["claims_supported"].as_array().unwrap().contains(&json!(claim)), "{claim}");
    }
    for (flag, member) in [
        ("--userinfo-signed-response-alg", "userinfo_signed_response_alg"),
        ("--id-token-signed-response-alg", "id_token_signed_response_alg"),
    ] {
        for alg in ["none", "HS256", "EdDSA", "PS256", "rs256"] {
            let create = ["client", "create", "--name", "Dash", "--redirect-uri", "https://rp.test/cb", flag, alg];
            operator.run(&create).refused(&format!("{member}: {alg:?} is not signed with here; choose RS256 or ES256"));
        }
    }
    issuer.stop().await;
}

/// V041 and its siblings: one kind of token is no other. A signed answer of userinfo is much like an ID token.
async fn signed_userinfo_is_nothing_else(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client_with(|row| row.metadata.userinfo_signed_response_alg = Some("ES256".to_owned())).await;
    let mut browser = Browser::new(&issuer);
    let given = rp.tokens(&mut browser, "alice").await;
    let jwt = rp.userinfo(given.str("access_token")).await.ok().text;
    rp.userinfo(&jwt).await.is(401, "invalid_token");
    assert_eq!(rp.introspect(&jwt).await.ok().text, r#"{"active":false}"#);
    let flow = rp.flow(&[("prompt", "none"), ("id_token_hint", &jwt)]);
    let to = location(&browser.get(&flow.url).await).unwrap();
    assert_eq!(parameter(&to, "error").as_deref(), Some("invalid_request"), "{to}");
    let out = browser.get(&issuer.url(&format!("/oauth2/logout?id_token_hint={jwt}"))).await;
    assert_eq!(out.status, 400, "{}", out.text);
    issuer.stop().await;
}

/// V054: `aud` of another shape is no audience, and "expired" is no excuse for a bad signature.
async fn v054_a_hint_is_read_strictly(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let whole = claims(rp.tokens(&mut browser, "alice").await.str("id_token"));
    let sign = |change: &dyn Fn(&mut Value)| {
        let mut claims = whole.clone();
        change(&mut claims);
        issuer.app.keyring.sign(Alg::Es256, "JWT", &claims).unwrap().compact
    };
    let without = |name: &'static str| move |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(name));
    let expired = sign(&|claims| claims["exp"] = json!(1_000_000));
    let (signed, signature) = expired.rsplit_once('.').unwrap();
    let mut bent = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bent[7] ^= 1;
    let bent = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bent));
    let ask = async |browser: &mut Browser, hint: &str| {
        let to = location(&browser.get(&rp.flow(&[("prompt", "none"), ("id_token_hint", hint)]).url).await).unwrap();
        parameter(&to, "error")
    };
    for good in [&sign(&|_| {}), &expired] {
        assert_eq!(ask(&mut browser, good).await, None);
    }
    let bad = [
        sign(&|claims| claims["aud"] = json!([rp.id])),
        sign(&|claims| claims["aud"] = json!([])),
        sign(&|claims| claims["aud"] = json!(7)),
        sign(&|claims| claims["aud"] = json!({ "id": rp.id })),
        sign(&|claims| claims["iss"] = json!(format!("{}/", issuer.name))),
        sign(&|claims| claims["sub"] = json!(null)),
        sign(&without("aud")),
        sign(&without("iss")),
        sign(&without("exp")),
        bent,
    ];
    for (at, hint) in bad.iter().enumerate() {
        assert_eq!(ask(&mut browser, hint).await.as_deref(), Some("invalid_request"), "{at}");
    }
    issuer.stop().await;
}

/// docs/CONFORMANCE.md, "Token endpoint": the ID token, with `at_hash`, by the algorithm the client registered.
async fn id_tokens_are_signed_as_registered(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    issuer.user("alice").await;
    for (profile, registered, signed) in [
        ("oauth21", None, "ES256"),
        ("oauth21", Some("RS256"), "RS256"),
        ("oidc", None, "RS256"),
        ("oidc", Some("ES256"), "ES256"),
    ] {
        let mut flags = vec!["--profile", profile];
        flags.extend(registered.iter().flat_map(|alg| ["--id-token-signed-response-alg", alg]));
        let rp = operator.client(&issuer.at, &flags);
        let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
        let next = rp.refresh(given.str("refresh_token")).await.ok();
        for answer in [&given, &next] {
            let id_token = answer.str("id_token");
            assert_eq!(header_of(id_token)["alg"], signed, "{profile} {registered:?}");
            let alg = signed.parse().unwrap();
            assert!(issuer.app.keyring.verify(id_token, Expect::new(&["JWT"], &[alg])).is_ok());
            let half = &secret::sha256(&[answer.str("access_token").as_bytes()])[..16];
            assert_eq!(claims(id_token)["at_hash"], URL_SAFE_NO_PAD.encode(half));
            assert_eq!(header_of(answer.str("access_token"))["alg"], "ES256", "access tokens are as they were");
        }
        // `iss sub aud exp iat`, `nonce` as sent, `auth_time`, `acr`, `amr`, `sid`, `at_hash`; and no more.
        let mut all = id_token::CLAIMS.to_vec();
        all.sort_unstable();
        assert_eq!(names(&claims(given.str("id_token"))), all);
        assert_eq!(claims(given.str("id_token"))["nonce"], "n-0S6_WzA2Mj");
        all.retain(|name| *name != "nonce");
        assert_eq!(names(&claims(next.str("id_token"))), all, "a refresh answers no nonce");
        // on refresh it keeps `iss sub aud auth_time`.
        for same in ["iss", "sub", "aud", "auth_time", "acr", "sid"] {
            assert_eq!(claims(given.str("id_token"))[same], claims(next.str("id_token"))[same], "{same}");
        }
    }
    issuer.stop().await;
}

async fn an_ended_key_signs_no_userinfo(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    issuer.user("alice").await;
    let rp = operator.client(&issuer.at, &["--userinfo-signed-response-alg", "RS256"]);
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let kid = |jwt: &str| header_of(jwt)["kid"].as_str().unwrap().to_owned();
    let before = kid(&rp.userinfo(given.str("access_token")).await.ok().text);
    operator.json(&["key", "revoke", &before]);
    issuer.until("this node has heard of it", async |issuer| issuer.app.live.has_ended_key(&before)).await;
    let answer = rp.userinfo(given.str("access_token")).await.ok();
    assert_ne!(kid(&answer.text), before, "the successor signs");
    issuer.stop().await;
}
