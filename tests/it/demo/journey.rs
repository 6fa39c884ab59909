//! A person clicks through the dashboard.

use super::{Browser, Harbour};

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_shows_who_and_keeps_the_tokens() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    let home = browser.get("/").await;
    assert!(home.text.contains("id=\"sign-in\""), "{}", home.text);
    browser.sign_in().await;
    let page = browser.get("/").await.text;
    assert!(page.contains("Ada &#60;Lovelace&#62;"), "{page}");
    for id in ["refresh", "repeat", "replay", "revoke", "call-offline", "call-introspect", "sign-out"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    for text in ["family-1", "rev_seq", "ada@example.test", "at_hash", "expires in"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("ch_rt_generation"), "a refresh token stands on the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_and_an_honest_repeat_go_on() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    assert!(browser.result("/repeat").await.contains("Nothing to repeat yet"));
    let page = browser.result("/refresh").await;
    assert!(page.contains("200 OK") && page.contains("the next generation"), "{page}");
    let page = browser.result("/repeat").await;
    assert!(page.contains("An honest retry") && page.contains("answered again 1×"), "{page}");
    assert_eq!(harbour.fake.strings().current, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_in_both_ways() {
    let harbour = Harbour::open().await;
    harbour.until("/readyz", None, 200).await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let page = browser.result("/call-offline").await;
    assert!(page.contains("200 OK") && page.contains("S-1041") && page.contains("was not asked"), "{page}");
    let page = browser.result("/call-introspect").await;
    assert!(page.contains("200 OK") && page.contains("S-1041") && page.contains("the issuer was asked"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_token_ends_the_family_everywhere() {
    let harbour = Harbour::open().await;
    harbour.until("/readyz", None, 200).await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let page = browser.result("/replay").await;
    assert!(page.contains("Reuse found: the family has ended"), "{page}");
    assert_eq!(harbour.fake.strings().current, 2, "two rotations make the first token two generations old");
    assert_eq!(page.matches("invalid_grant").count(), 2, "{page}");
    assert_eq!(page.matches("401 Unauthorized").count(), 2, "{page}");
    assert!(page.contains("revoked: entry 1, kind family"), "{page}");
    assert!(page.contains("id=\"ended\"") && page.contains("id=\"sign-in\""), "{page}");
    assert!(browser.result("/refresh").await.contains("invalid_grant"));
    assert!(browser.result("/replay").await.contains("has already ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_the_family_everywhere() {
    let harbour = Harbour::open().await;
    harbour.until("/readyz", None, 200).await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let page = browser.result("/revoke").await;
    assert!(page.contains("Revoked") && page.contains("invalid_grant"), "{page}");
    assert_eq!(page.matches("401 Unauthorized").count(), 2, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_goes_through_the_issuer_and_ends_here_first() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let leaving = browser.press("/sign-out").await.location.unwrap();
    let leaving = url::Url::parse(&leaving).unwrap();
    assert_eq!(leaving.path(), "/logout");
    let asked: std::collections::HashMap<_, _> = leaving.query_pairs().into_owned().collect();
    assert_eq!(asked["post_logout_redirect_uri"], format!("{}/signed-out", harbour.dashboard));
    assert_eq!(asked["id_token_hint"].split('.').count(), 3);
    assert!(browser.get("/").await.text.contains("A sample relying party"), "still signed in here");
    let stranger = browser.get("/signed-out?state=another").await.text;
    assert!(stranger.contains("nothing can be said"), "{stranger}");
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let leaving = url::Url::parse(&browser.press("/sign-out").await.location.unwrap()).unwrap();
    let state = leaving.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let page = browser.get(&format!("/signed-out?state={state}")).await.text;
    assert!(page.contains("You are signed out here and at"), "{page}");
}
