//! How often, and how many (RFC 8628, 5.1 and 5.2; V181): wrong user codes by network, browser and session; device codes by client
//! and network, and those that wait; and all of it swept.

use chancery::jobs::upkeep;
use chancery::store::sweep;
use reqwest::header::{HeaderMap, HeaderValue};

use super::desk::{SECOND, allows, asks, enters, events, follow, has, held, reaches};
use crate::kit::actors::{Answer, Browser, RelyingParty, form_of, http, location};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::raw::Raw;

on_both!(
    v181_wrong_codes_are_measured,
    a_network_is_measured_whatever_browser,
    what_is_unknown_and_what_is_over_look_alike,
    devices_are_measured_by_client_and_network,
    so_many_wait_and_no_more,
    what_is_over_is_swept,
);

/// Types a code, coming from an address, and with this browser's cookies.
async fn from(browser: &Browser, page: &Answer, address: &str, code: &str) -> Answer {
    let (action, mut form) = form_of(page);
    form.push(("code".to_owned(), code.to_owned()));
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = http().post(&action).header("cookie", cookies.join("; ")).header("origin", &browser.origin);
    Answer::of(request.header("x-forwarded-for", address).form(&form).send().await.unwrap()).await
}

fn wait(answer: &Answer) -> Option<u64> {
    answer.headers.get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap())
}

async fn v181_wrong_codes_are_measured(kind: Kind) {
    let (issuer, clock) = held(kind, |config| config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let tv = issuer.device_client().await;
    let mut browser = Browser::new(&issuer);
    // Right ones cost nothing.
    for _ in 0..12 {
        allows(&mut browser, &asks(&tv).await, "alice").await;
    }
    let asked = asks(&tv).await;
    let page = browser.get(&issuer.url("/device")).await.ok();
    for at in 0..10 {
        let answer = from(&browser, &page, &format!("192.0.2.{at}"), "BBBB-BBBB").await;
        assert_eq!((answer.status.as_u16(), wait(&answer)), (400, None), "{at}");
    }
    // From wherever, and the right one too: the browser and its session have had their share.
    for code in ["BBBB-BBBB", &asked.user_code] {
        let answer = from(&browser, &page, "198.51.100.1", code).await;
        assert_eq!((answer.status.as_u16(), wait(&answer)), (429, Some(600)), "{}", answer.text);
        assert!(answer.text.contains("Too many attempts") && has(&answer, "code-submit"), "{}", answer.text);
    }
    // The same session, carried into another browser.
    let mut other = Browser::new(&issuer);
    other.cookies.insert("ch_session".to_owned(), browser.cookies["ch_session"].clone());
    let page = other.get(&issuer.url("/device")).await.ok();
    assert_eq!(from(&other, &page, "198.51.100.2", "BBBB-BBBB").await.status, 429);
    // Somebody else's browser is not kept out.
    let mut stranger = Browser::new(&issuer);
    let page = stranger.get(&issuer.url("/device")).await.ok();
    assert_eq!(from(&stranger, &page, "198.51.100.3", "BBBB-BBBB").await.status, 400);
    assert_eq!(events(&issuer, "device.user_code_refused").await, 14);
    clock.advance(601 * SECOND);
    allows(&mut browser, &asks(&tv).await, "alice").await;
    issuer.stop().await;
}

async fn a_network_is_measured_whatever_browser(kind: Kind) {
    let (issuer, _clock) = held(kind, |config| config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let tv = issuer.device_client().await;
    let asked = asks(&tv).await;
    let guess = async |address: &str, code: &str| {
        let mut browser = Browser::new(&issuer);
        let page = browser.get(&issuer.url("/device")).await.ok();
        from(&browser, &page, address, code).await
    };
    for (first, second) in [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2")] {
        for _ in 0..10 {
            assert_eq!(guess(first, "BBBB-BBBB").await.status, 400);
        }
        assert_eq!(guess(second, &asked.user_code).await.status, 429, "{second}");
    }
    // Whoever names no proxy's header is where he is.
    assert_eq!(guess("192.0.2.2", &asked.user_code).await.status, 303);
    issuer.stop().await;
}

/// RFC 8628, 5.1: nobody learns which codes there are.
async fn what_is_unknown_and_what_is_over_look_alike(kind: Kind) {
    let (issuer, clock) = held(kind, |config| config.throttle.user_codes = 1000).await;
    let tv = issuer.device_client().await;
    let mut browser = Browser::new(&issuer);
    let expired = asks(&tv).await;
    clock.advance(600 * SECOND);
    let (used, denied) = (asks(&tv).await, asks(&tv).await);
    allows(&mut browser, &used, "alice").await;
    let page = reaches(&mut browser, &denied.user_code, "alice").await;
    super::desk::presses(&mut browser, &page, "consent-deny").await.ok();
    let mut pages = Vec::new();
    for code in [&expired.user_code, &used.user_code, &denied.user_code, "BBBB-BBBB", "AAAA-AAAA", "WXYZ-1"] {
        let answer = enters(&mut browser, code).await;
        assert_eq!(answer.status, 400, "{code}");
        let (_, hidden) = form_of(&answer);
        let mut text = answer.text.replace(code, "CODE");
        hidden.iter().for_each(|(_, value)| text = text.replace(value, "HIDDEN"));
        pages.push(text);
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
    issuer.stop().await;
}

async fn devices_are_measured_by_client_and_network(kind: Kind) {
    let (issuer, clock) = held(kind, |config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.throttle.device_requests = 10;
    })
    .await;
    let (tv, radio) = (issuer.device_client().await, issuer.device_client().await);
    let at = |rp: &RelyingParty, address: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_str(address).unwrap());
        RelyingParty { http: reqwest::Client::builder().default_headers(headers).build().unwrap(), ..rp.clone() }
    };
    for last in 0..10 {
        at(&tv, &format!("192.0.2.{last}")).device(&[]).await.ok();
    }
    let refused = at(&tv, "192.0.2.99").device(&[]).await;
    refused.is(429, "temporarily_unavailable");
    assert!(wait(&refused).is_some());
    at(&tv, "192.0.3.1").device(&[]).await.ok();
    at(&radio, "192.0.2.1").device(&[]).await.ok();
    clock.advance(6 * SECOND);
    at(&tv, "192.0.2.99").device(&[]).await.ok();
    at(&tv, "192.0.2.99").device(&[]).await.is(429, "temporarily_unavailable");
    // Guesses at a client's secret are measured here as at the token endpoint.
    issuer.stop().await;
    let (issuer, _clock) = held(kind, |config| config.throttle.endpoint_failures = 3).await;
    let rp = issuer.client().await;
    let wrong = RelyingParty { secret: Some("ch_cs_x".to_owned()), ..rp };
    for _ in 0..3 {
        wrong.device(&[]).await.is(401, "invalid_client");
    }
    wrong.device(&[]).await.is(429, "temporarily_unavailable");
    issuer.stop().await;
}

async fn so_many_wait_and_no_more(kind: Kind) {
    let (issuer, clock) = held(kind, |config| config.throttle.device_codes = 3).await;
    let (tv, radio) = (issuer.device_client().await, issuer.device_client().await);
    let first = asks(&tv).await;
    for _ in 0..2 {
        asks(&tv).await;
    }
    let refused = tv.device(&[]).await;
    refused.is(429, "temporarily_unavailable");
    assert!(wait(&refused).is_some());
    asks(&radio).await;
    // What is answered waits no more.
    allows(&mut Browser::new(&issuer), &first, "alice").await;
    asks(&tv).await;
    tv.device(&[]).await.is(429, "temporarily_unavailable");
    clock.advance(600 * SECOND);
    asks(&tv).await;
    assert_eq!(Raw::open(&issuer.database).await.count("device_code", "true").await, 6);
    issuer.stop().await;
}

async fn what_is_over_is_swept(kind: Kind) {
    let clock = chancery::clock::Clock::held(chrono::DateTime::from_timestamp(1_990_000_000, 0).unwrap());
    let issuer = Issuer::start_with(kind, Setup::held(&clock)).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let mut browser = Browser::new(&issuer);
    let (forgotten, spent) = (asks(&tv).await, asks(&tv).await);
    allows(&mut browser, &spent, "alice").await;
    tv.poll(&spent.device_code).await.ok();
    let allowed = asks(&tv).await;
    allows(&mut browser, &allowed, "alice").await;
    let left = async || Raw::open(&issuer.database).await.count("device_code", "true").await;
    assert_eq!(left().await, 3);
    // An hour after its end a device is still told why; then it is unknown.
    clock.advance(4200 * SECOND);
    issuer.until("the view is fresh", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    sweep::batch(&issuer.app.store, &upkeep::horizon(&issuer.app).unwrap()).await.unwrap();
    for asked in [&forgotten, &allowed] {
        tv.poll(&asked.device_code).await.is(400, "expired_token");
    }
    clock.advance(SECOND);
    sweep::batch(&issuer.app.store, &upkeep::horizon(&issuer.app).unwrap()).await.unwrap();
    for asked in [&forgotten, &allowed] {
        tv.poll(&asked.device_code).await.is(400, "invalid_grant");
    }
    // What became a family stays with it: a replay is still known for what it is.
    assert_eq!(left().await, 1);
    tv.poll(&spent.device_code).await.is(400, "invalid_grant");
    assert_eq!(events(&issuer, "device.reused").await, 1);
    let page = enters(&mut browser, "").await;
    assert!(location(&page).is_none());
    follow(&mut browser, page).await;
    issuer.stop().await;
}
