//! `prompt`, `max_age`, `id_token_hint`: who is asked what, and how fresh the sign-in is.

use serde_json::json;

use super::{
    ALICE, Browser, Issuer, SECOND, answer, asking, follow, has, held, refused, registered, sign_in, signed_in,
    silently, told,
};
use crate::kit::actors::{PASSWORD, claims, location};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    none_never_shows_a_page,
    consent_once_given_is_remembered_with_the_same_sub_and_auth_time,
    login_and_an_exceeded_max_age_ask_again_and_give_a_later_auth_time,
    default_max_age_of_the_client_counts_where_none_is_asked,
    consent_asks_again,
    select_account_lets_the_user_choose,
    select_account_where_nobody_is_signed_in_is_a_sign_in,
    select_account_and_login_choose_first,
    whoever_is_chosen_must_still_be_signed_in,
    create_is_refused_and_not_advertised,
    none_goes_with_nothing_else,
    a_hint_selects_the_user_or_yields_login_required,
    a_sub_that_is_asked_for_selects_the_user_or_yields_login_required,
);

async fn none_never_shows_a_page(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let bob = issuer.user("bob").await;
    let (rp, other) = (asking(&issuer).await, issuer.client().await);
    let mut browser = Browser::new(&issuer);
    let about_bob = json!({ "id_token": { "sub": { "value": bob.sub } } }).to_string();
    for mode in ["query", "form_post"] {
        let none = |more: &[(&'static str, &str)]| {
            let more: Vec<_> = [&[("prompt", "none"), ("response_mode", mode)], more].concat();
            rp.flow(&more)
        };
        assert_eq!(refused(&mut Browser::new(&issuer), &none(&[])).await, "login_required");
        browser.code(&other.flow(&[]), "alice").await;
        if mode == "query" {
            assert_eq!(refused(&mut browser, &none(&[])).await, "consent_required");
            browser.code(&rp.flow(&[]), "alice").await;
        }
        assert!(answer(&browser.begin(&none(&[])).await).get("code").is_some());
        assert_eq!(refused(&mut browser, &none(&[("max_age", "0")])).await, "login_required");
        assert_eq!(refused(&mut browser, &none(&[("claims", &about_bob)])).await, "login_required");
        let essential = json!({ "id_token": { "acr": { "essential": true, "value": "9" } } }).to_string();
        let unmet = refused(&mut browser, &none(&[("claims", &essential)])).await;
        assert_eq!(unmet, "unmet_authentication_requirements");
        clock.advance(issuer.app.config.sessions.idle);
        issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
        assert_eq!(refused(&mut browser, &none(&[])).await, "login_required", "idle for too long");
    }
    issuer.stop().await;
}

async fn consent_once_given_is_remembered_with_the_same_sub_and_auth_time(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let code = browser.code(&flow, "alice").await;
    let first = claims(rp.redeem(&flow, &code).await.ok().str("id_token"));
    clock.advance(SECOND * 5);
    issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    let second = claims(silently(&mut browser, &rp, &[]).await.str("id_token"));
    for claim in ["sub", "auth_time", "acr", "amr"] {
        assert_eq!(first[claim], second[claim], "{claim}");
    }
    assert!(second["iat"].as_i64() > first["iat"].as_i64());
    issuer.stop().await;
}

async fn login_and_an_exceeded_max_age_ask_again_and_give_a_later_auth_time(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[("max_age", "15000")]));
    let code = browser.code(&flow, "alice").await;
    let mut before = claims(rp.redeem(&flow, &code).await.ok().str("id_token"));
    assert_eq!(before["auth_time"], clock.now().timestamp(), "asked for, and there");
    for more in [("prompt", "login"), ("max_age", "1")] {
        clock.advance(SECOND * 2);
        issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
        // Not old enough yet: nothing is asked, and the time stays.
        let same = claims(silently(&mut browser, &rp, &[("max_age", "10000")]).await.str("id_token"));
        assert_eq!(same["auth_time"], before["auth_time"]);
        let flow = rp.flow(&[more]);
        let page = browser.begin(&flow).await;
        assert!(has(&page, "password"), "{}", page.text);
        let done = sign_in(&mut browser, &page, &flow, ALICE).await;
        let after = claims(rp.redeem(&flow, &told(&done, "code")).await.ok().str("id_token"));
        assert!(after["auth_time"].as_i64() > before["auth_time"].as_i64(), "{more:?}");
        assert_eq!(after["sub"], before["sub"]);
        before = after;
    }
    issuer.stop().await;
}

async fn default_max_age_of_the_client_counts_where_none_is_asked(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = registered(&issuer, json!({ "default_max_age": 60 })).await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    silently(&mut browser, &rp, &[]).await;
    clock.advance(SECOND * 61);
    issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    assert_eq!(refused(&mut browser, &rp.flow(&[("prompt", "none")])).await, "login_required");
    silently(&mut browser, &rp, &[("max_age", "3600")]).await;
    assert!(has(&browser.begin(&rp.flow(&[])).await, "password"));
    issuer.stop().await;
}

async fn consent_asks_again(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    let flow = rp.flow(&[("prompt", "consent")]);
    let page = browser.begin(&flow).await;
    assert!(has(&page, "consent-allow") && has(&page, "another-account"), "{}", page.text);
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    // Both: the sign-in first, then the question.
    let flow = rp.flow(&[("prompt", "login consent")]);
    let page = browser.begin(&flow).await;
    assert!(has(&page, "password"), "{}", page.text);
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert!(has(&page, "consent-allow"), "{}", page.text);
    issuer.stop().await;
}

async fn select_account_lets_the_user_choose(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let (alice, bob) = (issuer.user("alice").await, issuer.user("bob").await);
    let rp = asking(&issuer).await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    let flow = rp.flow(&[("prompt", "select_account")]);
    let page = browser.begin(&flow).await;
    for id in ["account-continue", "another-account", "login-cancel"] {
        assert!(has(&page, id), "{id}: {}", page.text);
    }
    assert!(page.text.contains("Continue as") && page.text.contains("alice of the tests"), "{}", page.text);
    // Neither nothing nor two things at once is an answer.
    for empty in [vec![], vec![("account-continue", "yes"), ("another-account", "yes")], vec![("consent-allow", "yes")]]
    {
        let (action, fields) = crate::kit::actors::form_of(&page);
        let mut form: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form.extend(empty);
        let again = browser.post(&action, &form).await;
        assert!(has(&again, "account-continue") && location(&again).is_none(), "{}", again.text);
    }
    let done = browser.press(&page, &flow.url, "account-continue").await;
    let tokens = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(claims(tokens.str("id_token"))["sub"], alice.sub.to_string());
    // What was chosen there is chosen for that request alone, and the page is worth nothing afterwards.
    assert_eq!(browser.press(&page, &flow.url, "account-continue").await.status, 409);
    let flow = rp.flow(&[("prompt", "select_account")]);
    let page = browser.begin(&flow).await;
    let answered = browser.press(&page, &flow.url, "another-account").await;
    let page = follow(&mut browser, answered).await;
    assert!(has(&page, "username") && !page.text.contains("alice"), "{}", page.text);
    let page = sign_in(&mut browser, &page, &flow, ("bob", PASSWORD)).await;
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    let tokens = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(claims(tokens.str("id_token"))["sub"], bob.sub.to_string());
    // Cancelled: the client is told.
    let flow = rp.flow(&[("prompt", "select_account")]);
    let page = browser.begin(&flow).await;
    let cancelled = browser.press(&page, &flow.url, "login-cancel").await;
    assert_eq!((told(&cancelled, "error"), told(&cancelled, "state")), ("access_denied".to_owned(), flow.state));
    issuer.stop().await;
}

async fn select_account_where_nobody_is_signed_in_is_a_sign_in(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[("prompt", "select_account")]));
    let page = browser.begin(&flow).await;
    assert!(has(&page, "username") && has(&page, "login-submit"), "{}", page.text);
    let done = sign_in(&mut browser, &page, &flow, ALICE).await;
    rp.redeem(&flow, &told(&done, "code")).await.ok();
    issuer.stop().await;
}

async fn select_account_and_login_choose_first(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    clock.advance(SECOND * 2);
    issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    let flow = rp.flow(&[("prompt", "select_account login consent")]);
    let page = browser.begin(&flow).await;
    let answered = browser.press(&page, &flow.url, "account-continue").await;
    let page = follow(&mut browser, answered).await;
    assert!(page.text.contains("Sign in again") && page.text.contains("alice of the tests"), "{}", page.text);
    // Reloaded, it is the same page, and not the chooser once more.
    let (_, fields) = crate::kit::actors::form_of(&page);
    let interaction = &fields.iter().find(|(name, _)| name == "interaction").unwrap().1;
    let page = browser.get(&format!("{}/login?interaction={interaction}", issuer.at)).await;
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert!(has(&page, "consent-allow"), "{}", page.text);
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    let tokens = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(claims(tokens.str("id_token"))["auth_time"], clock.now().timestamp());
    issuer.stop().await;
}

async fn whoever_is_chosen_must_still_be_signed_in(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let alice = issuer.user("alice").await;
    issuer.user("bob").await;
    let rp = issuer.client().await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    let flow = rp.flow(&[("prompt", "select_account")]);
    let page = browser.begin(&flow).await;
    // Another browser can't choose for this one, nor can this one once somebody else is signed in here.
    let mut stranger = signed_in(&issuer, &rp, "bob").await;
    assert!(stranger.press(&page, &flow.url, "account-continue").await.status.is_client_error());
    let mut replaced = browser.clone();
    replaced.cookies.insert("ch_session".to_owned(), stranger.cookies["ch_session"].clone());
    assert_eq!(replaced.press(&page, &flow.url, "account-continue").await.status, 403);
    // Ended meanwhile: the password is asked for, and then it goes on.
    let killed = crate::kit::operator::Operator::of(&issuer).run(&["revoke", "user", "alice"]);
    assert_eq!(killed.code, 0, "{}", killed.err);
    let answered = browser.press(&page, &flow.url, "account-continue").await;
    assert!(location(&answered).is_none_or(|to| !to.contains("code=")), "{:?}", answered.headers);
    let page = browser.begin(&flow).await;
    assert!(has(&page, "password"), "{}", page.text);
    let done = sign_in(&mut browser, &page, &flow, ALICE).await;
    let tokens = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(claims(tokens.str("id_token"))["sub"], alice.sub.to_string());
    issuer.stop().await;
}

/// Nobody can register here by themselves, and a client is told so (Initiating User Registration 1.0, 4.1).
async fn create_is_refused_and_not_advertised(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    for prompt in ["create", "create login", "none create"] {
        let came = answer(&browser.begin(&rp.flow(&[("prompt", prompt)])).await);
        assert_eq!(came.get("error"), Some("invalid_request"), "{prompt}");
        assert!(came.get("error_description").unwrap().contains("prompt"));
    }
    let metadata = browser.get(&issuer.url("/.well-known/openid-configuration")).await;
    assert_eq!(metadata.json["prompt_values_supported"], json!(["none", "login", "consent", "select_account"]));
    issuer.stop().await;
}

async fn none_goes_with_nothing_else(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    for other in ["none login", "consent none", "none select_account", "select_account none login"] {
        assert_eq!(refused(&mut browser, &rp.flow(&[("prompt", other)])).await, "invalid_request", "{other}");
    }
    silently(&mut browser, &rp, &[("prompt", "none none")]).await;
    issuer.stop().await;
}

async fn a_hint_selects_the_user_or_yields_login_required(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    issuer.user("alice").await;
    issuer.user("bob").await;
    let rp = issuer.client().await;
    let mut alice = Browser::new(&issuer);
    let hint = rp.tokens(&mut alice, "alice").await.str("id_token").to_owned();
    let mut bob = signed_in(&issuer, &rp, "bob").await;
    clock.advance(issuer.app.config.tokens.id_token_lifetime * 2);
    issuer.until("fresh again", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    silently(&mut alice, &rp, &[("id_token_hint", &hint)]).await;
    let silent = rp.flow(&[("prompt", "none"), ("id_token_hint", &hint)]);
    assert_eq!(refused(&mut bob, &silent).await, "login_required");
    // With a page: bob is not asked for his password, and not taken when he gives it.
    let flow = rp.flow(&[("id_token_hint", &hint)]);
    let page = bob.begin(&flow).await;
    assert!(has(&page, "username") && !page.text.contains("bob of the tests"), "{}", page.text);
    let other = sign_in(&mut bob, &page, &flow, ("bob", PASSWORD)).await;
    assert_eq!(told(&other, "error"), "login_required");
    // Nobody is offered whom the request isn't about.
    let flow = rp.flow(&[("id_token_hint", &hint), ("prompt", "select_account")]);
    assert!(has(&bob.begin(&flow).await, "username"));
    assert!(has(&alice.begin(&flow).await, "account-continue"));
    issuer.stop().await;
}

async fn a_sub_that_is_asked_for_selects_the_user_or_yields_login_required(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let (alice, bob) = (issuer.user("alice").await, issuer.user("bob").await);
    let rp = issuer.client().await;
    let mut browser = signed_in(&issuer, &rp, "alice").await;
    let about = |part: &str, wish: serde_json::Value| json!({ part: { "sub": wish } }).to_string();
    for (part, wish, fits) in [
        ("id_token", json!({ "value": alice.sub }), true),
        ("id_token", json!({ "values": [bob.sub, alice.sub] }), true),
        ("id_token", json!(null), true),
        ("id_token", json!({ "essential": true }), true),
        ("id_token", json!({ "value": bob.sub }), false),
        ("id_token", json!({ "essential": true, "values": ["nobody"] }), false),
        ("userinfo", json!({ "value": bob.sub }), false),
    ] {
        let claims = about(part, wish);
        let came = answer(&browser.begin(&rp.flow(&[("prompt", "none"), ("claims", &claims)])).await);
        assert_eq!(came.get("code").is_some(), fits, "{claims}");
        assert_eq!(came.get("error"), (!fits).then_some("login_required"), "{claims}");
    }
    let flow = rp.flow(&[("claims", &about("id_token", json!({ "value": bob.sub })))]);
    let page = browser.begin(&flow).await;
    let wrong = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert_eq!(told(&wrong, "error"), "login_required");
    let page = browser.begin(&flow).await;
    let done = sign_in(&mut browser, &page, &flow, ("bob", PASSWORD)).await;
    let tokens = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(claims(tokens.str("id_token"))["sub"], bob.sub.to_string());
    issuer.stop().await;
}
