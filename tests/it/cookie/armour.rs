//! V226, V228: what the cookie looks like, and what of it never leaves the server otherwise.

use std::collections::BTreeMap;

use chancery::config::{Config, Site};
use reqwest::header;

use super::{APP, Page, Sent, by_cookie, ground, ground_with, refs, refused, rolls, set};
use crate::kit::actors::{Browser, PASSWORD, claims, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    no_answer_holds_the_refresh_token,
    v228_the_refresh_cookie_of_an_https_issuer,
    an_issuer_with_a_path_keeps_it_beneath,
    v226_two_of_one_name_are_refused,
    it_lasts_as_long_as_its_family,
);

/// The attributes of a `Set-Cookie`, by name.
fn attributes(line: &str) -> BTreeMap<String, String> {
    let split = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.to_owned(), value.to_owned())
    };
    line.split("; ").map(split).collect()
}

async fn no_answer_holds_the_refresh_token(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    let mut answers = vec![page.sign_in("alice").await];
    let mut seen = vec![page.token()];
    for _ in 0..3 {
        answers.push(page.refresh().await.ok());
        seen.push(page.token());
    }
    assert!(seen.windows(2).all(|two| two[0] != two[1]), "each refresh has a cookie of its own");
    answers.push(page.post("/oauth2/token", &[("grant_type", "refresh_token"), ("scope", "admin")]).await);
    for answer in &answers {
        assert!(!answer.text.contains("ch_rt_") && answer.json.get("refresh_token").is_none(), "{}", answer.text);
        for (name, value) in answer.headers.iter().filter(|(name, _)| *name != header::SET_COOKIE) {
            assert!(!value.to_str().unwrap().contains("ch_rt_"), "{name}");
        }
    }
    for answer in &answers[..4] {
        assert!(answer.str("access_token").len() > 100 && answer.str("id_token").len() > 100, "{}", answer.text);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(set(answer).len(), 1);
    }
    // The family lives in its lineage as any other.
    let family = claims(answers[3].str("access_token"))["family_id"].as_str().unwrap().to_owned();
    assert_eq!(claims(answers[0].str("access_token"))["family_id"], family.as_str());
    issuer.stop().await;
}

async fn v228_the_refresh_cookie_of_an_https_issuer(kind: Kind) {
    const NAME: &str = "https://id.example.test";
    const DASHBOARD: &str = "https://app.example.test";
    let change = |config: &mut Config| {
        config.issuer = NAME.parse().unwrap();
        config.site = Site::named(&config.issuer, "example.test").unwrap();
    };
    let issuer = Issuer::start_with(kind, Setup { change: Box::new(change), ..Setup::patient() }).await;
    issuer.user("alice").await;
    let rp = issuer.client_with(|row| by_cookie(row, DASHBOARD)).await;
    let mut browser = Browser::at(NAME);
    let flow = rp.flow(&[]);
    let begun = browser.get(&flow.url).await;
    let shown = browser.get(&location(&begun).unwrap().replace(NAME, &issuer.at)).await;
    let done = browser.sign_in(&shown, &flow.url, "alice", PASSWORD).await;
    let code = parameter(&location(&done).unwrap(), "code").unwrap();
    let mut page = Page { rp, browser, origin: DASHBOARD.to_owned() };
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &page.rp.redirect.clone()),
        ("code_verifier", &flow.verifier),
    ];
    let name = format!("__Secure-ch_rt_{}", page.rp.id);
    let first = page.post("/oauth2/token", &form).await.ok();
    let next = page.post("/oauth2/token", &super::REFRESH).await.ok();
    let gone = page.post("/oauth2/revoke", &[]).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    for (answer, lasts) in [(&first, true), (&next, true), (&gone, false)] {
        let [line] = &set(answer)[..] else { panic!("{:?}", set(answer)) };
        let cookie = attributes(line);
        assert!(line.starts_with(&format!("{name}=")) && line.len() <= 4096, "{line}");
        assert!(cookie.contains_key("HttpOnly") && cookie.contains_key("Secure"), "{line}");
        assert_eq!((cookie["SameSite"].as_str(), cookie["Path"].as_str()), ("Strict", "/oauth2"), "{line}");
        assert!(!cookie.contains_key("Domain"), "{line}");
        assert_eq!(cookie["Max-Age"] != "0", lasts, "{line}");
    }
    // A twin without the prefix, which any page of the domain over plain HTTP could have set, is no cookie of ours.
    let mut twin = page.clone();
    twin.browser.cookies.insert(format!("ch_rt_{}", twin.rp.id), "ch_rt_planted".to_owned());
    refused(&twin.post("/oauth2/token", &super::REFRESH).await, 400, "invalid_grant");
    issuer.stop().await;
}

async fn an_issuer_with_a_path_keeps_it_beneath(kind: Kind) {
    let (issuer, mut page) = ground_with(kind, Setup { path: "/auth", ..Setup::patient() }).await;
    let first = page.sign_in("alice").await;
    let cookie = attributes(&set(&first)[0]);
    assert_eq!(cookie["Path"], "/auth/oauth2");
    assert!(!cookie.contains_key("Secure") && cookie.contains_key("HttpOnly"), "plain HTTP on loopback: {cookie:?}");
    page.refresh().await.ok();
    issuer.stop().await;
}

/// A sibling site can add a cookie of that name for the whole domain; it can't take ours away.
async fn v226_two_of_one_name_are_refused(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    page.sign_in("alice").await;
    let before = rolls(&issuer).await;
    let (session, own) = (page.browser.cookies["ch_session"].clone(), page.token());
    let name = page.cookie();
    for planted in [&own[..], "ch_rt_x", "", "\u{e9}"] {
        for line in [
            format!("ch_session={session}; {name}={own}; {name}={planted}"),
            format!("{name}={planted}; ch_session={session}; {name}={own}"),
        ] {
            let sent = Sent { origin: Some(APP), cookies: Some(&line) };
            refused(&page.sends("/oauth2/token", &super::REFRESH, sent).await, 400, "invalid_request");
            refused(&page.sends("/oauth2/revoke", &[], sent).await, 400, "invalid_request");
        }
    }
    // Two sessions are none.
    let line = format!("ch_session={session}; ch_session={session}; {name}={own}");
    let sent = Sent { origin: Some(APP), cookies: Some(&line) };
    refused(&page.sends("/oauth2/token", &super::REFRESH, sent).await, 400, "invalid_grant");
    // A token as a parameter is none of this client's, beside the cookie or without.
    for cookies in [None, Some(format!("ch_session={session}"))] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", own.as_str())];
        let sent = Sent { origin: Some(APP), cookies: cookies.as_deref() };
        refused(&page.sends("/oauth2/token", &form, sent).await, 400, "invalid_request");
        refused(&page.sends("/oauth2/revoke", &[("token", own.as_str())], sent).await, 400, "invalid_request");
    }
    assert_eq!(rolls(&issuer).await, before);
    // Two hundred others, and the one that is ours among them.
    let many = (0..200).map(|at| format!("{name}{at}=x; ")).collect::<String>();
    let line = format!("{many}ch_session={session}; {name}={own}");
    let sent = Sent { origin: Some(APP), cookies: Some(&line) };
    page.send("/oauth2/token", &super::REFRESH, sent).await.ok();
    page.refresh().await.ok();
    issuer.stop().await;
}

async fn it_lasts_as_long_as_its_family(kind: Kind) {
    let change = |config: &mut Config| {
        config.tokens.family_absolute = std::time::Duration::from_hours(48);
        config.sessions.absolute = std::time::Duration::from_hours(24);
    };
    let (issuer, mut page) = ground_with(kind, Setup { change: Box::new(change), ..Setup::patient() }).await;
    // The session ends first, and the family with it.
    let form = page.code("alice").await;
    let first = page.post("/oauth2/token", &refs(&form)).await.ok();
    for answer in [first, page.refresh().await.ok()] {
        let lasts: i64 = attributes(&set(&answer)[0])["Max-Age"].parse().unwrap();
        assert!((24 * 3600 - 60..=24 * 3600).contains(&lasts), "{lasts}");
    }
    issuer.stop().await;
}
