//! Polling (RFC 8628, 3.5): too fast, too late, denied, another's.

use super::desk::{GRANT, SECOND, allows, asks, connects, enters, events, has, held, presses, reaches};
use crate::kit::actors::{Browser, RelyingParty};
use crate::kit::issuer::{Kind, on_both};
use crate::lineage::desk::{at_once, family_of};

on_both!(
    too_fast_is_told_and_grows,
    too_late_at_every_step,
    denied_is_told,
    another_clients_code,
    what_is_no_code,
    many_at_once,
);

async fn too_fast_is_told_and_grows(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let tv = issuer.device_client().await;
    let asked = asks(&tv).await;
    let polls = async |error| tv.poll(&asked.device_code).await.is(400, error);
    polls("authorization_pending").await;
    clock.advance(5 * SECOND);
    polls("authorization_pending").await;
    // A little sooner is the way it took; more is too fast, and from then on it is ten seconds.
    clock.advance(SECOND * 9 / 2);
    polls("authorization_pending").await;
    clock.advance(4 * SECOND);
    polls("slow_down").await;
    clock.advance(5 * SECOND);
    polls("slow_down").await;
    clock.advance(10 * SECOND);
    let told = tv.poll(&asked.device_code).await;
    told.is(400, "slow_down");
    assert!(told.str("error_description").contains("20 seconds"), "{}", told.text);
    clock.advance(19 * SECOND);
    polls("slow_down").await;
    clock.advance(25 * SECOND);
    polls("authorization_pending").await;
    clock.advance(25 * SECOND);
    polls("authorization_pending").await;
    // A clock that was set back makes nobody wait longer than that.
    clock.set(issuer.app.clock.now() - chrono::TimeDelta::seconds(60));
    polls("slow_down").await;
    clock.advance(31 * SECOND);
    polls("authorization_pending").await;
    // Whoever was too fast is let in as soon as it is allowed.
    polls("slow_down").await;
    allows(&mut Browser::new(&issuer), &asked, "alice").await;
    tv.poll(&asked.device_code).await.ok();
    issuer.stop().await;
}

async fn too_late_at_every_step(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let tv = issuer.device_client().await;
    // Nobody entered it.
    let asked = asks(&tv).await;
    clock.advance(600 * SECOND);
    tv.poll(&asked.device_code).await.is(400, "expired_token");
    let mut browser = Browser::new(&issuer);
    let page = enters(&mut browser, &asked.user_code).await;
    assert!(page.status == 400 && page.text.contains("isn’t valid"), "{}", page.text);
    // It was entered, and not allowed in time.
    let asked = asks(&tv).await;
    let page = reaches(&mut browser, &asked.user_code, "alice").await;
    clock.advance(600 * SECOND);
    let late = presses(&mut browser, &page, "consent-allow").await;
    assert!(late.status == 400 && late.text.contains("no longer valid"), "{}", late.text);
    tv.poll(&asked.device_code).await.is(400, "expired_token");
    // It was allowed in time, and not fetched.
    let asked = asks(&tv).await;
    clock.advance(599 * SECOND);
    allows(&mut browser, &asked, "alice").await;
    clock.advance(SECOND);
    tv.poll(&asked.device_code).await.is(400, "expired_token");
    assert_eq!(events(&issuer, "device.redeemed").await, 0);
    // In time to the second.
    let asked = asks(&tv).await;
    clock.advance(599 * SECOND);
    allows(&mut browser, &asked, "alice").await;
    tv.poll(&asked.device_code).await.ok();
    issuer.stop().await;
}

async fn denied_is_told(kind: Kind) {
    let (issuer, _clock) = held(kind, |_| {}).await;
    let tv = issuer.device_client().await;
    let mut browser = Browser::new(&issuer);
    let asked = asks(&tv).await;
    let page = reaches(&mut browser, &asked.user_code, "alice").await;
    let told = presses(&mut browser, &page, "consent-deny").await.ok();
    assert!(told.text.contains("<h1>Denied</h1>"), "{}", told.text);
    for _ in 0..2 {
        tv.poll(&asked.device_code).await.is(400, "access_denied");
    }
    // The old page can't change it any more, nor can the code be entered again.
    let told = presses(&mut browser, &page, "consent-allow").await;
    assert!(told.text.contains("<h1>Denied</h1>"), "{}", told.text);
    let page = enters(&mut browser, &asked.user_code).await;
    assert!(page.status == 400 && has(&page, "code-submit"), "{}", page.text);
    tv.poll(&asked.device_code).await.is(400, "access_denied");
    // Nor does anybody have to sign in to say no.
    let asked = asks(&tv).await;
    let mut browser = Browser::new(&issuer);
    let page = enters(&mut browser, &asked.user_code).await;
    assert!(has(&page, "login-cancel"), "{}", page.text);
    let told = presses(&mut browser, &page, "login-cancel").await.ok();
    assert!(told.text.contains("<h1>Denied</h1>"), "{}", told.text);
    tv.poll(&asked.device_code).await.is(400, "access_denied");
    assert_eq!(events(&issuer, "device.denied").await, 2);
    assert_eq!(events(&issuer, "device.approved").await, 0);
    issuer.stop().await;
}

async fn another_clients_code(kind: Kind) {
    let (issuer, _clock) = held(kind, |_| {}).await;
    let (tv, other) = (issuer.device_client().await, issuer.device_client().await);
    let confidential = issuer.client_with(|row| row.grants.0.push(GRANT.to_owned())).await;
    let asked = asks(&tv).await;
    let strangers = async || {
        for rp in [&other, &confidential] {
            rp.poll(&asked.device_code).await.is(400, "invalid_grant");
        }
        RelyingParty { secret: Some("ch_cs_x".to_owned()), ..confidential.clone() }
            .poll(&asked.device_code)
            .await
            .is(401, "invalid_client");
    };
    strangers().await;
    allows(&mut Browser::new(&issuer), &asked, "alice").await;
    strangers().await;
    let tokens = tv.poll(&asked.device_code).await.ok();
    // A stranger's presentation of a spent one ends nothing.
    strangers().await;
    tv.refresh(tokens.str("refresh_token")).await.ok();
    assert_eq!(crate::lineage::desk::count(&issuer, family_of(&tokens), "device.refused").await, 6);
    issuer.stop().await;
}

async fn what_is_no_code(kind: Kind) {
    let (issuer, _clock) = held(kind, |config| config.throttle.endpoint_failures = 8).await;
    let tv = issuer.device_client().await;
    let (_, tokens) = connects(&mut Browser::new(&issuer), &tv, "alice").await;
    tv.token(&[("grant_type", GRANT)]).await.is(400, "invalid_request");
    let unknown = chancery::secret::Opaque::<chancery::secret::DeviceCode>::generate().expose();
    let refresh = tokens.str("refresh_token");
    for text in ["x", "ch_dc_", &unknown, &unknown.to_lowercase(), &unknown[..50], refresh, tokens.str("access_token")]
    {
        tv.poll(text).await.is(400, "invalid_grant");
    }
    tv.poll("ch_dc_x").await.is(400, "invalid_grant");
    // Guesses are measured.
    tv.poll("ch_dc_x").await.is(429, "temporarily_unavailable");
    // What is ours is told all the same.
    tv.poll(&asks(&tv).await.device_code).await.is(400, "authorization_pending");
    issuer.stop().await;
}

/// One poll of many at once is in time; of the others none is let in and none is lost.
async fn many_at_once(kind: Kind) {
    let (issuer, _clock) = held(kind, |_| {}).await;
    let tv = issuer.device_client().await;
    let asked = asks(&tv).await;
    let answers = at_once(16, |_| {
        let (tv, code) = (tv.clone(), asked.device_code.clone());
        async move { tv.poll(&code).await }
    })
    .await;
    let told = |error: &str| answers.iter().filter(|answer| answer.json["error"] == error).count();
    assert_eq!(told("authorization_pending"), 1, "{answers:?}");
    assert_eq!(told("slow_down") + told("temporarily_unavailable"), 15, "{answers:?}");
    allows(&mut Browser::new(&issuer), &asked, "alice").await;
    tv.poll(&asked.device_code).await.ok();
    issuer.stop().await;
}
