//! The token endpoint as relying parties and certification ask for it (docs/CONFORMANCE.md), line by line.

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::browser::claims;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    every_answer_is_json_that_nobody_stores,
    a_code_has_128_bits_and_more,
    a_code_again_ends_what_the_first_use_gave_at_userinfo_too,
    a_code_with_anything_wrong_is_invalid_grant,
    a_refreshed_id_token_is_of_the_same_sign_in,
    a_refresh_narrows_the_access_token_only,
    failed_authentication_is_invalid_client_and_two_methods_are_invalid_request,
);

async fn ground(kind: Kind) -> (Issuer, RelyingParty) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    (issuer, rp)
}

/// `Content-Type` and `Cache-Control` of an answer.
fn kept(answer: &Answer) -> (&str, &str) {
    let header = |name| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
    (header("content-type"), header("cache-control"))
}

async fn every_answer_is_json_that_nobody_stores(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let mut browser = Browser::new(&issuer);
    // What is answered is what was asked for, and said where it is less.
    let whole = rp.tokens(&mut browser, "alice").await;
    let less = [("grant_type", "refresh_token"), ("refresh_token", whole.str("refresh_token")), ("scope", "openid")];
    let narrowed = rp.token(&less).await.ok();
    assert_eq!(narrowed.str("scope"), "openid");
    for answer in [&whole, &narrowed] {
        assert_eq!(answer.str("token_type"), "Bearer");
        assert!(answer.json["expires_in"].as_u64().is_some_and(|seconds| (1..=3600).contains(&seconds)));
    }
    let refused = rp.token(&[("grant_type", "authorization_code"), ("code", "x")]).await;
    let unknown = rp.token(&[("grant_type", "password")]).await;
    unknown.is(400, "unsupported_grant_type");
    for answer in [&whole, &narrowed, &refused, &unknown] {
        assert_eq!(kept(answer), ("application/json", "no-store"), "{}", answer.text);
    }
    issuer.stop().await;
}

async fn a_code_has_128_bits_and_more(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let mut browser = Browser::new(&issuer);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let code = browser.code(&rp.flow(&[]), "alice").await;
        // 22 characters of base64url have 132 bits.
        assert!(code.len() >= 22 + "ch_ac_".len() && code.is_ascii(), "{code}");
        assert!(seen.insert(code), "a code came twice");
    }
    issuer.stop().await;
}

async fn a_code_again_ends_what_the_first_use_gave_at_userinfo_too(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let flow = rp.flow(&[]);
    let code = Browser::new(&issuer).code(&flow, "alice").await;
    let given = rp.redeem(&flow, &code).await.ok();
    rp.userinfo(given.str("access_token")).await.ok();
    rp.redeem(&flow, &code).await.is(400, "invalid_grant");
    rp.userinfo(given.str("access_token")).await.is(401, "invalid_token");
    assert_eq!(rp.introspect(given.str("access_token")).await.ok().text, r#"{"active":false}"#);
    rp.refresh(given.str("refresh_token")).await.is(400, "invalid_grant");
    issuer.stop().await;
}

async fn a_code_with_anything_wrong_is_invalid_grant(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let other = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let code = browser.code(&rp.flow(&[]), "alice").await;
    let flow = other.flow(&[]);
    other.redeem(&flow, &code).await.is(400, "invalid_grant");
    for wrong in [("redirect_uri", "https://rp.test/other"), ("code_verifier", "wrong"), ("code_verifier", "")] {
        let flow = rp.flow(&[]);
        let code = browser.code(&flow, "alice").await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &rp.redirect),
            ("code_verifier", &flow.verifier),
        ];
        form.retain(|(name, _)| *name != wrong.0);
        if !wrong.1.is_empty() {
            form.push(wrong);
        }
        rp.token(&form).await.is(400, "invalid_grant");
    }
    issuer.stop().await;
}

async fn a_refreshed_id_token_is_of_the_same_sign_in(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let first = claims(given.str("id_token"));
    for name in ["iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid", "at_hash"] {
        assert!(!first[name].is_null(), "{name}: {first}");
    }
    assert_eq!((&first["nonce"], &first["name"], &first["email"]), (&"n-0S6_WzA2Mj".into(), &().into(), &().into()));
    // `iat` counts in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let next = claims(rp.refresh(given.str("refresh_token")).await.ok().str("id_token"));
    for name in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(next[name], first[name], "{name}");
    }
    assert!(next["iat"].as_i64() > first["iat"].as_i64());
    assert!(next["nonce"].is_null() || next["nonce"] == first["nonce"]);
    issuer.stop().await;
}

async fn a_refresh_narrows_the_access_token_only(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let other = issuer.client().await;
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let refresh = given.str("refresh_token");
    other.refresh(refresh).await.is(400, "invalid_grant");
    let scoped = async |token: &str, scope: &str| {
        rp.token(&[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    };
    scoped(refresh, "openid address").await.is(400, "invalid_scope");
    let narrow = scoped(refresh, "openid email").await.ok();
    assert_eq!(claims(narrow.str("access_token"))["scope"], "openid email");
    let whole = rp.refresh(narrow.str("refresh_token")).await.ok();
    assert_eq!(claims(whole.str("access_token"))["scope"], claims(given.str("access_token"))["scope"]);
    issuer.stop().await;
}

async fn failed_authentication_is_invalid_client_and_two_methods_are_invalid_request(kind: Kind) {
    let (issuer, rp) = ground(kind).await;
    let wrong = RelyingParty { secret: Some("wrong".to_owned()), ..rp.clone() };
    let refused = wrong.token(&[("grant_type", "client_credentials")]).await;
    refused.is(401, "invalid_client");
    assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    let posted = RelyingParty { method: "client_secret_post".to_owned(), ..wrong };
    posted.token(&[("grant_type", "client_credentials")]).await.is(401, "invalid_client");
    let secret = rp.secret.clone().unwrap();
    let both = [("grant_type", "client_credentials"), ("client_secret", secret.as_str())];
    rp.token(&both).await.is(400, "invalid_request");
    issuer.stop().await;
}
