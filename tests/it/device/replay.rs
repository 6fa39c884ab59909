//! Presented again (V022, V024, V143): a device code is spent once, its replay ends what came of it, its family catches a replayed
//! refresh token as any other, and it serves as nothing else.

use super::desk::{GRANT, SECOND, allows, asks, connects, held, reaches};
use crate::kit::actors::{Answer, Browser, RelyingParty, location};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::lineage::desk::{at_once, count, enrolled, family, family_of, jti_of};

on_both!(
    a_spent_code_ends_its_family,
    one_code_at_once,
    v143_a_replayed_refresh_is_caught,
    v022_nothing_serves_as_another
);

const AT_ONCE: usize = 50;

async fn a_spent_code_ends_its_family(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let tv = issuer.device_client().await;
    let (asked, tokens) = connects(&mut Browser::new(&issuer), &tv, "alice").await;
    let id = family_of(&tokens);
    let next = tv.refresh(tokens.str("refresh_token")).await.ok();
    // Hours after the code expired, too.
    clock.advance(3600 * SECOND);
    let next = tv.refresh(next.str("refresh_token")).await.ok();
    tv.poll(&asked.device_code).await.is(400, "invalid_grant");
    assert_eq!(family(&issuer, id).await.end_reason.as_deref(), Some("code_reuse"));
    tv.refresh(next.str("refresh_token")).await.is(400, "invalid_grant");
    tv.userinfo(next.str("access_token")).await.is(401, "invalid_token");
    // And once more is no more news to the log.
    tv.poll(&asked.device_code).await.is(400, "invalid_grant");
    assert_eq!(count(&issuer, id, "revocation.written").await, 1);
    assert_eq!(count(&issuer, id, "device.reused").await, 1);
    assert_eq!(count(&issuer, id, "device.refused").await, 1);
    issuer.stop().await;
}

/// Fifty redemptions of one approved code: one is answered, and the others end what it was answered with.
async fn one_code_at_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let mut browser = Browser::new(&issuer);
    for _ in 0..3 {
        let asked = asks(&tv).await;
        allows(&mut browser, &asked, "alice").await;
        let answers = at_once(AT_ONCE, |_| patient(tv.clone(), asked.device_code.clone())).await;
        let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert!(
            answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.json["error"] == "invalid_grant")
        );
        let id = family_of(won[0]);
        assert_eq!(enrolled(&issuer, id).await, [jti_of(won[0])].into());
        assert_eq!(family(&issuer, id).await.end_reason.as_deref(), Some("code_reuse"));
        tv.refresh(won[0].str("refresh_token")).await.is(400, "invalid_grant");
    }
    figure(&format!("device codes, {kind:?}: 3 times {AT_ONCE} redemptions at once, one answered each time"));
    issuer.stop().await;
}

/// A redemption that doesn't take "come again" for an answer.
async fn patient(rp: RelyingParty, code: String) -> Answer {
    loop {
        let answer = rp.poll(&code).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

async fn v143_a_replayed_refresh_is_caught(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let tv = issuer.device_client().await;
    for late in [false, true] {
        let (_, tokens) = connects(&mut Browser::new(&issuer), &tv, "alice").await;
        let second = tv.refresh(tokens.str("refresh_token")).await.ok();
        if late {
            clock.advance(61 * SECOND);
        } else {
            tv.refresh(second.str("refresh_token")).await.ok();
        }
        tv.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
        let row = family(&issuer, family_of(&tokens)).await;
        assert_eq!(row.end_reason.as_deref(), Some(if late { "late" } else { "reuse" }));
        tv.refresh(second.str("refresh_token")).await.is(400, "invalid_grant");
    }
    issuer.stop().await;
}

async fn v022_nothing_serves_as_another(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client_with(|row| row.grants.0.push(GRANT.to_owned())).await;
    let mut browser = Browser::new(&issuer);
    let (waiting, allowed) = (asks(&rp).await, asks(&rp).await);
    allows(&mut browser, &allowed, "alice").await;
    let page = reaches(&mut browser, &waiting.user_code, "alice").await;
    let (_, hidden) = crate::kit::actors::form_of(&page);
    let first = rp.tokens(&mut browser, "alice").await;
    let flow = rp.flow(&[]);
    let code = browser.code(&flow, "alice").await;
    // Of the device, at every other door.
    for value in [&waiting.device_code, &allowed.device_code, &waiting.user_code, &allowed.user_code] {
        rp.redeem(&flow, value).await.is(400, "invalid_grant");
        rp.refresh(value).await.is(400, "invalid_grant");
        rp.userinfo(value).await.is(401, "invalid_token");
        assert_eq!(rp.introspect(value).await.ok().text, r#"{"active":false}"#);
        rp.revoke(value).await.ok();
        let wrong = RelyingParty { secret: Some(value.clone()), ..rp.clone() };
        wrong.refresh(first.str("refresh_token")).await.is(401, "invalid_client");
        let mut other = Browser::new(&issuer);
        other.cookies = browser.cookies.keys().map(|cookie| (cookie.clone(), value.clone())).collect();
        let page = other.begin(&rp.flow(&[])).await;
        assert!(location(&page).is_none() && page.text.contains("id=\"password\""), "{}", page.text);
    }
    // Everything else, at the device's.
    let mut others: Vec<String> =
        vec![code.clone(), flow.verifier.clone(), rp.secret.clone().unwrap(), waiting.user_code.clone()];
    others.extend(["access_token", "refresh_token", "id_token"].map(|name| first.str(name).to_owned()));
    others.push(family_of(&first).to_string());
    others.extend(browser.cookies.values().cloned());
    others.extend(hidden.into_iter().map(|(_, value)| value));
    for value in &others {
        rp.poll(value).await.is(400, "invalid_grant");
    }
    for value in others.iter().filter(|value| **value != waiting.user_code).chain([&waiting.device_code]).take(5) {
        let page = super::desk::enters(&mut Browser::new(&issuer), value).await;
        assert!(page.status == 400 && page.text.contains("isn’t valid"), "{} {}", page.status, page.text);
    }
    // And each still serves as what it is.
    rp.redeem(&flow, &code).await.ok();
    rp.refresh(first.str("refresh_token")).await.ok();
    rp.poll(&allowed.device_code).await.ok();
    rp.poll(&waiting.device_code).await.is(400, "authorization_pending");
    issuer.stop().await;
}
