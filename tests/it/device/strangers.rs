//! Whoever else might answer (V025, V027, V087, V116, V180): another site, another browser, an older page, someone half signed in.

use super::desk::{Asked, allows, asks, enters, events, follow, has, presses, reaches, signs_in, still_waits};
use crate::kit::actors::{Answer, Browser, PASSWORD, form_of, http};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::raw::{Dump, Raw, differences};

on_both!(
    v116_nobody_enters_or_allows_from_elsewhere,
    v027_tokens_of_forms_are_bound,
    v180_the_first_browser_keeps_it,
    v087_signed_in_or_not_at_all,
);

/// Everything but what only counts and tells.
async fn state(issuer: &Issuer) -> Dump {
    let mut dump = Raw::open(&issuer.database).await.dump().await;
    dump.retain(|table, _| !["audit", "throttle"].contains(&table.as_str()));
    dump
}

/// A post with this browser's cookies, under these headers.
async fn posts(browser: &Browser, url: &str, headers: &[(&str, &str)], form: &[(String, String)]) -> Answer {
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = http().post(url).header("cookie", cookies.join("; ")).form(form);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

fn pressed(page: &Answer, button: &str) -> (String, Vec<(String, String)>) {
    let (action, mut form) = form_of(page);
    form.push((button.to_owned(), "yes".to_owned()));
    (action, form)
}

const FOREIGN: &[&[(&str, &str)]] = &[
    &[("origin", "https://evil.test")],
    &[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "none")],
    &[],
];

async fn v116_nobody_enters_or_allows_from_elsewhere(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let (waiting, open) = (asks(&tv).await, asks(&tv).await);
    let mut browser = Browser::new(&issuer);
    let page = reaches(&mut browser, &open.user_code, "alice").await;
    let entry = browser.get(&issuer.url("/device")).await.ok();
    let (enter_at, mut enter) = form_of(&entry);
    enter.push(("code".to_owned(), waiting.user_code.clone()));
    let (allow_at, allow) = pressed(&page, "consent-allow");
    let (_, deny) = pressed(&page, "consent-deny");
    let before = state(&issuer).await;
    for headers in FOREIGN {
        for (url, form) in [(&enter_at, &enter), (&allow_at, &allow), (&allow_at, &deny)] {
            let answer = posts(&browser, url, headers, form).await;
            assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text);
        }
    }
    // Every GET there is, with whatever might be taken for an answer.
    let (_, hidden) = form_of(&page);
    let mut query: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    query.extend([("consent-allow", "yes"), ("code", &waiting.user_code), ("user_code", &waiting.user_code)]);
    let query = chancery::http::params::encode(query);
    for path in ["/device", "/login", "/oauth2/device"] {
        browser.get(&issuer.url(&format!("{path}?{query}"))).await;
    }
    assert_eq!(differences(&before, &state(&issuer).await), [""; 0]);
    assert!(events(&issuer, "form.refused").await >= 18);
    for asked in [&waiting, &open] {
        still_waits(&tv, asked).await;
    }
    // A browser that names no origin but is of our own site.
    let answer = posts(&browser, &allow_at, &[("sec-fetch-site", "same-origin")], &allow).await;
    follow(&mut browser, answer).await.ok();
    tv.poll(&open.device_code).await.ok();
    issuer.stop().await;
}

async fn v027_tokens_of_forms_are_bound(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let asked = asks(&tv).await;
    let own = [("origin", issuer.name.clone())];
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (mut alice, mut thief) = (Browser::new(&issuer), Browser::new(&issuer));
    let entry = alice.get(&issuer.url("/device")).await.ok();
    let (at, mut form) = form_of(&entry);
    form.push(("code".to_owned(), asked.user_code.clone()));
    let without: Vec<_> = form.iter().filter(|(name, _)| name != "form_token").cloned().collect();
    // Another browser's, none, and that of another page; a browser without its own secret.
    thief.get(&issuer.url("/device")).await.ok();
    let bare = Browser::new(&issuer);
    let before = state(&issuer).await;
    for (browser, form) in [(&thief, &form), (&alice, &without), (&bare, &form)] {
        assert_eq!(posts(browser, &at, &own, form).await.status, 403);
    }
    assert_eq!(differences(&before, &state(&issuer).await), [""; 0]);
    // One made before a sign-in is worthless after it.
    let page = reaches(&mut alice, &asked.user_code, "alice").await;
    assert_eq!(posts(&alice, &at, &own, &form).await.status, 403);
    // The page's address, its form and its answer are this browser's alone.
    let (allow_at, allow) = pressed(&page, "consent-allow");
    let (_, interaction) = allow.iter().find(|(name, _)| name == "interaction").unwrap();
    let address = issuer.url(&format!("/login?interaction={interaction}"));
    assert!(thief.get(&address).await.text.contains("another browser"));
    for browser in [&thief, &bare] {
        let answer = posts(browser, &allow_at, &own, &allow).await;
        assert!(answer.status == 400 && answer.text.contains("another browser"), "{}", answer.text);
    }
    // Nor has a thief with alice's browser cookie, but not her session, anything to allow.
    let mut half = Browser::new(&issuer);
    half.cookies = alice.cookies.clone();
    half.cookies.remove("ch_session");
    assert_eq!(posts(&half, &allow_at, &own, &allow).await.status, 403);
    still_waits(&tv, &asked).await;
    // What came of it is told to this browser alone, too.
    presses(&mut alice, &page, "consent-allow").await.ok();
    assert!(alice.get(&address).await.ok().text.contains("<h1>Signed in</h1>"), "as often as it is asked");
    assert!(thief.get(&address).await.text.contains("another browser"));
    tv.poll(&asked.device_code).await.ok();
    issuer.stop().await;
}

async fn v180_the_first_browser_keeps_it(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    issuer.user("mallory").await;
    let tv = issuer.device_client().await;
    let asked: Asked = asks(&tv).await;
    let (mut alice, mut mallory) = (Browser::new(&issuer), Browser::new(&issuer));
    // Mallory is signed in, alice isn't yet: the code is hers all the same.
    allows(&mut mallory, &asks(&tv).await, "mallory").await;
    let page = enters(&mut alice, &asked.user_code).await;
    assert!(has(&page, "login-submit"), "{}", page.text);
    let told = enters(&mut mallory, &asked.user_code).await;
    assert!(told.status == 409 && told.text.contains("already in use"), "{} {}", told.status, told.text);
    assert_eq!(events(&issuer, "device.user_code_refused").await, 1);
    // In the same browser it may be entered again: a page that was closed is not the end.
    let again = enters(&mut alice, &asked.user_code.to_lowercase()).await;
    assert!(has(&again, "login-submit"), "{}", again.text);
    let consent = signs_in(&mut alice, &page, "alice").await;
    assert!(has(&consent, "consent-allow"), "{}", consent.text);
    presses(&mut alice, &consent, "consent-allow").await.ok();
    // The other page of hers is too late, and says so.
    let late = alice.sign_in(&again, &issuer.url("/oauth2/device"), "alice", PASSWORD).await;
    let late = follow(&mut alice, late).await;
    assert!(late.status.is_client_error() && !has(&late, "consent-allow"), "{} {}", late.status, late.text);
    let told = enters(&mut mallory, &asked.user_code).await;
    assert!(
        told.status == 400 && told.text.contains("isn’t valid"),
        "once it is answered it is no code: {}",
        told.text
    );
    let tokens = tv.poll(&asked.device_code).await.ok();
    assert_eq!(tv.userinfo(tokens.str("access_token")).await.ok().json["name"], "alice of the tests");
    issuer.stop().await;
}

/// Before a proof is whole nothing can be allowed, whatever is posted in whatever order.
async fn v087_signed_in_or_not_at_all(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let asked = asks(&tv).await;
    let mut browser = Browser::new(&issuer);
    let page = enters(&mut browser, &asked.user_code).await;
    for button in ["consent-allow", "code-submit", "anything"] {
        let answer = presses(&mut browser, &page, button).await;
        assert!(has(&answer, "login-submit") && !has(&answer, "consent-allow"), "{button}: {}", answer.text);
    }
    // A wrong password, and a step at once with it.
    let (action, mut form) = form_of(&page);
    let typed = [("username", "alice"), ("password", "wrong"), ("consent-allow", "yes")];
    form.extend(typed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let own = issuer.name.clone();
    let answer = posts(&browser, &action, &[("origin", &own)], &form).await;
    assert!(!answer.text.contains("<h1>Signed in</h1>") && answer.status != 303, "{}", answer.text);
    still_waits(&tv, &asked).await;
    // Signed out in between: the page that stands is worthless.
    let consent = signs_in(&mut browser, &page, "alice").await;
    let session = browser.cookies.remove("ch_session").unwrap();
    let answer = presses(&mut browser, &consent, "consent-allow").await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    browser.cookies.insert("ch_session".to_owned(), session);
    let url = issuer.url("/oauth2/logout");
    let confirm = browser.get(&url).await.ok();
    let cookies = browser.cookies.clone();
    browser.press(&confirm, &url, "logout-confirm").await.ok();
    // Even with the cookie it had.
    browser.cookies = cookies;
    let answer = presses(&mut browser, &consent, "consent-allow").await;
    assert!(has(&answer, "login-submit"), "{}", answer.text);
    still_waits(&tv, &asked).await;
    assert_eq!(events(&issuer, "device.approved").await, 0);
    issuer.stop().await;
}
