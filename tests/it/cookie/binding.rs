//! The cookie counts beside the session it hangs on: not planted, not copied, not in another user's hands.

use chancery::event::Event;

use super::{APP, Page, REFRESH, Sent, ground, page, refs, refused, rolls, told};
use crate::kit::actors::{Browser, PASSWORD, claims, location};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    a_planted_cookie_is_worth_nothing,
    a_copied_cookie_is_worth_nothing_without_the_session,
    a_second_user_in_the_browser_gets_nothing_and_ends_nothing,
    a_code_is_exchanged_where_the_user_signed_in,
    v020_another_clients_cookie,
    the_family_ends_with_its_session,
    another_secret_of_the_same_session,
);

const ELSEWHERE: &str = "not from the browser session it hangs on";

/// Mallory's own family, set by a sibling site into alice's browser: she must not come to act as mallory.
async fn a_planted_cookie_is_worth_nothing(kind: Kind) {
    let (issuer, mut alice) = ground(kind).await;
    issuer.user("mallory").await;
    let mut mallory = Page { browser: Browser::new(&issuer), ..alice.clone() };
    mallory.sign_in("mallory").await;
    alice.sign_in("alice").await;
    let (own, before) = (alice.token(), rolls(&issuer).await);
    alice.plant(&mallory.token());
    refused(&alice.refresh().await, 400, "invalid_grant");
    refused(&alice.post("/oauth2/revoke", &[]).await, 400, "invalid_grant");
    assert_eq!(told(&issuer, Event::RefreshRefused).await, [ELSEWHERE]);
    // Nor do tokens that were never ours, of whatever form.
    for garbage in ["ch_rt_", "x", &"A".repeat(3000), &own[..own.len() - 1], "\u{e9}"] {
        alice.plant(garbage);
        let answer = alice.refresh().await;
        assert!([400, 429].contains(&answer.status.as_u16()), "{}", answer.text);
    }
    assert_eq!(rolls(&issuer).await, before);
    alice.plant(&own);
    alice.refresh().await.ok();
    mallory.refresh().await.ok();
    issuer.stop().await;
}

/// Read from a disk or a log: without the session cookie it neither refreshes nor ends anything.
async fn a_copied_cookie_is_worth_nothing_without_the_session(kind: Kind) {
    let (issuer, mut alice) = ground(kind).await;
    issuer.user("mallory").await;
    alice.sign_in("alice").await;
    let (name, stolen) = (alice.cookie(), alice.token());
    let mut mallory = Page { browser: Browser::new(&issuer), ..alice.clone() };
    mallory.sign_in("mallory").await;
    let before = rolls(&issuer).await;
    let theirs = mallory.browser.cookies["ch_session"].clone();
    for session in ["", "ch_session=x; ", "ch_session=ch_ss_; ", &format!("ch_session={theirs}; ")] {
        let line = format!("{session}{name}={stolen}");
        let sent = Sent { origin: Some(APP), cookies: Some(&line) };
        for _ in 0..2 {
            refused(&alice.sends("/oauth2/token", &REFRESH, sent).await, 400, "invalid_grant");
            refused(&alice.sends("/oauth2/revoke", &[], sent).await, 400, "invalid_grant");
        }
    }
    assert_eq!(rolls(&issuer).await, before);
    assert_eq!(told(&issuer, Event::RefreshRefused).await, [ELSEWHERE; 8]);
    alice.refresh().await.ok();
    issuer.stop().await;
}

async fn a_second_user_in_the_browser_gets_nothing_and_ends_nothing(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    issuer.user("bob").await;
    page.sign_in("alice").await;
    let alices = page.clone();
    // Bob signs in at the issuer, through whatever application; the dashboard's cookie is still alice's.
    let flow = page.rp.flow(&[("prompt", "login")]);
    let shown = page.browser.begin(&flow).await;
    let done = page.browser.sign_in(&shown, &flow.url, "bob", PASSWORD).await;
    assert!(location(&done).is_some_and(|to| to.contains("code=")), "{}", done.text);
    assert_ne!(page.browser.cookies["ch_session"], alices.browser.cookies["ch_session"]);
    let before = rolls(&issuer).await;
    refused(&page.refresh().await, 400, "invalid_grant");
    refused(&page.post("/oauth2/revoke", &[]).await, 400, "invalid_grant");
    assert_eq!(rolls(&issuer).await, before);
    assert_eq!(page.token(), alices.token());
    // Her family lives, and with her own session it goes on.
    let mut hers = alices.clone();
    let answer = hers.refresh().await.ok();
    let sub = claims(answer.str("access_token"))["sub"].clone();
    // Once bob has signed in at the dashboard, the cookie is his.
    let bobs = page.sign_in("bob").await;
    assert_ne!(claims(bobs.str("access_token"))["sub"], sub);
    let again = page.refresh().await.ok();
    assert_eq!(claims(again.str("access_token"))["sub"], claims(bobs.str("access_token"))["sub"]);
    hers.refresh().await.ok();
    issuer.stop().await;
}

/// A code carried into another browser, or out of it: nothing is spent or burnt by that, nor given.
async fn a_code_is_exchanged_where_the_user_signed_in(kind: Kind) {
    let (issuer, mut alice) = ground(kind).await;
    issuer.user("mallory").await;
    let form = alice.code("alice").await;
    let mut mallory = Page { browser: Browser::new(&issuer), ..alice.clone() };
    mallory.sign_in("mallory").await;
    let before = rolls(&issuer).await;
    refused(&mallory.post("/oauth2/token", &refs(&form)).await, 400, "invalid_grant");
    let nobody = Sent { origin: Some(APP), cookies: Some("") };
    refused(&alice.sends("/oauth2/token", &refs(&form), nobody).await, 400, "invalid_grant");
    // With a wrong verifier besides: from elsewhere not even that burns it.
    let mut guess = form.clone();
    guess.retain(|(name, _)| *name != "code_verifier");
    guess.push(("code_verifier", "x".repeat(43)));
    refused(&mallory.post("/oauth2/token", &refs(&guess)).await, 400, "invalid_grant");
    assert_eq!(rolls(&issuer).await, before);
    assert_eq!(told(&issuer, Event::CodeRefused).await, [ELSEWHERE; 3]);
    alice.post("/oauth2/token", &refs(&form)).await.ok();
    // Spent, and presented from elsewhere: no reuse, the family lives.
    refused(&mallory.post("/oauth2/token", &refs(&form)).await, 400, "invalid_grant");
    alice.refresh().await.ok();
    // From here it is.
    refused(&alice.post("/oauth2/token", &refs(&form)).await, 400, "invalid_grant");
    refused(&alice.refresh().await, 400, "invalid_grant");
    issuer.stop().await;
}

async fn v020_another_clients_cookie(kind: Kind) {
    let (issuer, mut one) = ground(kind).await;
    one.sign_in("alice").await;
    let mut other = page(&issuer, "http://127.0.0.1:7611").await;
    other.browser = one.browser.clone();
    let before = rolls(&issuer).await;
    // The browser sends it under its own name; no other client reads that one.
    refused(&other.refresh().await, 400, "invalid_grant");
    // Renamed, it is still another client's.
    other.plant(&one.token());
    refused(&other.refresh().await, 400, "invalid_grant");
    let answer = other.post("/oauth2/revoke", &[]).await;
    assert_eq!(answer.status, 200, "a token of another client's is answered without effect: {}", answer.text);
    assert_eq!(rolls(&issuer).await, before);
    one.refresh().await.ok();
    issuer.stop().await;
}

async fn the_family_ends_with_its_session(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    let answer = page.sign_in("alice").await;
    let before_signing_out = page.clone();
    let hint = answer.str("id_token").to_owned();
    let out = page.browser.get(&format!("{}/oauth2/logout?id_token_hint={hint}", issuer.at)).await;
    assert!(out.text.contains("Signed out"), "{}", out.text);
    assert!(!page.browser.cookies.contains_key("ch_session"));
    refused(&page.refresh().await, 400, "invalid_grant");
    // Nor by whoever kept both cookies.
    refused(&before_signing_out.clone().refresh().await, 400, "invalid_grant");
    let access = answer.str("access_token");
    issuer.until("the access token has ended", async |_| page.rp.userinfo(access).await.status == 401).await;
    issuer.stop().await;
}

/// The same user proves herself again: the session goes on under a new secret, and so does the family.
async fn another_secret_of_the_same_session(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    page.sign_in("alice").await;
    let before = page.clone();
    let flow = page.rp.flow(&[("prompt", "login")]);
    let shown = page.browser.begin(&flow).await;
    page.browser.sign_in(&shown, &flow.url, "alice", PASSWORD).await;
    assert_ne!(page.browser.cookies["ch_session"], before.browser.cookies["ch_session"]);
    refused(&before.clone().refresh().await, 400, "invalid_grant");
    page.refresh().await.ok();
    issuer.stop().await;
}
