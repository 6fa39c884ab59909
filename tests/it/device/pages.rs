//! The pages: in the reader's language, refused where nothing is left to allow, and the way on when something is in the way.

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::oauth::{manage, resource};
use chancery::store::resources;
use sqlx::types::Json;

use super::desk::{GRANT, asks, asks_for, enters, follow, has, presses, reaches, signs_in};
use crate::kit::actors::{Answer, Browser, RelyingParty, http, location};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    a_client_that_may_not_any_more,
    a_resource_that_has_retired,
    signed_in_elsewhere_meanwhile,
    in_four_languages,
    under_a_path
);

async fn edit(issuer: &Issuer, rp: &RelyingParty, change: impl FnOnce(&mut manage::Draft)) {
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
    manage::update(&issuer.app.store, &by, rp.id, change).await.unwrap().settle(&issuer.app).await.unwrap();
}

/// The code is entered, or the question is open: either way nothing can be allowed.
async fn refused_both_ways(issuer: &Issuer, rp: &RelyingParty, change: impl AsyncFnOnce()) {
    let (entered, waiting) = (asks(rp).await, asks(rp).await);
    let (mut browser, mut other) = (Browser::new(issuer), Browser::new(issuer));
    let page = reaches(&mut browser, &entered.user_code, "alice").await;
    change().await;
    let told = presses(&mut browser, &page, "consent-allow").await;
    assert!(told.status == 400 && !told.text.contains("<h1>Signed in</h1>"), "{} {}", told.status, told.text);
    assert!(has(&told, "error"), "{}", told.text);
    let told = enters(&mut other, &waiting.user_code).await;
    assert!(told.status == 400 && !has(&told, "login-submit"), "{} {}", told.status, told.text);
    assert_eq!(super::desk::events(issuer, "device.approved").await, 0);
}

async fn a_client_that_may_not_any_more(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    refused_both_ways(&issuer, &tv, async || {
        let caller = Caller::default();
        let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
        manage::disable(&issuer.app.store, &by, tv.id).await.unwrap().settle(&issuer.app).await.unwrap();
    })
    .await;
    tv.device(&[]).await.is(401, "invalid_client");
    let tv = issuer.device_client().await;
    refused_both_ways(&issuer, &tv, async || {
        edit(&issuer, &tv, |draft| draft.grants = vec!["authorization_code".to_owned()]).await;
    })
    .await;
    let tv = issuer.device_client().await;
    refused_both_ways(&issuer, &tv, async || {
        edit(&issuer, &tv, |draft| draft.scopes = vec!["openid".to_owned()]).await;
    })
    .await;
    // What is left of it is given after a yes, too.
    let tv = issuer.device_client().await;
    let asked = asks(&tv).await;
    super::desk::allows(&mut Browser::new(&issuer), &asked, "alice").await;
    edit(&issuer, &tv, |draft| draft.scopes = vec!["openid".to_owned()]).await;
    let tokens = tv.poll(&asked.device_code).await.ok();
    assert_eq!(crate::kit::actors::claims(tokens.str("access_token"))["scope"], "openid");
    issuer.stop().await;
}

async fn a_resource_that_has_retired(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    issuer.resource("https://api.test", &["films"]).await;
    let tv = issuer
        .client_with(|row| {
            row.auth_method = "none".to_owned();
            row.grants = Json(vec![GRANT.to_owned()]);
            row.scopes = "films".to_owned();
            row.resources = Json(vec!["https://api.test".to_owned()]);
        })
        .await;
    refused_both_ways(&issuer, &tv, async || {
        let id = resources::by_uri(&issuer.app.store, "https://api.test").await.unwrap().unwrap().id;
        let caller = Caller::default();
        let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
        resource::retire(&issuer.app.store, &by, id).await.unwrap().settle(&issuer.app).await.unwrap();
    })
    .await;
    issuer.stop().await;
}

/// A page that asks to sign in, in a browser that has signed in elsewhere since, leads back to the code.
async fn signed_in_elsewhere_meanwhile(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let (tv, web) = (issuer.device_client().await, issuer.client().await);
    let asked = asks(&tv).await;
    let mut browser = Browser::new(&issuer);
    let page = enters(&mut browser, &asked.user_code).await;
    assert!(has(&page, "login-submit"), "{}", page.text);
    let address = crate::kills::browsing::address_of(&page);
    browser.code(&web.flow(&[]), "alice").await;
    let again = browser.get(&address).await;
    assert!(location(&again).unwrap().ends_with(&format!("/device?user_code={}", asked.user_code)), "{again:?}");
    let page = follow(&mut browser, again).await;
    assert!(has(&page, "code-submit") && page.text.contains(&asked.user_code), "{}", page.text);
    let page = reaches(&mut browser, &asked.user_code, "alice").await;
    presses(&mut browser, &page, "consent-allow").await.ok();
    tv.poll(&asked.device_code).await.ok();
    issuer.stop().await;
}

async fn in_four_languages(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    for (lang, title) in [
        ("en", "Connect a device"),
        ("de-AT", "Gerät verbinden"),
        ("fr", "Connecter un appareil"),
        ("es", "Conectar un dispositivo"),
    ] {
        let request = http().get(issuer.url("/device")).header("accept-language", lang).send().await.unwrap();
        let page = Answer::of(request).await.ok();
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{lang}: {}", page.text);
        assert_eq!(page.headers["cache-control"], "no-store");
        let csp = page.headers["content-security-policy"].to_str().unwrap();
        assert!(csp.contains("frame-ancestors 'none'") && csp.contains("form-action 'self'"), "{csp}");
        assert_eq!(page.headers["x-frame-options"], "DENY");
    }
    for query in ["user_code=A&user_code=B", "user_code=%00", "user_code=%"] {
        let page = Answer::of(http().get(issuer.url(&format!("/device?{query}"))).send().await.unwrap()).await;
        assert!(page.status == 400 && has(&page, "error"), "{query}: {}", page.text);
    }
    issuer.stop().await;
}

/// An issuer with a path has it all beneath it.
async fn under_a_path(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup { path: "/auth", ..Setup::patient() }).await;
    issuer.user("alice").await;
    let tv = issuer.device_client().await;
    let asked = asks_for(&tv, &[("scope", "openid")]).await;
    assert!(asked.complete.starts_with(&format!("{}/device?", issuer.name)) && issuer.name.ends_with("/auth"));
    let mut browser = Browser::new(&issuer);
    let page = enters(&mut browser, &asked.user_code).await;
    let page = signs_in(&mut browser, &page, "alice").await;
    presses(&mut browser, &page, "consent-allow").await.ok();
    tv.poll(&asked.device_code).await.ok();
    issuer.stop().await;
}
