//! What people and relying parties do: sign in, allow or not, come back, be asked again, be someone else.

use reqwest::StatusCode;
use sqlx::types::Json;

use super::{ALICE, MINUTE, SECOND, asking, events, follow, has, held, sign_in, signed_in, state, told};
use crate::kit::actors::{Browser, PASSWORD, claims, location, parameter};
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::raw::Raw;

on_both!(
    asked_once_and_remembered,
    allowed_at_one_resource_is_not_allowed_at_another,
    a_client_nobody_can_vouch_for_is_asked_for_each_time,
    cancelling_and_denying_tell_the_client,
    without_a_page,
    signing_in_again,
    being_someone_else,
    tabs_opened_together,
    what_the_client_says_of_the_user,
    nobody_but_the_one_who_is_hinted_at,
);

async fn asked_once_and_remembered(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[("scope", "openid email")]));
    let page = browser.begin(&flow).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(["username", "password", "login-submit", "login-cancel"].iter().all(|id| has(&page, id)), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("form-action 'self' https://rp.test"), "{policy}");
    assert_eq!(page.headers["cache-control"], "no-store");
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert!(has(&consent, "consent-allow") && has(&consent, "consent-deny"), "{}", consent.text);
    assert!(consent.text.contains("Harbour Dashboard") && consent.text.contains("alice"));
    assert!(!consent.text.contains("groups"), "not asked for");
    let done = browser.press(&consent, &flow.url, "consent-allow").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!((told(&done, "state"), told(&done, "iss")), (flow.state.clone(), issuer.name.clone()));
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(events(&issuer, "consent.given").await, 1);
    // Remembered: less asks nothing, more asks again.
    let less = browser.begin(&rp.flow(&[("scope", "openid")])).await;
    assert!(told(&less, "code").starts_with("ch_ac_"));
    let more = browser.begin(&rp.flow(&[("scope", "openid groups")])).await;
    assert!(has(&more, "consent-allow") && more.text.contains("groups"), "{}", more.text);
    // Asked for: asked.
    let again = browser.begin(&rp.flow(&[("scope", "openid"), ("prompt", "consent")])).await;
    assert!(has(&again, "consent-allow"));
}

async fn allowed_at_one_resource_is_not_allowed_at_another(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let (orders, wages) = ("https://orders.test/", "https://wages.test/");
    issuer.resource(orders, &["read"]).await;
    issuer.resource(wages, &["read"]).await;
    let rp = issuer
        .client_with(|row| {
            row.consent = "ask".to_owned();
            row.scopes = "openid email read".to_owned();
            row.resources = Json(vec![orders.to_owned(), wages.to_owned()]);
        })
        .await;
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[("resource", orders), ("scope", "openid read")]);
    browser.code(&flow, "alice").await;

    let both = "&resource=https%3A%2F%2Forders.test%2F&resource=https%3A%2F%2Fwages.test%2F";
    let silent = async |browser: &mut Browser, scope: &str, resource: &str| {
        let mut flow = rp.flow(&[("prompt", "none"), ("scope", scope), ("resource", resource)]);
        if resource.is_empty() {
            flow.url.push_str(both);
        }
        let to = location(&browser.begin(&flow).await).unwrap();
        parameter(&to, "error").unwrap_or_else(|| parameter(&to, "code").map(|_| "code".to_owned()).unwrap())
    };
    assert_eq!(silent(&mut browser, "openid read", orders).await, "code");
    assert_eq!(silent(&mut browser, "openid", orders).await, "code", "less");
    for resource in [wages, ""] {
        assert_eq!(silent(&mut browser, "openid read", resource).await, "consent_required", "{resource}");
        assert_eq!(silent(&mut browser, "openid", resource).await, "consent_required", "{resource}");
    }

    // The page says at which of them; what is allowed there is allowed nowhere else.
    let flow = rp.flow(&[("resource", wages), ("scope", "openid read")]);
    let page = browser.begin(&flow).await;
    assert!(has(&page, "consent-allow"), "{}", page.text);
    assert!(page.text.contains(wages) && !page.text.contains(orders), "{}", page.text);
    let flow = rp.flow(&[("resource", wages), ("scope", "openid email")]);
    browser.code(&flow, "alice").await;
    for (scope, resource, answer) in [
        ("openid email", wages, "code"),
        ("openid read", wages, "consent_required"),
        ("openid email", orders, "consent_required"),
        ("openid read", orders, "code"),
        ("openid", "", "code"),
        ("openid read", "", "consent_required"),
    ] {
        assert_eq!(silent(&mut browser, scope, resource).await, answer, "{scope} at {resource}");
    }
    let mut both_asked = rp.flow(&[("scope", "openid read")]);
    both_asked.url.push_str(both);
    let page = browser.begin(&both_asked).await;
    assert!(page.text.contains(wages) && page.text.contains(orders), "{}", page.text);

    // Consent that says nothing of resources was given before it was kept for them.
    assert_eq!(Raw::open(&issuer.database).await.run("UPDATE grants SET resources = NULL").await, 1);
    assert_eq!(silent(&mut browser, "openid read", orders).await, "consent_required");
    issuer.stop().await;
}

async fn a_client_nobody_can_vouch_for_is_asked_for_each_time(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    for (redirect, remembered) in
        [("https://spa.test/cb", true), ("http://127.0.0.1/cb", false), ("com.example.app:/cb", false)]
    {
        let rp = issuer
            .client_with(|row| {
                row.auth_method = "none".to_owned();
                row.consent = "ask".to_owned();
                row.redirect_uris = Json(vec![redirect.to_owned()]);
            })
            .await;
        let mut browser = signed_in(&issuer, &rp, "alice").await;
        let again = browser.begin(&rp.flow(&[])).await;
        assert_eq!(location(&again).is_some(), remembered, "{redirect}: {}", again.text);
        let silent = browser.begin(&rp.flow(&[("prompt", "none")])).await;
        let wanted = if remembered { "code" } else { "error" };
        let got = told(&silent, wanted);
        assert!(remembered || got == "consent_required", "{redirect}: {got}");
    }
}

async fn cancelling_and_denying_tell_the_client(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let cancelled = browser.press(&page, &flow.url, "login-cancel").await;
    assert_eq!(cancelled.status, StatusCode::SEE_OTHER);
    assert!(location(&cancelled).unwrap().starts_with("https://rp.test/cb?"));
    assert_eq!((told(&cancelled, "error"), told(&cancelled, "state")), ("access_denied".into(), flow.state.clone()));
    assert_eq!(told(&cancelled, "iss"), issuer.name);
    // What was cancelled stays so.
    let after = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert_eq!(after.status, StatusCode::CONFLICT);
    assert_eq!(state(&issuer).await[0], 0, "no session");

    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await;
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    let denied = browser.press(&consent, &flow.url, "consent-deny").await;
    assert_eq!(told(&denied, "error"), "access_denied");
    let allowed = browser.press(&consent, &flow.url, "consent-allow").await;
    assert_eq!(allowed.status, StatusCode::CONFLICT);
    assert_eq!(events(&issuer, "signin.cancelled").await, 2);
    assert_eq!(events(&issuer, "consent.given").await, 0);
}

async fn without_a_page(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = Browser::new(&issuer);
    let none = |more: &[(&'static str, &'static str)]| rp.flow(&[&[("prompt", "none")], more].concat());
    assert_eq!(told(&browser.begin(&none(&[])).await, "error"), "login_required");
    // Signed in, and not allowed yet.
    let other = issuer.client().await;
    browser.code(&other.flow(&[]), "alice").await;
    assert_eq!(told(&browser.begin(&none(&[])).await, "error"), "consent_required");
    browser.code(&rp.flow(&[]), "alice").await;
    let flow = none(&[]);
    let first = rp.redeem(&flow, &told(&browser.begin(&flow).await, "code")).await.ok();
    clock.advance(MINUTE);
    issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    let flow = none(&[]);
    let second = rp.redeem(&flow, &told(&browser.begin(&flow).await, "code")).await.ok();
    let of = |answer: &crate::kit::actors::Answer, name: &str| claims(answer.str("id_token"))[name].clone();
    for claim in ["sub", "auth_time", "sid"] {
        assert_eq!(of(&first, claim), of(&second, claim), "{claim}");
    }
    assert_eq!(told(&browser.begin(&none(&[("max_age", "59")])).await, "error"), "login_required");
    assert!(told(&browser.begin(&none(&[("max_age", "60")])).await, "code").starts_with("ch_ac_"));
    clock.advance(issuer.app.config.sessions.idle);
    assert_eq!(told(&browser.begin(&none(&[])).await, "error"), "login_required", "idle for too long");
    assert_eq!(state(&issuer).await[3], 2, "no page, so no interaction");
}

async fn signing_in_again(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let user = issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[]);
    let code = browser.code(&flow, "alice").await;
    let before = claims(rp.redeem(&flow, &code).await.ok().str("id_token"));
    for more in [[("prompt", "login")], [("max_age", "0")], [("max_age", "1")]] {
        clock.advance(SECOND * 2);
        let (secret, flow) = (browser.cookies["ch_session"].clone(), rp.flow(&more));
        let page = browser.begin(&flow).await;
        assert!(
            page.text.contains("Sign in again") && page.text.contains(user.name.as_deref().unwrap()),
            "{}",
            page.text
        );
        let done = sign_in(&mut browser, &page, &flow, ALICE).await;
        let code = told(&done, "code");
        issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
        let after = claims(rp.redeem(&flow, &code).await.ok().str("id_token"));
        assert_eq!(after["sid"], before["sid"], "the same session");
        assert_eq!(after["auth_time"], clock.now().timestamp(), "{more:?}");
        assert_ne!(browser.cookies["ch_session"], secret, "a new secret");
    }
    assert_eq!(state(&issuer).await[0], 1);
    // What was signed in again for this request is not good for the next one.
    let page = browser.begin(&rp.flow(&[("prompt", "login")])).await;
    assert!(has(&page, "login-submit"));
}

async fn being_someone_else(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let (alice, bob) = (issuer.user("alice").await, issuer.user("bob").await);
    let rp = asking(&issuer).await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    let first = browser.clone();
    let flow = rp.flow(&[("prompt", "select_account")]);
    let page = browser.begin(&flow).await;
    assert!(has(&page, "account-continue") && page.text.contains("alice of the tests"), "{}", page.text);
    let answer = browser.press(&page, &flow.url, "another-account").await;
    let page = follow(&mut browser, answer).await;
    assert!(has(&page, "username") && !page.text.contains("alice"), "{}", page.text);
    let consent = sign_in(&mut browser, &page, &flow, ("bob", PASSWORD)).await;
    assert!(consent.text.contains("bob of the tests"), "{}", consent.text);
    // Not I, on second thoughts.
    let answer = browser.press(&consent, &flow.url, "another-account").await;
    let page = follow(&mut browser, answer).await;
    assert!(has(&page, "login-submit") && !page.text.contains("bob"), "{}", page.text);
    let done = sign_in(&mut browser, &page, &flow, ALICE).await;
    let tokens = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(claims(tokens.str("id_token"))["sub"], alice.sub.to_string());
    // Three sessions: another user's sign-in makes one of its own and leaves the others be.
    assert_eq!(state(&issuer).await[0], 3);
    let silent = first.clone().begin(&rp.flow(&[("prompt", "none")])).await;
    assert!(told(&silent, "code").starts_with("ch_ac_"), "alice's first session still stands");
    assert_ne!(alice.id, bob.id);
}

async fn tabs_opened_together(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let (one, two) = (rp.flow(&[]), rp.flow(&[]));
    let (first, second) = (browser.begin(&one).await, browser.begin(&two).await);
    let done = sign_in(&mut browser, &first, &one, ALICE).await;
    rp.redeem(&one, &told(&done, "code")).await.ok();
    // The other tab was opened before: its form is worth nothing now, and says how to go on.
    let stale = browser.sign_in(&second, &two.url, "alice", PASSWORD).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    assert!(stale.text.contains("/oauth2/authorize?") && stale.text.contains("Harbour Dashboard"), "{}", stale.text);
    // Reloaded, it goes on by itself.
    let (_, fields) = crate::kit::actors::form_of(&second);
    let interaction = &fields.iter().find(|(name, _)| name == "interaction").unwrap().1;
    let reloaded = browser.get(&format!("{}/login?interaction={interaction}", issuer.at)).await;
    let done = follow(&mut browser, reloaded).await;
    assert_eq!(told(&done, "state"), two.state);
    rp.redeem(&two, &told(&done, "code")).await.ok();
}

async fn what_the_client_says_of_the_user(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    let hint = "\"><script>alert(1)</script>\u{202e}";
    let page = browser.begin(&rp.flow(&[("login_hint", hint), ("ui_locales", "xx fr")])).await;
    assert!(page.text.contains("lang=\"fr\"") && page.text.contains("alert(1)"), "{}", page.text);
    assert!(!page.text.contains("<script>alert") && !page.text.contains("value=\"\"><script"), "{}", page.text);
}

async fn nobody_but_the_one_who_is_hinted_at(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    issuer.user("bob").await;
    let rp = issuer.client().await;
    let (mut alice, mut bob) = (Browser::new(&issuer), Browser::new(&issuer));
    let hint = rp.tokens(&mut alice, "alice").await.str("id_token").to_owned();
    bob.code(&rp.flow(&[]), "bob").await;
    // Expired ones will do.
    clock.advance(MINUTE * 60);
    let silent = rp.flow(&[("prompt", "none"), ("id_token_hint", &hint)]);
    assert!(told(&alice.begin(&silent).await, "code").starts_with("ch_ac_"));
    assert_eq!(told(&bob.begin(&silent).await, "error"), "login_required");
    assert_eq!(told(&Browser::new(&issuer).begin(&silent).await, "error"), "login_required");
    // On the page, too: whoever else signs in is not handed out.
    let flow = rp.flow(&[("id_token_hint", &hint)]);
    let (page, before) = (bob.begin(&flow).await, state(&issuer).await);
    let other = sign_in(&mut bob, &page, &flow, ("bob", PASSWORD)).await;
    assert_eq!((told(&other, "error"), told(&other, "state")), ("login_required".to_owned(), flow.state.clone()));
    assert_eq!(state(&issuer).await[..3], before[..3]);
    let page = bob.begin(&flow).await;
    let right = sign_in(&mut bob, &page, &flow, ALICE).await;
    assert!(told(&right, "code").starts_with("ch_ac_"));
    let forged = format!("{}AAAA", &hint[..hint.len() - 4]);
    for bad in ["x", forged.as_str(), "a.b.c"] {
        let answer = alice.begin(&rp.flow(&[("prompt", "none"), ("id_token_hint", bad)])).await;
        assert_eq!(told(&answer, "error"), "invalid_request", "{bad}");
    }
}
