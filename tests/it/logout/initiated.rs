//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), case by case; what ends nothing tells nobody. More in
//! `signin/signout.rs`.

use reqwest::StatusCode;

use super::receiver::Receiver;
use super::{all_told, issuer, told_at};
use crate::kit::actors::{Answer, Browser, location, parameter};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    v117_by_a_link_nobody_is_signed_out_and_nobody_told,
    pages_speak_the_language_that_is_asked_for,
    a_logout_hint_changes_nothing,
    v078_a_saved_cookie_is_worth_nothing,
    with_hint_and_client_and_state_back_to_the_client,
);

/// How many audit rows there are of an event.
pub async fn events(issuer: &Issuer, event: &str) -> i64 {
    let mut raw = crate::kit::raw::Raw::open(&issuer.database).await;
    raw.count("audit", &format!("event = '{event}'")).await
}

fn logout(issuer: &Issuer, pairs: &[(&str, &str)]) -> String {
    issuer.url(&format!("/oauth2/logout?{}", chancery::http::params::encode(pairs.iter().copied())))
}

fn asks(page: &Answer) -> bool {
    page.status == StatusCode::OK && page.text.contains("id=\"logout-confirm\"")
}

async fn v117_by_a_link_nobody_is_signed_out_and_nobody_told(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    issuer.user("bob").await;
    let receiver = Receiver::new().await;
    let (rp, other) = (told_at(&issuer, &receiver.uri).await, issuer.client().await);
    let mut browser = Browser::new(&issuer);
    rp.tokens(&mut browser, "alice").await;
    let bob = rp.tokens(&mut Browser::new(&issuer), "bob").await.str("id_token").to_owned();
    let id = rp.id.to_string();
    // No parameters, a client alone, another's hint: a question. Wrong ones: a page. A post from elsewhere: refused.
    for pairs in [vec![], vec![("client_id", id.as_str())], vec![("id_token_hint", bob.as_str())]] {
        let page = browser.get(&logout(&issuer, &pairs)).await;
        assert!(asks(&page), "{pairs:?}: {} {}", page.status, page.text);
    }
    let strange = other.id.to_string();
    for pairs in [
        vec![("id_token_hint", "x")],
        vec![("id_token_hint", bob.as_str()), ("client_id", strange.as_str())],
        vec![("post_logout_redirect_uri", "https://evil.test/")],
    ] {
        let page = browser.get(&logout(&issuer, &pairs)).await;
        assert_eq!((page.status, location(&page)), (StatusCode::BAD_REQUEST, None), "{pairs:?}");
    }
    let page = browser.get(&logout(&issuer, &[])).await;
    let mut evil = browser.clone();
    evil.origin = "https://evil.test".to_owned();
    assert_eq!(evil.press(&page, &logout(&issuer, &[]), "logout-confirm").await.status, StatusCode::FORBIDDEN);
    all_told(&issuer).await;
    assert_eq!((events(&issuer, "session.ended").await, receiver.posts().len()), (0, 0));
    // The user says so: then it is done, said, and told.
    let done = browser.press(&page, &logout(&issuer, &[]), "logout-confirm").await;
    assert!(done.status == 200 && done.text.contains("Signed out") && location(&done).is_none(), "{}", done.text);
    assert_eq!((events(&issuer, "session.ended").await, receiver.posts().len()), (1, 1));
}

async fn pages_speak_the_language_that_is_asked_for(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    rp.tokens(&mut browser, "alice").await;
    let said = |page: &Answer| page.headers["content-language"].to_str().unwrap().to_owned();
    for (locales, lang, words) in [
        ("de", "de", "abmelden"),
        ("tlh fr-CA en", "fr", ""),
        ("x-nothing", "en", "Sign out"),
        ("..;--", "en", "Sign out"),
    ] {
        let page = browser.get(&logout(&issuer, &[("ui_locales", locales)])).await;
        assert!(asks(&page) && said(&page) == lang && page.text.contains(words), "{locales}: {}", page.text);
        let wrong = browser.get(&logout(&issuer, &[("ui_locales", locales), ("id_token_hint", "x")])).await;
        assert!(wrong.status == 400 && said(&wrong) == lang, "{locales}: an error page, too");
    }
    let page = browser.get(&logout(&issuer, &[("ui_locales", "es")])).await;
    let done = browser.press(&page, &logout(&issuer, &[]), "logout-confirm").await;
    assert!(said(&done) == "es" && done.text.contains("Sesión cerrada"), "{}", done.text);
}

async fn a_logout_hint_changes_nothing(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let sid = crate::kit::actors::claims(tokens.str("id_token"))["sid"].as_str().unwrap().to_owned();
    for hint in ["alice", "bob", &sid, "alice@example.test", "\u{202e}x", "<b>"] {
        let page = browser.get(&logout(&issuer, &[("logout_hint", hint)])).await;
        assert!(asks(&page) && page.text.contains("alice") && !page.text.contains("<b>"), "{hint}: {}", page.text);
    }
    let hinted = [("logout_hint", "bob"), ("id_token_hint", tokens.str("id_token"))];
    let done = browser.get(&logout(&issuer, &hinted)).await;
    assert!(done.status == 200 && done.text.contains("Signed out"), "the ID token says who is meant: {}", done.text);
}

async fn v078_a_saved_cookie_is_worth_nothing(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let mut saved = browser.clone();
    super::sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    assert!(!browser.cookies.contains_key("ch_session") && saved.cookies.contains_key("ch_session"));
    let page = saved.begin(&rp.flow(&[])).await;
    assert!(page.text.contains("id=\"login-submit\""), "{}", page.text);
    let page = saved.get(&logout(&issuer, &[])).await;
    assert!(page.text.contains("Signed out") && !asks(&page), "{}", page.text);
    assert_eq!(rp.userinfo(tokens.str("access_token")).await.status, 401);
    rp.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
}

async fn with_hint_and_client_and_state_back_to_the_client(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let id = rp.id.to_string();
    let pairs = [
        ("id_token_hint", tokens.str("id_token")),
        ("client_id", &id),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
        ("state", "a b&c=d"),
        ("ui_locales", "de"),
        ("logout_hint", "alice"),
        ("unknown", "ignored"),
    ];
    let answer = browser.get(&logout(&issuer, &pairs)).await;
    let to = location(&answer).unwrap();
    assert!(answer.status == 303 && to.starts_with("https://rp.test/bye?"), "{to}");
    assert_eq!(parameter(&to, "state").as_deref(), Some("a b&c=d"));
}
