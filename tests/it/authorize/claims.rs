//! `claims` and `acr_values`: what is told of the user because it was asked for by name, and how well the user must have signed in.

use serde_json::{Value, json};

use super::{ALICE, RelyingParty};
use super::{Browser, Issuer, answer, asking, has, refused, registered, sign_in, silently, told};
use crate::kit::actors::claims;
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Operator;
use crate::kit::raw::Raw;

on_both!(
    claims_for_userinfo_and_for_the_id_token_are_told_there,
    claims_beyond_the_scopes_are_shown_allowed_and_remembered,
    claims_go_no_further_than_the_registration,
    claims_that_cannot_be_read_are_invalid_request,
    claims_that_are_unknown_are_ignored,
    claims_last_as_long_as_the_family_and_end_with_it,
    voluntary_acr_values_never_fail_and_acr_is_returned,
    an_essential_acr_that_cannot_be_met_is_unmet_authentication_requirements,
    offline_access_once_consented_to_gives_a_refresh_token,
);

/// A request by name: nothing but `openid` by scope.
async fn named(browser: &mut Browser, rp: &RelyingParty, wish: &Value) -> (Value, Value) {
    let wish = wish.to_string();
    let flow = rp.flow(&[("scope", "openid"), ("claims", &wish)]);
    let code = browser.code(&flow, "alice").await;
    let tokens = rp.redeem(&flow, &code).await.ok();
    let userinfo = rp.userinfo(tokens.str("access_token")).await.ok().json;
    (claims(tokens.str("id_token")), userinfo)
}

async fn claims_for_userinfo_and_for_the_id_token_are_told_there(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let wish = json!({
        "userinfo": { "email": null, "email_verified": { "essential": true } },
        "id_token": { "name": { "essential": true }, "auth_time": { "essential": true } },
    });
    let (id_token, userinfo) = named(&mut browser, &rp, &wish).await;
    assert_eq!((&id_token["name"], id_token.get("email")), (&json!("alice of the tests"), None));
    assert!(id_token["auth_time"].is_i64());
    let members: Vec<_> = userinfo.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["sub", "email", "email_verified"]);
    assert_eq!((&userinfo["email"], &userinfo["email_verified"]), (&json!("alice@example.test"), &json!(true)));
    assert_eq!(userinfo["sub"], id_token["sub"]);
    // The same by POST, and in metadata.
    let metadata = browser.get(&issuer.url("/.well-known/openid-configuration")).await;
    assert_eq!(metadata.json["claims_parameter_supported"], true);
    for claim in ["email", "name", "acr", "auth_time"] {
        assert!(metadata.json["claims_supported"].as_array().unwrap().contains(&json!(claim)), "{claim}");
    }
    issuer.stop().await;
}

async fn claims_beyond_the_scopes_are_shown_allowed_and_remembered(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let wish = json!({ "userinfo": { "email": null }, "id_token": { "groups": null } }).to_string();
    let flow = rp.flow(&[("scope", "openid"), ("claims", &wish)]);
    let page = browser.begin(&flow).await;
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert!(
        page.text.contains("See your e-mail address") && page.text.contains("which groups you belong to"),
        "{}",
        page.text
    );
    // Denied: nothing is kept.
    let denied = browser.press(&page, &flow.url, "consent-deny").await;
    assert_eq!(told(&denied, "error"), "access_denied");
    browser.code(&flow, "alice").await;
    let silent = [("scope", "openid"), ("claims", wish.as_str())];
    let tokens = silently(&mut browser, &rp, &silent).await;
    assert_eq!(claims(tokens.str("id_token"))["groups"], json!(["staff"]));
    // Less is covered, more is not; nor is one of the scopes that opens it.
    silently(&mut browser, &rp, &[("scope", "openid"), ("claims", r#"{"userinfo":{"email":null}}"#)]).await;
    let more = r#"{"userinfo":{"email":null,"name":null}}"#;
    for more in [[("scope", "openid"), ("claims", more)], [("scope", "openid email"), ("claims", "")]] {
        let flow = rp.flow(&[&[("prompt", "none")], &more[..]].concat());
        assert_eq!(refused(&mut browser, &flow).await, "consent_required", "{more:?}");
    }
    // A scope that covers them makes them no question of their own.
    let covered = [("scope", "openid email groups"), ("claims", wish.as_str())];
    browser.code(&rp.flow(&covered[..1]), "alice").await;
    silently(&mut browser, &rp, &covered).await;
    // Taken back: asked again.
    Operator::of(&issuer).run(&["user", "consents", "alice", "--remove", &rp.id.to_string()]).ok();
    let mut browser = Browser::new(&issuer);
    browser.code(&rp.flow(&[("scope", "openid")]), "alice").await;
    let flow = rp.flow(&[&[("prompt", "none")], &silent[..]].concat());
    assert_eq!(refused(&mut browser, &flow).await, "consent_required");
    issuer.stop().await;
}

async fn claims_go_no_further_than_the_registration(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client_with(|row| row.scopes = "openid profile".to_owned()).await;
    let mut browser = Browser::new(&issuer);
    let all = json!({ "email": null, "groups": { "essential": true }, "name": null, "sub": null, "iss": { "value": "https://evil.test" }, "aud": null });
    let (id_token, userinfo) = named(&mut browser, &rp, &json!({ "userinfo": all, "id_token": all })).await;
    for told in [&id_token, &userinfo] {
        assert_eq!((told.get("email"), told.get("groups")), (None, None), "{told}");
        assert_eq!(told["name"], "alice of the tests");
    }
    assert_eq!(id_token["iss"], issuer.name);
    // Without `openid` there is neither, and the parameter means nothing.
    let wish = json!({ "userinfo": { "name": null } }).to_string();
    let flow = rp.flow(&[("scope", "profile"), ("claims", &wish)]);
    let code = browser.code(&flow, "alice").await;
    let tokens = rp.redeem(&flow, &code).await.ok();
    assert!(tokens.json.get("id_token").is_none());
    rp.userinfo(tokens.str("access_token")).await.is(403, "insufficient_scope");
    issuer.stop().await;
}

async fn claims_that_cannot_be_read_are_invalid_request(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let deep = format!("{}{}", "{\"userinfo\":".repeat(300), "}".repeat(300));
    let long = json!({ "userinfo": { "email": { "value": "x".repeat(5000) } } }).to_string();
    let many = json!({ "id_token": { "sub": { "values": vec!["x"; 100] } } }).to_string();
    for bad in [
        "email",
        "{",
        "[]",
        "null",
        r#"{"userinfo": ["email"]}"#,
        r#"{"id_token": {"email": "yes"}}"#,
        r#"{"id_token": {"sub": {"value": {"$ne": null}}}}"#,
        r#"{"id_token": {"acr": {"essential": 1}}}"#,
        &deep,
        &long,
        &many,
    ] {
        let came = answer(&browser.begin(&rp.flow(&[("claims", bad)])).await);
        assert_eq!(came.get("error"), Some("invalid_request"), "{bad}");
        assert!(came.get("error_description").unwrap().contains("claims"), "{bad}");
    }
    issuer.stop().await;
}

async fn claims_that_are_unknown_are_ignored(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let wish = json!({
        "userinfo": { "name#ja-Kana-JP": null, "http://example.info/claims/groups": null, "password": null, "id": null },
        "id_token": { "exp": { "value": 1 }, "nonce": { "value": "mine" }, "rev_seq": null, "cnf": null },
        "verified_claims": [1], "later": "x",
    });
    let (id_token, userinfo) = named(&mut browser, &rp, &wish).await;
    assert_eq!(userinfo.as_object().unwrap().len(), 1, "{userinfo}");
    assert_eq!(id_token["nonce"], "n-0S6_WzA2Mj");
    assert!(
        id_token["exp"].as_i64().unwrap() > 1 && id_token.get("cnf").is_none() && id_token.get("rev_seq").is_none()
    );
    issuer.stop().await;
}

async fn claims_last_as_long_as_the_family_and_end_with_it(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let wish = json!({ "userinfo": { "email": null }, "id_token": { "name": null } }).to_string();
    let flow = rp.flow(&[("scope", "openid offline_access"), ("claims", &wish)]);
    let code = browser.code(&flow, "alice").await;
    let first = rp.redeem(&flow, &code).await.ok();
    let next = rp.refresh(first.str("refresh_token")).await.ok();
    assert_eq!(rp.userinfo(next.str("access_token")).await.ok().json["email"], "alice@example.test");
    assert_eq!(claims(next.str("id_token"))["name"], "alice of the tests");
    // What the client is no longer registered for is no longer told, whatever was asked for once.
    Operator::of(&issuer)
        .run(&["client", "update", &rp.id.to_string(), "--scope", "openid", "--scope", "offline_access"])
        .ok();
    assert_eq!(rp.userinfo(next.str("access_token")).await.ok().json.get("email"), None);
    let last = rp.refresh(next.str("refresh_token")).await.ok();
    assert_eq!(claims(last.str("id_token")).get("name"), None);
    // Another authorization of the same client by the same user, without the parameter, has none of it.
    let tokens = silently(&mut browser, &rp, &[("scope", "openid")]).await;
    assert_eq!(rp.userinfo(tokens.str("access_token")).await.ok().json.as_object().unwrap().len(), 1);
    // With the consent the family goes, and what it was told.
    Operator::of(&issuer).run(&["user", "consents", "alice", "--remove", &rp.id.to_string()]).ok();
    issuer.until("the end is known", async |_| rp.userinfo(last.str("access_token")).await.status == 401).await;
    issuer.stop().await;
}

async fn voluntary_acr_values_never_fail_and_acr_is_returned(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = registered(&issuer, json!({ "default_acr_values": ["urn:mace:incommon:iap:gold"] })).await;
    let mut browser = Browser::new(&issuer);
    browser.code(&rp.flow(&[]), "alice").await;
    let metadata = browser.get(&issuer.url("/.well-known/openid-configuration")).await;
    let known = metadata.json["acr_values_supported"][0].as_str().unwrap().to_owned();
    let voluntary = json!({ "id_token": { "acr": { "values": ["9"] } } }).to_string();
    let met = json!({ "id_token": { "acr": { "essential": true, "values": ["9", known] } } }).to_string();
    let any = json!({ "id_token": { "acr": { "essential": true } } }).to_string();
    for more in [
        ("acr_values", "9 8"),
        ("acr_values", known.as_str()),
        ("acr_values", &"x ".repeat(2000)),
        ("acr_values", "\u{202e}"),
        ("claims", &voluntary),
        ("claims", &met),
        ("claims", &any),
        ("claims", ""),
    ] {
        let tokens = silently(&mut browser, &rp, &[more]).await;
        assert_eq!(claims(tokens.str("id_token"))["acr"], known.as_str(), "{more:?}");
    }
    issuer.stop().await;
}

async fn an_essential_acr_that_cannot_be_met_is_unmet_authentication_requirements(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut signed = Browser::new(&issuer);
    signed.code(&rp.flow(&[]), "alice").await;
    let before = Raw::open(&issuer.database).await.dump().await["interaction"].len();
    for wish in [
        json!({ "essential": true, "value": "urn:mace:incommon:iap:silver" }),
        json!({ "essential": true, "values": ["8", "9"] }),
    ] {
        let wish = json!({ "id_token": { "acr": wish } }).to_string();
        for prompt in ["", "none", "login", "select_account"] {
            for browser in [&mut signed, &mut Browser::new(&issuer)] {
                let flow = rp.flow(&[("claims", &wish), ("prompt", prompt)]);
                assert_eq!(refused(browser, &flow).await, "unmet_authentication_requirements", "{prompt}");
            }
        }
    }
    assert_eq!(Raw::open(&issuer.database).await.dump().await["interaction"].len(), before, "nobody is asked in vain");
    issuer.stop().await;
}

async fn offline_access_once_consented_to_gives_a_refresh_token(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = super::old_fashioned(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[("scope", "openid")]);
    let code = browser.code(&flow, "alice").await;
    assert!(rp.redeem(&flow, &code).await.ok().json.get("refresh_token").is_none(), "not asked for");
    let flow = rp.flow(&[("scope", "openid offline_access"), ("prompt", "consent")]);
    let page = browser.begin(&flow).await;
    assert!(has(&page, "consent-allow") && page.text.contains("offline_access"), "{}", page.text);
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    let first = rp.redeem(&flow, &told(&done, "code")).await.ok();
    rp.refresh(first.str("refresh_token")).await.ok();
    // Remembered with the rest.
    let again = silently(&mut browser, &rp, &[("scope", "openid offline_access")]).await;
    rp.refresh(again.str("refresh_token")).await.ok();
    issuer.stop().await;
}
