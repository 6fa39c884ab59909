//! Who may be registered for it, by the command line and by the rules; and what a change of delivery ends.

use chancery::change::{By, Refused};
use chancery::config::{Config, Site, Sources};
use chancery::event::{Actor, Caller};
use chancery::oauth::manage::{self, Draft};
use chancery::store::client_metadata::Delivery;

use super::{APP, ground, refused};
use crate::kit::issuer::{Kind, on_both};

on_both!(only_browser_dashboards_are_registered_for_it, a_change_of_delivery_ends_what_travelled_the_other_way);

fn dashboard() -> Draft {
    let mut draft = Draft {
        name: "Dashboard".to_owned(),
        auth_method: "none".to_owned(),
        redirect_uris: vec![format!("{APP}/callback")],
        origins: vec![APP.to_owned()],
        ..Draft::default()
    };
    draft.metadata.refresh_token_delivery = Delivery::Cookie;
    draft
}

async fn only_browser_dashboards_are_registered_for_it(kind: Kind) {
    let (issuer, _) = ground(kind).await;
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
    type Spoil = fn(&mut Draft);
    let faults: [(&str, Spoil); 6] = [
        ("for public clients", |draft| draft.auth_method = "client_secret_basic".to_owned()),
        ("needs the origins", |draft| draft.origins.clear()),
        ("hangs on the browser session", |draft| draft.outlives_session = true),
        ("needs the grants", |draft| draft.grants.retain(|grant| grant != "refresh_token")),
        ("no browser session to hang on", |draft| draft.grants.push("client_credentials".to_owned())),
        ("must begin with https://", |draft| draft.origins = vec!["http://app.example.test".to_owned()]),
    ];
    for (says, spoil) in faults {
        let mut draft = dashboard();
        spoil(&mut draft);
        let Err(Refused::Invalid(problems)) = manage::create(&issuer.app.store, &by, &draft).await else {
            panic!("registered: {says}")
        };
        assert!(problems.iter().any(|problem| problem.says.contains(says)), "{says}: {problems:?}");
    }
    let change = manage::create(&issuer.app.store, &by, &dashboard()).await.unwrap();
    manage::on_site(&change.value().0, &issuer.app.config.site).unwrap();
    change.commit().await.unwrap();
    issuer.stop().await;
}

async fn a_change_of_delivery_ends_what_travelled_the_other_way(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    page.sign_in("alice").await;
    let caller = Caller::default();
    let by = || By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.after_stamps() };
    let app = &issuer.app;
    let renamed = manage::update(&app.store, &by(), page.rp.id, |draft| draft.name = "D".to_owned()).await.unwrap();
    renamed.settle(app).await.unwrap();
    page.refresh().await.ok();
    let body = |draft: &mut Draft| draft.metadata.refresh_token_delivery = Delivery::Body;
    manage::update(&app.store, &by(), page.rp.id, body).await.unwrap().settle(app).await.unwrap();
    let kept = page.token();
    page.rp.refresh(&kept).await.is(400, "invalid_grant");
    let token = page.rp.tokens(&mut page.browser, "alice").await.str("refresh_token").to_owned();
    let cookie = |draft: &mut Draft| draft.metadata.refresh_token_delivery = Delivery::Cookie;
    manage::update(&app.store, &by(), page.rp.id, cookie).await.unwrap().settle(app).await.unwrap();
    page.plant(&token);
    refused(&page.refresh().await, 400, "invalid_grant");
    page.sign_in("alice").await;
    page.refresh().await.ok();
    issuer.stop().await;
}

fn site(issuer: &str, domain: Option<&str>) -> Result<Site, String> {
    let sources = Sources::default().with_variable("CHANCERY_ISSUER", issuer);
    let sources = match domain {
        Some(domain) => sources.with_variable("CHANCERY_COOKIES__SITE", domain),
        None => sources,
    };
    Config::load(sources).map(|config| config.site).map_err(|problems| problems.to_string())
}

#[test]
fn a_site_is_the_issuers_host_or_the_domain_that_is_named() {
    let own = site("https://id.example.test:8443/auth", None).unwrap();
    for origin in ["https://id.example.test", "https://id.example.test:9", "https://app.id.example.test"] {
        assert!(own.holds(origin), "{origin}");
    }
    let named = site("https://id.example.test", Some("example.test")).unwrap();
    for origin in ["https://example.test", "https://app.example.test", "https://a.b.example.test:8443"] {
        assert!(named.holds(origin), "{origin}");
        assert!(!own.holds(origin), "{origin}");
    }
    for origin in [
        "http://app.example.test",
        "https://badexample.test",
        "https://example.test.evil.test",
        "https://example.test.",
        "https://app.example.test/",
        "https://app.example.test:443",
        "https://APP.example.test",
        "https://user@app.example.test",
        "https://evil.test",
        "https://.example.test",
        "https://test",
        "null",
        "",
    ] {
        assert!(!named.holds(origin), "{origin}");
    }
    let loopback = site("http://127.0.0.1:7600", None).unwrap();
    assert!(loopback.holds("http://127.0.0.1:1"));
    for origin in
        ["http://127.0.0.2:1", "http://localhost:1", "https://127.0.0.1:1", "http://1.127.0.0.1", "http://[::1]:1"]
    {
        assert!(!loopback.holds(origin), "{origin}");
    }
    assert!(site("http://localhost:7600", None).unwrap().holds("http://localhost:7610"));
}

#[test]
fn a_site_the_issuer_does_not_stand_in_is_refused() {
    for domain in
        ["test", "evil.test", "ample.test", ".example.test", "example.test.", "https://example.test", "EXAMPLE.test"]
    {
        let says = site("https://id.example.test", Some(domain)).expect_err(domain);
        assert!(says.contains("cookies.site"), "{says}");
    }
    site("https://192.0.2.1", Some("2.1")).expect_err("part of an address");
    site("https://192.0.2.1", Some("192.0.2.1")).expect_err("an address is a site of its own without it");
}
