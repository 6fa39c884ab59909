//! The dashboard that is a page, whose refresh token is in a cookie: what an intruder finds, what neighbours get, what two tabs
//! and two users do to each other.

use std::time::Duration;

use chancery::oauth::delivery;
use serde_json::json;
use uuid::Uuid;

use super::intruder::{INTRUDER, SEARCH};
use super::neighbour;
use super::scene::Scene;

/// The scene of the dashboard in the browser.
struct Alone {
    scene: Scene,
    client: String,
    cookie: String,
}

impl Alone {
    async fn open() -> Self {
        let scene = Scene::open().await;
        scene.browser.go(&scene.at.dashboard).await;
        scene.browser.press("in-the-browser").await;
        let client = scene.browser.script("return document.getElementById('app').dataset.client").await;
        let client = client.as_str().unwrap().to_owned();
        let cookie = delivery::cookie(Uuid::try_parse(&client).unwrap());
        let alone = Self { scene, client, cookie };
        alone.shown("sign-in").await;
        alone
    }

    fn token_endpoint(&self) -> String {
        format!("{}/oauth2/token", self.scene.at.issuer)
    }

    fn page(&self) -> String {
        format!("{}/browser", self.scene.at.dashboard)
    }

    /// The refresh token, which the browser's own tools alone can tell.
    async fn token(&self) -> String {
        let found = self.scene.browser.cookie(&self.token_endpoint(), &self.cookie).await.expect("a refresh cookie");
        found["value"].as_str().unwrap().to_owned()
    }

    /// Waits until this element is seen.
    async fn shown(&self, id: &str) {
        let seen = format!("!document.getElementById('{id}').hidden && !document.getElementById('app').ariaBusy");
        self.scene.browser.until(id, &seen).await;
    }

    async fn is(&self, name: &str) {
        let seen = format!("document.getElementById('who').textContent === '{name}'");
        self.scene.browser.until(name, &seen).await;
    }

    /// Presses a button of the page and gives what it says then.
    async fn says(&self, button: &str, part: &str) -> String {
        self.scene.browser.script("document.getElementById('says').textContent = ''").await;
        self.scene.browser.click(button).await;
        self.scene.browser.until(part, &format!("document.body.innerText.includes('{part}')")).await;
        self.scene.browser.body().await
    }

    /// From the page's button through the issuer and back.
    async fn sign_in(&self, user: &str, name: &str) {
        self.scene.browser.press("sign-in").await;
        if self.scene.browser.has("login-submit").await {
            self.scene.browser.fill("username", user).await;
            self.scene.browser.fill("password", &self.scene.password).await;
            self.scene.browser.press("login-submit").await;
        }
        self.scene.browser.press("consent-allow").await;
        self.is(name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intruder_finds_no_refresh_token() {
    let mut alone = Alone::open().await;
    alone.scene.picture("in-the-browser-signed-out").await;
    alone.scene.browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": INTRUDER })).await;
    alone.scene.browser.go(&alone.page()).await;
    alone.shown("sign-in").await;
    alone.sign_in("ada", "Ada Marlow").await;
    alone.scene.picture("in-the-browser").await;
    assert_eq!(alone.scene.browser.url().await, alone.page(), "code and state are gone from the address");
    let first = alone.token().await;
    let told = alone.says("refresh", "in memory. The new refresh token").await;
    assert!(told.contains("family_id"), "{told}");
    let second = alone.token().await;
    assert_ne!(first, second);
    alone.says("userinfo", "ada@example.com").await;
    let told = alone.says("search", "No token was found").await;
    assert!(told.contains("document.cookie") && told.contains("localStorage"), "{told}");
    alone.scene.picture("in-the-browser-searched").await;
    let kept = alone.scene.browser.cookie(&alone.token_endpoint(), &alone.cookie).await.unwrap();
    let armour = [&kept["httpOnly"], &kept["sameSite"], &kept["path"], &kept["session"]];
    assert_eq!(armour, [&json!(true), &json!("Strict"), &json!("/oauth2"), &json!(false)], "{kept}");
    // Everything an injected script can see, overhear or ask for.
    let loot = alone.scene.browser.script(SEARCH).await;
    let loot = loot.as_str().unwrap();
    let third = alone.token().await;
    for part in ["body of", "\"access_token\":\"ey", "grant_type=refresh_token", "getItem", "Response.json"] {
        assert!(loot.contains(part), "the intruder is not at work: {part}");
    }
    assert!(!loot.contains("ch_rt_"), "a refresh token, or its cookie's name, was within reach");
    for token in [&first, &second, &third] {
        assert!(token.starts_with("ch_rt_") && !loot.contains(&token[6..]), "the refresh token was within reach");
    }
    let stored = alone.scene.browser.script("return localStorage.length + sessionStorage.length").await;
    assert_eq!(stored, 0);
    alone
        .scene
        .quiet(&["status of 400", "Refused to frame", "violates the following", "X-Frame-Options", "frame"])
        .await;
    alone.scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_and_a_lost_network_sign_nobody_out() {
    let alone = Alone::open().await;
    alone.sign_in("ada", "Ada Marlow").await;
    let before = alone.token().await;
    alone.scene.browser.press("reload").await;
    alone.is("Ada Marlow").await;
    assert_ne!(alone.token().await, before, "it came back by the cookie");
    let visited = "return performance.getEntriesByType('resource').map((entry) => entry.name).join(' ')";
    let visited = alone.scene.browser.script(visited).await;
    assert!(!visited.as_str().unwrap().contains("authorize"), "{visited}");
    // The network goes and comes back: the page asks again by itself.
    let network =
        |offline: bool| json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    alone.scene.browser.devtools("Network.enable", json!({})).await;
    alone.scene.browser.devtools("Network.emulateNetworkConditions", network(true)).await;
    alone.scene.browser.click("refresh").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!alone.scene.browser.body().await.contains("Refreshed"));
    alone.scene.browser.devtools("Network.emulateNetworkConditions", network(false)).await;
    alone.scene.browser.until("refreshed", "document.body.innerText.includes('Refreshed:')").await;
    // Out, here and at the issuer; another page of it learns that when it next asks.
    let tabs = alone.scene.browser.new_tab().await;
    alone.scene.browser.switch(&tabs[1]).await;
    alone.scene.browser.go(&alone.page()).await;
    alone.is("Ada Marlow").await;
    alone.scene.browser.press("sign-out").await;
    alone.shown("sign-in").await;
    assert_eq!(alone.scene.browser.url().await, alone.page());
    alone.scene.browser.switch(&tabs[0]).await;
    alone.scene.browser.click("refresh").await;
    alone.scene.browser.until("signed out", "document.body.innerText.includes('You are signed out')").await;
    alone.scene.browser.press("sign-in").await;
    assert!(alone.scene.browser.has("password").await, "the session has ended");
    // No action of the page, the reload among them, ended in an error that nobody caught.
    let said = alone.scene.browser.console().await;
    assert!(!said.iter().any(|line| line.contains("Uncaught")), "{said:#?}");
    alone.scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_refresh_at_once_for_many_rounds() {
    const ROUNDS: u32 = 150;
    let alone = Alone::open().await;
    alone.sign_in("ada", "Ada Marlow").await;
    let first = alone.token().await;
    let tabs = alone.scene.browser.new_tab().await;
    // Taking turns, and without the means to: then the issuer has to forgive.
    for locks in [true, false] {
        for tab in &tabs {
            alone.scene.browser.switch(tab).await;
            alone.scene.browser.go(&alone.page()).await;
            alone.is("Ada Marlow").await;
        }
        for tab in &tabs {
            alone.scene.browser.switch(tab).await;
            let take_turns =
                if locks { "" } else { "Object.defineProperty(navigator, 'locks', { value: undefined });" };
            let rounds = format!(
                "{take_turns} window.done = null; (async () => {{
                    const {{ dashboard }} = await import('/chancery-spa.js');
                    const {{ issuer, client }} = document.getElementById('app').dataset;
                    const auth = dashboard({{ issuer, clientId: client, redirectUri: location.href }});
                    await auth.start();
                    for (let round = 0; round < {ROUNDS}; round++) if (!(await auth.refresh())) return 'signed out in round ' + round;
                    return 'well';
                }})().then((how) => (window.done = how), (why) => (window.done = String(why)))"
            );
            alone.scene.browser.script(&rounds).await;
        }
        for tab in &tabs {
            alone.scene.browser.switch(tab).await;
            alone.scene.browser.until("the rounds", "window.done").await;
            assert_eq!(alone.scene.browser.script("return window.done").await, "well", "with locks: {locks}");
        }
    }
    assert_ne!(alone.token().await, first);
    alone.says("refresh", "in memory. The new refresh token").await;
    let tree = alone.scene.terminal(&["audit", "list", "--limit", "5000"]);
    assert!(!tree.contains("refresh.reused") && !tree.contains("refresh.late"), "{tree}");
    println!(
        "{} rotations, {} retries",
        tree.matches("refresh.rotated").count(),
        tree.matches("refresh.retried").count()
    );
    // Who isn't signed in yet is told so, which Chromium notes.
    alone.scene.quiet(&["status of 400"]).await;
    alone.scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_neither_call_nor_read() {
    let alone = Alone::open().await;
    alone.sign_in("ada", "Ada Marlow").await;
    let before = alone.token().await;
    let port = neighbour::serve().await;
    let (token, revoke) = (alone.token_endpoint(), format!("{}/oauth2/revoke", alone.scene.at.issuer));
    let refresh = [("grant_type", "refresh_token"), ("client_id", alone.client.as_str())];
    // By number: the same site, so that the browser sends every cookie along. By name: another site, and it sends none.
    for origin in [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/")] {
        for (endpoint, form) in [(&token, &refresh[..]), (&revoke, &refresh[1..])] {
            alone.scene.browser.go(&origin).await;
            let read = alone.scene.browser.script(&neighbour::fetch(endpoint, "cors", form)).await;
            assert_eq!(read, "unreadable", "{endpoint} from {origin}");
            let blind = alone.scene.browser.script(&neighbour::fetch(endpoint, "no-cors", form)).await;
            assert_eq!(
                blind, "unreadable",
                "{endpoint} from {origin}: sent, and kept from the page by the resource policy"
            );
            alone.scene.browser.mark().await;
            alone.scene.browser.script(&neighbour::form(endpoint, form)).await;
            alone.scene.browser.arrived("the form").await;
            let said = alone.scene.browser.body().await;
            assert!(
                said.contains("unauthorized_client") && said.contains("Origin"),
                "{endpoint} from {origin}: {said}"
            );
            assert_eq!(alone.token().await, before, "{endpoint} from {origin}");
        }
    }
    // A second cookie of that name, which a sibling can add and the page itself can't replace: refused, and nobody is signed out.
    alone.scene.browser.go(&format!("http://127.0.0.1:{port}/")).await;
    alone.scene.browser.script(&format!("document.cookie = '{}=ch_rt_planted; path=/'", alone.cookie)).await;
    alone.scene.browser.script(&format!("document.cookie = '{}=ch_rt_planted; path=/oauth2'", alone.cookie)).await;
    alone.scene.browser.go(&alone.page()).await;
    alone.scene.browser.until("the refusal", "document.body.innerText.includes('one of them was planted')").await;
    assert_eq!(alone.token().await, before, "what no script may read, no script overwrites");
    alone.scene.browser.script(&format!("document.cookie = '{}=; path=/; max-age=0'", alone.cookie)).await;
    alone.scene.browser.go(&alone.page()).await;
    alone.is("Ada Marlow").await;
    assert_ne!(alone.token().await, before);
    alone.scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_gets_nothing_of_the_first_and_ends_nothing() {
    let alone = Alone::open().await;
    alone.scene.newcomer("mallory", "Mallory Vane");
    let (issuer, endpoint) = (alone.scene.at.issuer.clone(), alone.token_endpoint());
    let browser = &alone.scene.browser;
    let set = |name: String, value: String, path: &'static str| json!({ "name": name, "value": value, "path": path, "url": issuer, "httpOnly": true });
    // Mallory's own, to be planted later.
    alone.sign_in("mallory", "Mallory Vane").await;
    let mallorys = alone.token().await;
    browser.devtools("Network.clearBrowserCookies", json!({})).await;
    browser.go(&alone.page()).await;
    alone.shown("sign-in").await;
    alone.sign_in("ada", "Ada Marlow").await;
    let adas = alone.token().await;
    let session = browser.cookie(&endpoint, "ch_session").await.unwrap()["value"].as_str().unwrap().to_owned();
    // Planted in place of hers: she is not signed in as mallory.
    browser.devtools("Network.setCookie", set(alone.cookie.clone(), mallorys, "/oauth2")).await;
    browser.go(&alone.page()).await;
    alone.shown("sign-in").await;
    assert_eq!(browser.text("who").await, "Harbour in the browser");
    browser.devtools("Network.setCookie", set(alone.cookie.clone(), adas.clone(), "/oauth2")).await;
    browser.go(&alone.page()).await;
    alone.is("Ada Marlow").await;
    let adas = alone.token().await;
    // Mallory signs in at the issuer in a second tab of the same browser, and leaves the dashboard's cookie as it is.
    let tabs = browser.new_tab().await;
    browser.switch(&tabs[1]).await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let at = format!(
        "{issuer}/oauth2/authorize?response_type=code&client_id={}&redirect_uri={}&scope=openid&state=s&prompt=login\
         &code_challenge={challenge}&code_challenge_method=S256",
        alone.client,
        alone.page()
    );
    browser.go(&at).await;
    browser.press("another-account").await;
    browser.fill("username", "mallory").await;
    browser.fill("password", &alone.scene.password).await;
    browser.press("login-submit").await;
    assert!(browser.has("consent-allow").await, "{}", browser.body().await);
    browser.switch(&tabs[0]).await;
    browser.click("refresh").await;
    browser.until("signed out", "document.body.innerText.includes('You are signed out')").await;
    assert_eq!(alone.token().await, adas, "nothing was set");
    // With her own session she goes on where she was: her family was not touched.
    browser.devtools("Network.setCookie", set("ch_session".to_owned(), session, "/")).await;
    browser.go(&alone.page()).await;
    alone.is("Ada Marlow").await;
    assert_ne!(alone.token().await, adas);
    // Mallory signs in at the dashboard itself, in the other tab: the first one doesn't go on as if it were still hers.
    browser.switch(&tabs[1]).await;
    browser.go(&alone.page()).await;
    alone.is("Ada Marlow").await;
    browser.mark().await;
    let again =
        "const { issuer, client } = document.getElementById('app').dataset; import('/chancery-spa.js').then((module) =>
        module.dashboard({ issuer, clientId: client, redirectUri: location.href }).signIn({ prompt: 'login' }))";
    browser.script(again).await;
    browser.arrived("the sign-in").await;
    browser.press("another-account").await;
    browser.fill("username", "mallory").await;
    browser.fill("password", &alone.scene.password).await;
    browser.press("login-submit").await;
    browser.press("consent-allow").await;
    alone.is("Mallory Vane").await;
    browser.switch(&tabs[0]).await;
    assert_eq!(browser.text("who").await, "Ada Marlow");
    browser.click("refresh").await;
    browser.until("the change", "document.body.innerText.includes('somebody else has signed in')").await;
    alone.is("Mallory Vane").await;
    alone.scene.close().await;
}
