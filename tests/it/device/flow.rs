//! The way as it should be: public and confidential clients, what the tokens say, what the page says, and how long it lasts.

use chancery::store::{families, grants, lineage};
use serde_json::json;
use sqlx::types::Json;

use super::desk::{GRANT, allows, asks, asks_for, connects, enters, events, has, held, presses, reaches};
use crate::kit::actors::{Browser, RelyingParty, claims, http};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::raw::{Raw, differences};
use crate::lineage::desk::family_of;

on_both!(
    a_device_signs_in,
    a_confidential_device,
    the_person_sees_who_asks_and_from_where,
    resources_are_chosen_when_it_is_asked,
    with_the_session_or_without_it,
    it_is_asked_each_time,
    what_may_not_be_asked_for,
);

async fn a_device_signs_in(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let at = &issuer.name;
    let metadata: serde_json::Value =
        http().get(issuer.url("/.well-known/openid-configuration")).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["device_authorization_endpoint"], json!(format!("{at}/oauth2/device")));
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));

    let answer = tv.device(&[("scope", "openid profile offline_access")]).await.ok();
    assert_eq!((answer.json["expires_in"].as_i64(), answer.json["interval"].as_i64()), (Some(600), Some(5)));
    assert_eq!(answer.str("verification_uri"), format!("{at}/device"));
    let user_code = answer.str("user_code");
    assert_eq!(answer.str("verification_uri_complete"), format!("{at}/device?user_code={user_code}"));
    assert!(answer.str("device_code").starts_with("ch_dc_"));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let (first, second) = user_code.split_once('-').unwrap();
    let letters = |half: &str| half.len() == 4 && half.chars().all(|c| "BCDFGHJKLMNPQRSTVWXZ".contains(c));
    assert!(letters(first) && letters(second), "{user_code}");
    tv.poll(answer.str("device_code")).await.is(400, "authorization_pending");

    // However it is typed.
    let mut browser = Browser::new(&issuer);
    let typed = format!(" {}  {} ", first.to_lowercase(), second);
    let page = reaches(&mut browser, &typed, "alice").await;
    let told = presses(&mut browser, &page, "consent-allow").await.ok();
    assert!(told.text.contains("<h1>Signed in</h1>") && told.text.contains("Go back to your device"), "{}", told.text);

    let tokens = tv.poll(answer.str("device_code")).await.ok();
    let (id, access) = (claims(tokens.str("id_token")), claims(tokens.str("access_token")));
    assert_eq!((id["sub"].clone(), id["aud"].clone()), (json!(alice.sub), json!(tv.id.to_string())));
    assert_eq!((&id["amr"], &id["acr"]), (&json!(["pwd"]), &access["acr"]));
    assert_eq!((id.get("nonce"), id["auth_time"].clone()), (None, access["auth_time"].clone()));
    assert_eq!(
        (access["scope"].clone(), access["sid"].clone()),
        (json!("openid profile offline_access"), id["sid"].clone())
    );
    assert_eq!(tv.userinfo(tokens.str("access_token")).await.ok().json["name"], json!("alice of the tests"));

    // A family as any other: it rotates, and every token is enrolled.
    let next = tv.refresh(tokens.str("refresh_token")).await.ok();
    let again = tv.refresh(tokens.str("refresh_token")).await.ok();
    assert_eq!(next.str("refresh_token"), again.str("refresh_token"), "an honest retry");
    let family = family_of(&tokens);
    assert_eq!(lineage::of_family(&issuer.app.store, family, -1, 10).await.unwrap().len(), 2);
    let owners = families::owners(&issuer.app.store, family).await.unwrap().unwrap();
    assert_eq!((owners.client_id, owners.user_id), (tv.id, alice.id));
    for event in ["device.requested", "device.claimed", "device.approved", "device.redeemed", "consent.given"] {
        assert_eq!(events(&issuer, event).await, 1, "{event}");
    }
    issuer.stop().await;
}

async fn a_confidential_device(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let grants = || Json(vec![GRANT.to_owned()]);
    for method in ["client_secret_basic", "client_secret_post"] {
        let box_ = issuer
            .client_with(|row| {
                row.auth_method = method.to_owned();
                row.grants = grants();
                row.redirect_uris = Json(vec![]);
            })
            .await;
        let asked = asks(&box_).await;
        let nobody = RelyingParty { method: "none".to_owned(), ..box_.clone() };
        nobody.device(&[]).await.is(401, "invalid_client");
        allows(&mut Browser::new(&issuer), &asked, "alice").await;
        nobody.poll(&asked.device_code).await.is(401, "invalid_client");
        let tokens = box_.poll(&asked.device_code).await.ok();
        // Without the grant for them there are no refresh tokens.
        assert!(tokens.json.get("refresh_token").is_none(), "{}", tokens.text);
    }
    issuer.stop().await;
}

async fn the_person_sees_who_asks_and_from_where(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.resource("https://api.test", &["films"]).await;
    let mut tv = issuer
        .client_with(|row| {
            row.name = "Harbour TV".to_owned();
            row.auth_method = "none".to_owned();
            row.grants = Json(vec![GRANT.to_owned()]);
            row.scopes = "openid email films".to_owned();
            row.resources = Json(vec!["https://api.test".to_owned()]);
        })
        .await;
    let agent = "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 Chrome/76.0 Safari/537.36";
    tv.http = reqwest::Client::builder().user_agent(agent).build().unwrap();
    let asked = asks(&tv).await;
    clock.advance(42 * super::desk::SECOND);

    // The complete address fills the code in, and does nothing more.
    let before = Raw::open(&issuer.database).await.dump().await;
    let mut browser = Browser::new(&issuer);
    let page = browser.get(&asked.complete).await.ok();
    assert!(
        page.text.contains(&format!("value=\"{}\"", asked.user_code)) && has(&page, "code-submit"),
        "{}",
        page.text
    );
    assert!(page.text.contains("Compare this code"), "{}", page.text);
    assert_eq!(differences(&before, &Raw::open(&issuer.database).await.dump().await), [""; 0], "a GET changes nothing");
    // What is no code is not repeated.
    let page = browser.get(&issuer.url("/device?user_code=%3Cb%3Eevil")).await.ok();
    assert!(!page.text.contains("evil"), "{}", page.text);

    let page = reaches(&mut browser, &asked.user_code, "alice").await;
    for text in [
        "Harbour TV",
        asked.user_code.as_str(),
        "Chrome on Tizen",
        "127.0.0.1",
        "42 seconds ago",
        "only if you have just started this yourself",
        "See your e-mail address",
        "films",
        "https://api.test",
        "alice of the tests",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    for id in ["consent-allow", "consent-deny", "another-account"] {
        assert!(has(&page, id), "{id}");
    }
    // Somebody else is at the keyboard.
    issuer.user("bob").await;
    let page = presses(&mut browser, &page, "another-account").await;
    let page = super::desk::signs_in(&mut browser, &page, "bob").await;
    assert!(page.text.contains("bob of the tests"), "{}", page.text);
    presses(&mut browser, &page, "consent-allow").await.ok();
    let tokens = tv.poll(&asked.device_code).await.ok();
    assert_eq!(claims(tokens.str("access_token"))["aud"], json!("https://api.test"));
    issuer.stop().await;
}

async fn resources_are_chosen_when_it_is_asked(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    for uri in ["https://one.test", "https://two.test", "https://foreign.test"] {
        issuer.resource(uri, &["read"]).await;
    }
    let tv = issuer
        .client_with(|row| {
            row.grants = Json(vec![GRANT.to_owned(), "refresh_token".to_owned()]);
            row.scopes = "openid read".to_owned();
            row.resources = Json(vec!["https://one.test".to_owned(), "https://two.test".to_owned()]);
        })
        .await;
    for uri in ["https://foreign.test", "https://nowhere.test", "x"] {
        tv.device(&[("scope", "read"), ("resource", uri)]).await.is(400, "invalid_target");
    }
    let mut browser = Browser::new(&issuer);
    let both = [("scope", "read"), ("resource", "https://one.test"), ("resource", "https://two.test")];
    let asked = asks_for(&tv, &both).await;
    allows(&mut browser, &asked, "alice").await;
    let with = |uri| [("grant_type", GRANT), ("device_code", asked.device_code.as_str()), ("resource", uri)];
    // What was not authorized is refused, and nothing is lost by it.
    tv.token(&with("https://foreign.test")).await.is(400, "invalid_target");
    let tokens = tv.token(&with("https://two.test")).await.ok();
    assert_eq!(claims(tokens.str("access_token"))["aud"], json!("https://two.test"));
    let next = tv.refresh(tokens.str("refresh_token")).await.ok();
    assert_eq!(claims(next.str("access_token"))["aud"], json!(["https://one.test", "https://two.test"]));
    issuer.stop().await;
}

/// A family ends with the browser's session, unless its client may outlive it and the user allowed that.
async fn with_the_session_or_without_it(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    for outlives in [false, true] {
        let tv = issuer
            .client_with(|row| {
                row.auth_method = "none".to_owned();
                row.grants = Json(vec![GRANT.to_owned(), "refresh_token".to_owned()]);
                row.outlives_session = outlives;
            })
            .await;
        let mut browser = Browser::new(&issuer);
        let (_, tokens) = connects(&mut browser, &tv, "alice").await;
        assert_eq!(claims(tokens.str("access_token")).get("sid").is_none(), outlives);
        let url = issuer.url("/oauth2/logout");
        let page = browser.get(&url).await.ok();
        browser.press(&page, &url, "logout-confirm").await.ok();
        let next = tv.refresh(tokens.str("refresh_token")).await;
        assert_eq!(next.status, if outlives { 200 } else { 400 }, "{}", next.text);
    }
    issuer.stop().await;
}

/// Whoever signed in a moment ago, whatever was allowed before, and whatever the client need not ask for elsewhere.
async fn it_is_asked_each_time(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let own =
        issuer.client_with(|row| row.grants = Json(vec![GRANT.to_owned(), "authorization_code".to_owned()])).await;
    let https = issuer
        .client_with(|row| {
            row.auth_method = "none".to_owned();
            row.consent = "ask".to_owned();
            row.grants = Json(vec![GRANT.to_owned(), "authorization_code".to_owned()]);
        })
        .await;
    let mut browser = Browser::new(&issuer);
    for rp in [&own, &https, &own, &https] {
        connects(&mut browser, rp, "alice").await;
    }
    // Anyone may speak for a public client: what a device was allowed lets nobody in at the client's own site unasked.
    let kept = grants::find(&issuer.app.store, alice.id, https.id).await.unwrap().unwrap();
    assert_eq!((kept.scopes.as_str(), kept.consented_at), ("", None));
    let page = browser.begin(&https.flow(&[])).await;
    assert!(has(&page, "consent-allow"), "{} {}", page.status, page.text);
    issuer.stop().await;
}

async fn what_may_not_be_asked_for(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let web = issuer.client().await;
    let service = issuer.service("chancery:feed", &[]).await;
    web.device(&[]).await.is(400, "unauthorized_client");
    web.poll("ch_dc_x").await.is(400, "unauthorized_client");
    service.device(&[]).await.is(400, "unauthorized_client");
    for scope in ["openid admin", "chancery:feed", "\"", "read"] {
        tv.device(&[("scope", scope)]).await.is(400, "invalid_scope");
    }
    tv.device(&[("scope", "openid"), ("scope", "email")]).await.is(400, "invalid_request");
    RelyingParty { id: chancery::secret::uuid_v4(), ..tv.clone() }.device(&[]).await.is(401, "invalid_client");
    // Nothing asked for is nothing given: a token, and no word of who it is for.
    let asked = asks_for(&tv, &[]).await;
    allows(&mut Browser::new(&issuer), &asked, "alice").await;
    let tokens = tv.poll(&asked.device_code).await.ok();
    assert_eq!((tokens.json.get("id_token"), claims(tokens.str("access_token"))["scope"].clone()), (None, json!("")));
    // A scope at the token endpoint widens nothing (V172).
    let asked = asks_for(&tv, &[("scope", "openid")]).await;
    allows(&mut Browser::new(&issuer), &asked, "alice").await;
    let form = [("grant_type", GRANT), ("device_code", asked.device_code.as_str()), ("scope", "openid email")];
    let tokens = tv.token(&form).await.ok();
    assert_eq!(claims(tokens.str("access_token"))["scope"], json!("openid"));
    let page = enters(&mut Browser::new(&issuer), "").await;
    assert!(has(&page, "code-submit") && page.status == 200, "an empty form is the page again");
    issuer.stop().await;
}
