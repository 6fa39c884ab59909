//! The pages of an authorization in a real Chromium: consent with logo and terms, the account chooser, the form that posts itself;
//! with scripts and without.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use axum::Router;
use axum::http::{Method, Uri};
use axum::response::Html;
use axum::routing::get;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use serde_json::json;
use tempfile::TempDir;

use super::driver::Chromium;
use crate::kit::actors::{PASSWORD, RelyingParty};
use crate::kit::issuer::{Issuer, Kind};

/// A harbour, in one colour of ink.
const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 120 36'><path d='M4 30h112M18 30V8l22 14H18M60 30V14h18v16M88 30V6h10v24' \
    fill='none' stroke='#102a43' stroke-width='4'/></svg>";

/// A relying party that shows what it is told, and how; its address.
async fn relying_party() -> String {
    async fn told(method: Method, uri: Uri, body: String) -> Html<String> {
        let query = uri.query().unwrap_or_default();
        let body = body.replace(['<', '>', '"'], "");
        Html(format!("<!doctype html><title>rp</title><p id=got>{method} [{query}] [{body}]</p>"))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/cb", get(told).post(told));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    at
}

/// A server of one picture, by https; its origin.
fn pictures(folder: &TempDir) -> String {
    crate::operate::certificate(folder.path());
    let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
    acceptor.set_private_key_file(folder.path().join("server.key"), SslFiletype::PEM).unwrap();
    acceptor.set_certificate_chain_file(folder.path().join("server.pem")).unwrap();
    let (acceptor, listener) = (acceptor.build(), TcpListener::bind("127.0.0.1:0").unwrap());
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Ok(mut stream) = acceptor.accept(stream) else { continue };
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or_default();
            let asked = String::from_utf8_lossy(&head[..read]).to_lowercase();
            let known = asked.starts_with("get /logo.svg ") && !asked.contains("referer:");
            let (status, body) = if known { ("200 OK", LOGO) } else { ("404 Not Found", "") };
            let kind = "content-type: image/svg+xml\r\nconnection: close";
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.shutdown();
        }
    });
    origin
}

struct Stage {
    issuer: Issuer,
    browser: Chromium,
    rp: RelyingParty,
    _folder: TempDir,
}

impl Stage {
    async fn set(logo: &str) -> Self {
        let issuer = Issuer::start(Kind::Sqlite).await;
        issuer.user("alice").await;
        issuer.resource("https://api.harbour.test/", &["shipments:read"]).await;
        let (callback, folder) = (format!("{}/cb", relying_party().await), TempDir::new().unwrap());
        let logo = format!("{}/{logo}", pictures(&folder));
        let metadata = json!({ "logo_uri": logo, "client_uri": "https://dashboard.harbour.test/" });
        let metadata = serde_json::from_value(metadata).unwrap();
        let rp = issuer.client_with(|row| {
            row.consent = "ask".to_owned();
            row.redirect_uris.0 = vec![callback];
            row.scopes.push_str(" shipments:read");
            row.resources.0 = vec!["https://api.harbour.test/".to_owned()];
            row.policy_uri = Some("https://dashboard.harbour.test/privacy".to_owned());
            row.tos_uri = Some("https://dashboard.harbour.test/terms".to_owned());
            row.metadata.0 = metadata;
        });
        let rp = rp.await;
        Self { issuer, browser: Chromium::start().await, rp, _folder: folder }
    }

    async fn go(&self, more: &[(&str, &str)]) {
        self.browser.go(&self.rp.flow(more).url).await;
    }

    async fn sign_in(&self) {
        self.browser.fill("username", "alice").await;
        self.browser.fill("password", PASSWORD).await;
        self.browser.press("login-submit").await;
    }

    /// The page at hand by day and by night, narrow and wide: nothing stands out at the side. Kept, if pictures are wanted.
    async fn picture(&self, name: &str) {
        for (width, scheme) in [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")] {
            self.browser.show(width, scheme).await;
            assert_eq!(self.browser.overflow().await, 0, "{name} is wider than {width} px");
            if let Some(folder) = std::env::var_os("CHANCERY_SCREENSHOTS").map(PathBuf::from) {
                std::fs::create_dir_all(&folder).unwrap();
                let file = folder.join(format!("authorize-{name}-{width}-{scheme}.png"));
                std::fs::write(file, self.browser.picture(width).await).unwrap();
            }
        }
        self.browser.as_it_was().await;
    }

    /// How wide the logo is drawn; -1 without one.
    async fn logo(&self) -> i64 {
        let script = "const i = document.querySelector('img.logo'); return i ? i.naturalWidth : -1";
        self.browser.script(script).await.as_i64().unwrap()
    }

    /// Where the last button of the page stands, once it stands still: a window that was just made narrow or wide settles first.
    async fn foot(&self) -> i64 {
        let script =
            "return Math.round([...document.querySelectorAll('main button')].pop().getBoundingClientRect().top)";
        let (mut last, mut same) = (i64::MIN, 0);
        while same < 5 {
            let now = self.browser.script(script).await.as_i64().unwrap();
            (last, same) = (now, if now == last { same + 1 } else { 0 });
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
        }
        last
    }

    /// The console said nothing, of a policy least of all, but of the certificate nobody knows.
    async fn quiet(&self, but: &[&str]) {
        let mut said = self.browser.console().await;
        said.retain(|line| !but.iter().any(|known| line.contains(known)));
        assert!(said.is_empty(), "{said:#?}");
    }
}

const WISH: &str = r#"{"userinfo":{"email":{"essential":true}},"id_token":{"groups":null}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sees_who_asks_and_chooses() {
    let stage = Stage::set("logo.svg").await;
    stage.go(&[]).await;
    assert!(stage.logo().await > 0, "the logo is drawn, which its server gives to nobody who says where he comes from");
    stage.picture("sign-in").await;
    stage.go(&[("scope", "openid profile shipments:read offline_access"), ("claims", WISH)]).await;
    stage.sign_in().await;
    let consent = stage.browser.body().await;
    for shown in
        ["Harbour Dashboard", "See your e-mail address", "dashboard.harbour.test", "Privacy policy", "Terms of use"]
    {
        assert!(consent.contains(shown), "{shown}: {consent}");
    }
    assert!(stage.logo().await > 0);
    stage.picture("consent").await;
    stage.browser.press("consent-allow").await;
    assert!(stage.browser.text("got").await.starts_with("GET [code=ch_ac_"), "{}", stage.browser.body().await);
    stage.go(&[("prompt", "select_account"), ("scope", "openid")]).await;
    let choose = stage.browser.body().await;
    assert!(choose.contains("Continue as alice of the tests") && choose.contains("Use another account"), "{choose}");
    stage.picture("choose").await;
    stage.browser.press("another-account").await;
    assert!(stage.browser.has("username").await, "{}", stage.browser.body().await);
    stage.go(&[("prompt", "select_account"), ("scope", "openid")]).await;
    stage.browser.press("account-continue").await;
    assert!(stage.browser.text("got").await.starts_with("GET [code=ch_ac_"), "{}", stage.browser.body().await);
    stage.quiet(&["favicon.ico"]).await;
    stage.issuer.stop().await;
}

/// A logo that doesn't come leaves no hole, and one that does moves nothing: who is about to press a button presses that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logo_that_does_not_come_leaves_no_hole() {
    let stage = Stage::set("missing.svg").await;
    stage.go(&[]).await;
    assert_eq!(stage.logo().await, 0, "it is asked for, and is not there");
    stage.sign_in().await;
    stage.picture("consent-without-logo").await;
    let without = stage.foot().await;
    stage.browser.script("document.querySelector('img.logo').remove()").await;
    assert_eq!(stage.foot().await, without, "as if there had never been one");
    let there = "const i = document.createElement('img'); i.className = 'logo'; i.alt = ''; i.src = document.querySelector('link[rel=icon]').href; \
        document.querySelector('.mark').append(i); return i.decode().then(() => i.getBoundingClientRect().height)";
    assert!(stage.browser.script(there).await.as_f64().unwrap() > 30.0);
    assert_eq!(stage.foot().await, without, "nothing moves when it comes");
    stage.quiet(&["404", "favicon.ico"]).await;
    stage.issuer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_posts_itself_and_by_its_button() {
    let stage = Stage::set("logo.svg").await;
    let state = "\"><img src=x onerror=alert(1)> a+b%20&c";
    let told = |state: &str| chancery::http::params::encode([("state", state)]);
    // With scripts: through the sign-in and the question, and out by itself.
    let asked = [("response_mode", "form_post"), ("state", state), ("scope", "openid")];
    stage.go(&asked).await;
    stage.sign_in().await;
    stage.browser.press("consent-allow").await;
    let got = stage.browser.text("got").await;
    assert!(got.starts_with("POST [] [code=ch_ac_") && got.contains(&told(state)), "{got}");
    stage.go(&[&asked[..], &[("prompt", "none")]].concat()).await;
    let got = stage.browser.text("got").await;
    assert!(got.starts_with("POST [] [code=ch_ac_"), "{got}");
    stage.go(&[("response_mode", "form_post"), ("scope", "unknown")]).await;
    let got = stage.browser.text("got").await;
    assert!(got.starts_with("POST [] [error=invalid_scope&"), "{got}");
    stage.quiet(&["favicon.ico"]).await;
    // Without: the page stays, and its button does it.
    stage.browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    stage.go(&asked).await;
    assert!(stage.browser.has("answer-send").await, "{}", stage.browser.body().await);
    stage.picture("form-post").await;
    stage.browser.press("answer-send").await;
    let got = stage.browser.text("got").await;
    assert!(got.starts_with("POST [] [code=ch_ac_") && got.contains(&told(state)), "{got}");
    // So do all pages before it.
    stage.go(&[("prompt", "select_account consent"), ("scope", "openid")]).await;
    stage.picture("choose-without-scripts").await;
    stage.browser.press("account-continue").await;
    stage.browser.press("consent-deny").await;
    assert!(stage.browser.text("got").await.starts_with("GET [error=access_denied&"), "{}", stage.browser.body().await);
    stage.quiet(&["favicon.ico"]).await;
    stage.issuer.stop().await;
}
