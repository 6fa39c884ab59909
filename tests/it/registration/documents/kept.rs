//! How long what was read of a document holds, and what becomes of it when the document changes, fails or goes unused.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::config::Config;
use chancery::oauth::enrol;
use chancery::store::clients;
use chrono::Utc;
use serde_json::json;

use super::{Host, asks, flow, refused, tokens};
use crate::kit::actors::Browser;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(it_holds_between_bounds, a_changed_document_is_another_look, what_goes_unused_is_forgotten_and_comes_again);

const HTTPS: &str = "https://localhost/cb";

async fn started(kind: Kind, host: &Host) -> (Issuer, Clock) {
    let clock = Clock::held(Utc::now());
    let sooner = |config: &mut Config| {
        config.registration.idle_after = Duration::from_hours(48);
        config.lineage.keep = Duration::from_hours(24);
        config.tokens.family_absolute = Duration::from_hours(48);
    };
    let setup = Setup { change: Box::new(sooner), ..Setup::held(&clock) };
    let issuer = Issuer::start_with(kind, host.setup(setup)).await;
    issuer.user("alice").await;
    (issuer, clock)
}

async fn it_holds_between_bounds(kind: Kind) {
    let host = Host::new().await;
    let (issuer, clock) = started(kind, &host).await;
    let url = host.url();
    let (minute, hour, day) = (Duration::from_mins(1), Duration::from_hours(1), Duration::from_hours(24));
    let mut read = 0;
    for (headers, holds) in [
        ("", hour),
        ("Cache-Control: max-age=600\r\n", Duration::from_mins(10)),
        ("Cache-Control: no-store\r\n", minute),
        ("Cache-Control: max-age=1\r\n", minute),
        ("Cache-Control: max-age=99999999\r\n", day),
    ] {
        host.says(&host.document(), headers);
        assert_eq!(asks(&issuer, &url).await.status, 303);
        read += 1;
        assert_eq!(host.server.connections(), read, "{headers}");
        clock.advance(holds.checked_sub(Duration::from_secs(5)).unwrap());
        assert_eq!(asks(&issuer, &url).await.status, 303);
        assert_eq!(host.server.connections(), read, "{headers}: kept");
        clock.advance(Duration::from_secs(10));
    }
    // What was kept is not used beyond its time, whatever the host says then; a failure is not kept.
    for _ in 0..2 {
        host.answer("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
        refused(&asks(&issuer, &url).await, 400, "not 200");
    }
    assert_eq!(host.server.connections(), read + 2);
    host.says(&host.document(), "");
    assert_eq!(asks(&issuer, &url).await.status, 303);
    issuer.stop().await;
}

async fn a_changed_document_is_another_look(kind: Kind) {
    let host = Host::new().await;
    let (issuer, clock) = started(kind, &host).await;
    let url = host.url();
    host.says(&host.document(), "");
    let mut browser = Browser::new(&issuer);
    tokens(&issuer, &url, HTTPS, &mut browser).await;
    let silent = async |browser: &mut Browser| {
        let answer = browser.get(&flow(&issuer, &url, HTTPS, &[("prompt", "none")]).url).await;
        answer.headers["location"].to_str().unwrap().contains("code=")
    };
    let row = async || clients::get(&issuer.app.store, clients::id_of(&url).unwrap()).await.unwrap().unwrap();
    let again = Duration::from_hours(2);
    clock.advance(again);
    let version = row().await.version;
    assert!(silent(&mut browser).await, "read again, it is the same");
    assert_eq!((row().await.version, host.server.connections()), (version, 2), "and nothing is written of it");
    host.says(&host.with(json!({ "contacts": ["sea@rp.test"] })), "");
    clock.advance(again);
    assert!(silent(&mut browser).await, "users were not shown that");
    host.says(&host.with(json!({ "client_name": "Your Bank" })), "");
    clock.advance(again);
    assert!(!silent(&mut browser).await, "another name is another look");

    // Public stays public, whatever it says; what it may not have it doesn't get.
    let before = format!("{:?}", row().await);
    for more in [
        json!({ "token_endpoint_auth_method": "client_secret_basic" }),
        json!({ "token_endpoint_auth_method": "client_secret_post", "client_secret": "x" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [] } }),
    ] {
        host.says(&host.with(more), "");
        clock.advance(again);
        refused(&asks(&issuer, &url).await, 400, "client_id");
    }
    assert_eq!(format!("{:?}", row().await), before);
    let greedy = json!({ "scope": "openid chancery:feed tide:read", "grant_types": ["authorization_code", "client_credentials"],
        "consent": "skip", "profile": "oidc", "outlives_session": true, "origins": ["https://evil.test"] });
    host.says(&host.with(greedy), "");
    assert_eq!(asks(&issuer, &url).await.status, 303);
    let now = row().await;
    assert_eq!((now.scopes.as_str(), now.grants.0.as_slice()), ("openid", &["authorization_code".to_owned()][..]));
    assert_eq!((now.consent.as_str(), now.profile.as_str(), now.origins.len()), ("ask", "oauth21", 0));
    issuer.stop().await;
}

async fn what_goes_unused_is_forgotten_and_comes_again(kind: Kind) {
    let host = Host::new().await;
    let (issuer, clock) = started(kind, &host).await;
    let (url, day) = (host.url(), Duration::from_hours(24));
    host.says(&host.document(), "");
    assert_eq!(asks(&issuer, &url).await.status, 303);
    let row = async || clients::get(&issuer.app.store, clients::id_of(&url).unwrap()).await.unwrap();
    clock.advance(day * 2);
    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 1);
    assert!(row().await.unwrap().deleted_at.is_some());
    // Come again, it is a client again; and it is not taken for unused while it is being used.
    let mut browser = Browser::new(&issuer);
    assert_eq!(asks(&issuer, &url).await.status, 303);
    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 0);
    tokens(&issuer, &url, HTTPS, &mut browser).await;
    // Deleted, and swept, it comes again as well.
    clock.advance(day * 4);
    while enrol::expire_unused(&issuer.app).await.unwrap() > 0 {}
    for _ in 0..6 {
        let horizon = chancery::jobs::upkeep::horizon(&issuer.app).unwrap();
        chancery::store::sweep::batch(&issuer.app.store, &horizon).await.unwrap();
        clock.advance(day);
        enrol::sweep(&issuer.app).await.unwrap();
    }
    assert!(row().await.is_none());
    tokens(&issuer, &url, HTTPS, &mut Browser::new(&issuer)).await;
    issuer.stop().await;
}
