//! Front-channel logout in a real Chromium: two applications are told unseen, the browser goes on by itself or by a link, and no
//! application leads it elsewhere. With `CHANCERY_SCREENSHOTS=DIR` the pages are saved.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use super::{SOON, issuer};
use crate::browser::driver::Chromium;
use crate::kit::actors::{PASSWORD, RelyingParty, claims, parameter};
use crate::kit::issuer::{Issuer, Kind};

type Seen = Arc<Mutex<Vec<String>>>;

/// An application: its pages, and what its logout page was asked with.
struct Application {
    origin: String,
    seen: Seen,
}

impl Application {
    /// `slow`: its logout page isn't there within the life of a test.
    async fn new(slow: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        let out = move |State(seen): State<Seen>, RawQuery(query): RawQuery| async move {
            seen.lock().unwrap().push(query.unwrap_or_default());
            if slow {
                tokio::time::sleep(std::time::Duration::from_secs(600)).await;
            }
            // What a hostile application would try; its scripts run, as an honest one's must.
            Html(
                "<p id=out>out<script>document.title='ran';try{top.location='http://127.0.0.1:9/stolen'}catch(e){}open('/popup')</script>",
            )
        };
        let app = Router::new()
            .route("/cb", get(|| async { Html("<title>in</title><p id=\"in\">signed in") }))
            .route("/bye", get(|| async { Html("<title>bye</title><p id=\"bye\">good bye") }))
            .route(
                "/popup",
                get(|State(seen): State<Seen>| async move { seen.lock().unwrap().push("popup".to_owned()) }),
            )
            .route("/out", get(out))
            .with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, seen }
    }

    async fn registered(&self, issuer: &Issuer, name: &str) -> RelyingParty {
        let (origin, name) = (self.origin.clone(), name.to_owned());
        issuer
            .client_with(|row| {
                row.name = name;
                row.redirect_uris.0 = vec![format!("{origin}/cb")];
                row.post_logout_redirect_uris.0 = vec![format!("{origin}/bye")];
                row.metadata.0.frontchannel_logout_uri = Some(format!("{origin}/out"));
                row.metadata.0.frontchannel_logout_session_required = true;
            })
            .await
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Signs in at a client, by hand where that is asked for; its ID token.
async fn signs_in(browser: &Chromium, rp: &RelyingParty) -> String {
    let flow = rp.flow(&[]);
    browser.go(&flow.url).await;
    if browser.has("username").await {
        browser.fill("username", "alice").await;
        browser.fill("password", PASSWORD).await;
        browser.press("login-submit").await;
    }
    assert!(browser.has("in").await, "{}", browser.body().await);
    let code = parameter(&browser.url().await, "code").unwrap();
    rp.redeem(&flow, &code).await.ok().str("id_token").to_owned()
}

fn out(issuer: &Issuer, rp: &RelyingParty, id_token: &str) -> String {
    let bye = rp.redirect.replace("/cb", "/bye");
    let pairs = [("id_token_hint", id_token), ("post_logout_redirect_uri", bye.as_str()), ("state", "s")];
    issuer.url(&format!("/oauth2/logout?{}", chancery::http::params::encode(pairs)))
}

async fn arrives(browser: &Chromium, url: &str) {
    let until = tokio::time::Instant::now() + SOON;
    while browser.url().await != url {
        assert!(tokio::time::Instant::now() < until, "{} {}", browser.url().await, browser.body().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn picture(browser: &Chromium, name: &str) {
    let folder = std::env::var_os("CHANCERY_SCREENSHOTS").map(PathBuf::from);
    for (width, scheme) in [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")] {
        browser.show(width, scheme).await;
        assert_eq!(browser.overflow().await, 0, "{name} is wider than {width}");
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(format!("{name}-{width}-{scheme}.png")), browser.picture(width).await).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_applications_are_told_and_the_browser_goes_on() {
    let issuer = issuer(Kind::Sqlite).await;
    issuer.user("alice").await;
    let (one, two) = (Application::new(false).await, Application::new(false).await);
    let (first, second) = (one.registered(&issuer, "Harbour One").await, two.registered(&issuer, "Harbour Two").await);
    let browser = Chromium::start().await;
    let id_token = signs_in(&browser, &first).await;
    signs_in(&browser, &second).await;
    browser.go(&out(&issuer, &first, &id_token)).await;
    arrives(&browser, &format!("{}/bye?state=s", one.origin)).await;
    let sid = claims(&id_token)["sid"].as_str().unwrap().to_owned();
    for application in [&one, &two] {
        // Once, with issuer and session; and no window was opened.
        let seen = application.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(parameter(&format!("x?{}", seen[0]), "sid"), Some(sid.clone()));
        assert_eq!(parameter(&format!("x?{}", seen[0]), "iss"), Some(issuer.name.clone()));
    }
    // The one page in between is not gone back to: the browser is where it was.
    browser.go(&first.flow(&[]).url).await;
    assert!(browser.has("login-submit").await, "{}", browser.body().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_never_loads_is_not_waited_for() {
    let issuer = issuer(Kind::Sqlite).await;
    issuer.user("alice").await;
    let (one, slow) = (Application::new(false).await, Application::new(true).await);
    let (first, second) = (one.registered(&issuer, "Harbour One").await, slow.registered(&issuer, "Slow").await);
    let browser = Chromium::start().await;
    let id_token = signs_in(&browser, &first).await;
    signs_in(&browser, &second).await;
    // The driver would wait for the page to load; the page itself goes on.
    browser.script(&format!("setTimeout(() => {{ location = {} }}, 0)", json!(out(&issuer, &first, &id_token)))).await;
    arrives(&browser, &format!("{}/bye?state=s", one.origin)).await;
    assert_eq!((one.seen().len(), slow.seen().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_there_is_a_link() {
    let issuer = issuer(Kind::Sqlite).await;
    issuer.user("alice").await;
    let one = Application::new(false).await;
    let first = one.registered(&issuer, "Harbour One").await;
    let browser = Chromium::start().await;
    let id_token = signs_in(&browser, &first).await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.go(&out(&issuer, &first, &id_token)).await;
    assert!(browser.body().await.contains("Signed out"), "{}", browser.body().await);
    picture(&browser, "signed-out-telling").await;
    assert_eq!(one.seen().len(), 1, "it was told without any script of ours");
    browser.press("back").await;
    assert_eq!(browser.url().await, format!("{}/bye?state=s", one.origin));
}
