//! Signing out: at once with the session's own ID token as hint, after a question otherwise, and on only to where the client
//! has registered.

use reqwest::{Method, StatusCode, header};

use super::{MINUTE, events, has, held, raw, signed_in, told};
use crate::kit::actors::{Answer, Browser, RelyingParty, http, location, parameter};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(with_a_hint_at_once, without_one_after_a_question, with_anything_wrong_nothing_happens, a_client_may_post,);

const BYE: &str = "https://rp.test/bye";

fn logout(issuer: &Issuer, pairs: &[(&str, &str)]) -> String {
    issuer.url(&format!("/oauth2/logout?{}", chancery::http::params::encode(pairs.iter().copied())))
}

async fn stands(browser: &Browser, rp: &RelyingParty) -> bool {
    let answer = browser.clone().begin(&rp.flow(&[("prompt", "none")])).await;
    location(&answer).unwrap().contains("code=")
}

async fn with_a_hint_at_once(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let (old, other) = (browser.clone(), signed_in(&issuer, &rp, "alice").await);
    // Long expired: it still says whose session is meant.
    clock.advance(MINUTE * 60 * 3);
    issuer.until("fresh", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    let hint = tokens.str("id_token");
    let url = logout(&issuer, &[("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s t&x=1")]);
    let answer = browser.get(&url).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(location(&answer).unwrap().starts_with("https://rp.test/bye?"));
    assert_eq!(told(&answer, "state"), "s t&x=1");
    assert!(!browser.cookies.contains_key("ch_session"));
    assert!(!stands(&old, &rp).await, "the cookie is dead, not only gone");
    assert!(stands(&other, &rp).await, "the other browser's session is its own");
    assert_eq!(events(&issuer, "session.ended").await, 1);
    rp.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
    let again = browser.get(&url).await;
    assert_eq!(told(&again, "state"), "s t&x=1", "nothing left to end, and still the way back");
}

async fn without_one_after_a_question(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let id = rp.id.to_string();
    let bob = {
        issuer.user("bob").await;
        let tokens = rp.tokens(&mut Browser::new(&issuer), "bob").await;
        tokens.str("id_token").to_owned()
    };
    let asked: [(&[(&str, &str)], bool); 4] = [
        (&[], false),
        (&[("client_id", &id)], false),
        (&[("client_id", &id), ("post_logout_redirect_uri", BYE), ("state", "x")], true),
        (&[("id_token_hint", &bob), ("post_logout_redirect_uri", BYE), ("state", "x")], true),
    ];
    for (pairs, leads_back) in asked {
        let mut browser = signed_in(&issuer, &rp, "alice").await;
        let url = logout(&issuer, pairs);
        let page = browser.get(&url).await;
        assert!(page.status == 200 && has(&page, "logout-confirm"), "{} {}", page.status, page.text);
        assert!(stands(&browser, &rp).await, "a GET changes nothing");
        let mut evil = browser.clone();
        evil.origin = "https://evil.test".to_owned();
        let before = browser.clone();
        // From another site, without a token, with another browser's: refused.
        let foreign = evil.press(&page, &url, "logout-confirm").await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
        let bare = [("content-type", "application/x-www-form-urlencoded"), ("origin", issuer.name.as_str())];
        assert_eq!(raw(&browser, &url, &bare, "logout-confirm=yes").await.status, StatusCode::FORBIDDEN);
        let mut another = signed_in(&issuer, &rp, "bob").await;
        assert_eq!(another.press(&page, &url, "logout-confirm").await.status, StatusCode::FORBIDDEN);
        assert!(stands(&before, &rp).await && stands(&another, &rp).await);
        let done = browser.press(&page, &url, "logout-confirm").await;
        assert!(!stands(&before, &rp).await);
        if leads_back {
            assert_eq!(parameter(&location(&done).unwrap(), "state").as_deref(), Some("x"));
        } else {
            assert!(done.status == 200 && done.text.contains("Signed out"), "{}", done.text);
        }
    }
    // Nobody is signed in: it says so, and sends nobody on by itself.
    let mut nobody = Browser::new(&issuer);
    let page = nobody.get(&logout(&issuer, &[("client_id", &id), ("post_logout_redirect_uri", BYE)])).await;
    assert!(page.status == 200 && page.text.contains("Signed out") && page.text.contains(BYE), "{}", page.text);
}

async fn with_anything_wrong_nothing_happens(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let (rp, other) = (issuer.client().await, issuer.client().await);
    let mut browser = Browser::new(&issuer);
    let hint = rp.tokens(&mut browser, "alice").await.str("id_token").to_owned();
    let (id, strange) = (rp.id.to_string(), other.id.to_string());
    let mut turned = hint.clone();
    let last = if turned.pop() == Some('A') { 'Q' } else { 'A' };
    turned.push(last);
    let payload = hint.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    let own = ("id_token_hint", hint.as_str());
    let uris = [
        "https://rp.test.evil.test/bye",
        "https://rp.test:444/bye",
        "https://rp.test/bye/",
        "https://rp.test/bye?x",
        "http://rp.test/bye",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
        "\thttps://rp.test/bye",
        "https://rp.test/cb",
    ];
    let mut wrong: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("id_token_hint", &turned)], "id_token_hint"),
        (vec![("id_token_hint", &unsigned)], "id_token_hint"),
        (vec![("id_token_hint", "x")], "id_token_hint"),
        (vec![own, ("client_id", &strange)], "client_id"),
        (vec![own, ("client_id", "x")], "client_id"),
        (vec![("post_logout_redirect_uri", BYE)], "post_logout_redirect_uri"),
        (vec![own, own], ""),
    ];
    for uri in uris {
        wrong.push((vec![own, ("post_logout_redirect_uri", uri)], "post_logout_redirect_uri"));
        wrong.push((vec![("client_id", &id), ("post_logout_redirect_uri", uri)], "post_logout_redirect_uri"));
    }
    for (pairs, parameter) in wrong {
        let page = browser.get(&logout(&issuer, &pairs)).await;
        assert_eq!((page.status, location(&page)), (StatusCode::BAD_REQUEST, None), "{pairs:?}");
        assert!(page.text.contains(parameter), "{pairs:?}: {}", page.text);
        assert!(stands(&browser, &rp).await, "{pairs:?}");
    }
}

async fn a_client_may_post(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let hint = rp.tokens(&mut browser, "alice").await.str("id_token").to_owned();
    let form = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "x")];
    // Another site's form comes without the cookie; the GET it is answered with brings it.
    let body = chancery::http::params::encode(form);
    let request = http().request(Method::POST, issuer.url("/oauth2/logout")).body(body);
    let request = request
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, "https://rp.test");
    let posted = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    let done = browser.get(&location(&posted).unwrap()).await;
    assert_eq!(told(&done, "state"), "x");
    assert!(!stands(&browser, &rp).await);
}
