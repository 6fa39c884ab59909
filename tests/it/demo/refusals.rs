//! What the dashboard refuses: answers that are not ours, ID tokens that are not true, forms that are not the user's.

use std::collections::HashMap;

use super::fake::Lie;
use super::{Browser, Harbour};

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_of_the_issuer_is_refused() {
    let harbour = Harbour::open().await;
    let table = [
        (Lie::WrongState, 400, "`state` is not one this browser began with"),
        (Lie::NoState, 400, "carries no `state`"),
        (Lie::TwoStates, 400, "carries `state` twice"),
        (Lie::WrongIss, 400, "`iss` is another issuer"),
        (Lie::NoIss, 400, "carries no `iss`"),
        (Lie::WrongNonce, 400, "`nonce` is not the one"),
        (Lie::NoNonce, 400, "`nonce` is not the one"),
        (Lie::WrongIdIssuer, 400, "`iss` is not our issuer"),
        (Lie::WrongIdAudience, 400, "`aud` does not name this client"),
        (Lie::SecondIdAudience, 400, "`azp` does not name this client"),
        (Lie::ExpiredIdToken, 400, "`exp` is missing or past"),
        (Lie::ForeignKey, 400, "the signature does not match"),
        (Lie::UnsignedIdToken, 400, "algorithm is not its key"),
        (Lie::AccessTokenType, 400, "another kind of token"),
        (Lie::WrongAtHash, 400, "`at_hash` belongs to another"),
        (Lie::OtherUserinfo, 502, "`sub` is not the ID token"),
    ];
    for (lie, status, why) in table {
        harbour.fake.lie(lie);
        let mut browser = Browser::new(&harbour);
        let answer = browser.answer().await;
        let page = browser.get(&answer).await;
        assert_eq!(page.status, status, "{lie:?}: {}", page.text);
        assert!(page.text.contains("id=\"error\"") && page.text.contains(why), "{lie:?}: {}", page.text);
        assert!(browser.get("/").await.text.contains("A sample relying party"), "{lie:?} signed somebody in");
    }
    harbour.fake.lie(Lie::None);
    Browser::new(&harbour).sign_in().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_and_in_its_own_browser() {
    let harbour = Harbour::open().await;
    let (mut ours, mut other) = (Browser::new(&harbour), Browser::new(&harbour));
    let answer = ours.answer().await;
    other.answer().await;
    assert_eq!(other.get(&answer).await.status, 400, "another browser's answer was taken");
    let before = ours.cookie.clone();
    assert_eq!(ours.get(&answer).await.status, 303);
    assert_ne!(ours.cookie, before, "the cookie known before the sign-in still counts");
    assert_eq!(ours.get(&answer).await.status, 400, "the same answer was taken twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_of_another_sign_in_gets_no_tokens() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    let (one, two) = (browser.answer().await, browser.answer().await);
    let part = |answer: &str, name: &str| {
        let pairs: HashMap<_, _> = url::Url::parse(answer).unwrap().query_pairs().into_owned().collect();
        pairs[name].clone()
    };
    // The attacker's code under the victim's state: PKCE binds the code to the sign-in it was made for.
    let mixed = one.replace(&part(&one, "code"), &part(&two, "code"));
    let page = browser.get(&mixed).await;
    assert_eq!(page.status, 502);
    assert!(page.text.contains("invalid_grant"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_speaks_of_somebody_else_is_refused() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    harbour.fake.lie(Lie::SubChangesOnRefresh);
    let page = browser.press("/refresh").await;
    assert_eq!(page.status, 502);
    assert!(page.text.contains("another sign-in than the first one"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_hosts_of_others_are_refused() {
    let harbour = Harbour::open().await;
    let mut browser = Browser::new(&harbour);
    browser.sign_in().await;
    let url = format!("{}/revoke", harbour.dashboard);
    for (name, value) in [("origin", harbour.fake.issuer.as_str()), ("origin", "null"), ("sec-fetch-site", "same-site")]
    {
        let shown = browser.send(harbour.http.post(&url).header(name, value)).await;
        assert_eq!(shown.status, 403, "{name}: {value}");
    }
    assert_eq!(browser.send(harbour.http.post(&url)).await.status, 403, "no word of where it came from");
    assert!(!harbour.fake.strings().dead);
    let renamed = harbour.dashboard.replace("127.0.0.1", "localhost");
    let shown = browser.get(&format!("{renamed}/callback?code=1")).await;
    assert_eq!(shown.location, Some(format!("{}/callback?code=1", harbour.dashboard)));
    let shown = browser.send(harbour.http.post(format!("{renamed}/revoke")).header("origin", &renamed)).await;
    assert_eq!(shown.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_of_another_name_is_no_issuer_of_ours() {
    let harbour = Harbour::open().await;
    harbour.fake.lie(Lie::OtherName);
    // The gateway may have asked before the lie; the dashboard asks now, for the first time.
    let page = Browser::new(&harbour).press("/sign-in").await;
    assert_eq!(page.status, 502);
    assert!(page.text.contains("it calls itself http://127.0.0.1:1"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_issuer_is_told_in_plain_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Port 1 is nobody's.
    let (base, issuer) = (listener.local_addr().unwrap(), "127.0.0.1:1");
    let config = chancery::demo::DashboardConfig {
        issuer: format!("http://{issuer}"),
        client_id: "dashboard".into(),
        client_secret: "secret".into(),
        base_url: format!("http://{base}"),
        gateway_url: format!("http://{issuer}"),
        resource: format!("http://{issuer}/api"),
        listen: base,
        browser_client_id: None,
    };
    assert!(!format!("{config:?}").contains("secret\""), "{config:?}");
    tokio::spawn(chancery::demo::dashboard(config, listener, std::future::pending()));
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("http://{base}/sign-in"))
        .header("origin", format!("http://{base}"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("form-action 'self' http://{issuer}")), "{policy}");
    let page = answer.text().await.unwrap();
    assert!(page.contains("The issuer can&#39;t be reached") && page.contains("nothing is listening there"), "{page}");
}
