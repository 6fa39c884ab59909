//! `oidc-client-ts` in a real Chromium, its browser build as published: sign-in, renewal by refresh token, sign-out; and two
//! tabs that share one storage and refresh at the same time, round after round, without anybody being signed out.
//!
//! `CHANCERY_TEST_ROUNDS` says how many rounds.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::party::Party;
use super::{Stage, USER};
use crate::browser::driver::Chromium;
use crate::kit::actors::PASSWORD;
use crate::kit::figure;
use crate::kit::issuer::{Kind, on_both};

on_both!(a_dashboard_signs_in_renews_and_signs_out, two_tabs_refresh_at_once);

/// A dashboard, served, and a browser before it.
struct Dashboard {
    stage: Stage,
    _party: Party,
    at: String,
    chromium: Chromium,
}

impl Dashboard {
    async fn open(kind: Kind) -> Self {
        let stage = Stage::open(kind).await;
        let mut party = Party::start("spa.mjs", &json!({})).await;
        let at = party.must_say("at").await.as_str().unwrap().to_owned();
        let flags = ["--public", "--consent", "skip", "--origin", &at, "--post-logout-redirect-uri", &format!("{at}/")];
        let client = stage.application("/callback", &flags);
        let scope = "openid profile email groups offline_access";
        party.hears(&json!({ "authority": stage.server.at, "client_id": client["client_id"], "scope": scope }));
        Self { stage, _party: party, at, chromium: Chromium::start().await }
    }

    /// Opens the dashboard in the tab at hand, and waits until it says who is there.
    async fn go(&self, query: &str) -> String {
        self.chromium.go(&format!("{}/{query}", self.at)).await;
        self.who().await
    }

    async fn who(&self) -> String {
        self.chromium.text("there").await;
        self.chromium.script("return document.getElementById('who').textContent").await.as_str().unwrap().to_owned()
    }

    async fn sign_in(&self) {
        assert_eq!(self.go("").await, "nobody");
        self.chromium.press("sign-in").await;
        self.chromium.fill("username", USER).await;
        self.chromium.fill("password", PASSWORD).await;
        self.chromium.press("login-submit").await;
        assert_eq!(self.who().await, "Ada Marlow", "{}", self.chromium.url().await);
    }

    async fn user(&self) -> Value {
        self.chromium.script("return manager.getUser().then((user) => JSON.parse(user.toStorageString()))").await
    }

    /// Waits until a script gives something.
    async fn until(&self, script: &str, bound: Duration) -> Value {
        let since = Instant::now();
        loop {
            match self.chromium.script(script).await {
                Value::Null | Value::Bool(false) if since.elapsed() < bound => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Value::Null | Value::Bool(false) => {
                    panic!("not within {bound:?}: {script}\n{:#?}", self.chromium.console().await);
                }
                value => return value,
            }
        }
    }

    /// The user's only family, as the operator sees it.
    fn family(&self) -> Value {
        let shown = self.stage.server.operator.json(&["lineage", "show", USER]);
        let families = shown["sessions"][0]["families"].as_array().unwrap();
        assert_eq!(families.len(), 1, "{shown}");
        families[0].clone()
    }
}

async fn a_dashboard_signs_in_renews_and_signs_out(kind: Kind) {
    let mut dashboard = Dashboard::open(kind).await;
    dashboard.sign_in().await;
    let first = dashboard.user().await;
    assert_eq!(first["profile"]["sub"], dashboard.stage.sub);
    dashboard.stage.is_told(&first["profile"]);
    // Asked to, it renews by its refresh token: no frame, no page, and another access token.
    dashboard.chromium.script("return manager.signinSilent().then(() => null)").await;
    let second = dashboard.user().await;
    for name in ["access_token", "refresh_token"] {
        assert!(second[name].is_string() && second[name] != first[name], "{name}: {first} {second}");
    }
    // By itself, when the end of the access token is near enough: here at once, and again a second later.
    let lives = second["expires_at"].as_i64().unwrap() - chrono_now();
    dashboard.go(&format!("?renew={}", lives - 2)).await;
    dashboard.until("return window.renewed >= 2", Duration::from_secs(30)).await;
    assert_eq!(dashboard.chromium.script("return window.failed").await, json!([]));
    dashboard.go("").await;
    assert_ne!(dashboard.user().await["refresh_token"], second["refresh_token"]);
    assert!(dashboard.family()["generation"].as_i64().unwrap() >= 3, "{}", dashboard.family());
    // The sign-out is the issuer's, and it forgets the browser.
    dashboard.chromium.press("sign-out").await;
    assert_eq!(dashboard.who().await, "nobody");
    dashboard.chromium.press("sign-in").await;
    assert!(dashboard.chromium.has("password").await, "{}", dashboard.chromium.body().await);
    let said: Vec<_> = dashboard.chromium.console().await;
    assert!(said.is_empty(), "{said:#?}");
    dashboard.stage.server.stop();
}

fn chrono_now() -> i64 {
    chancery::clock::Clock::system().now().timestamp()
}

async fn two_tabs_refresh_at_once(kind: Kind) {
    let rounds: u64 = std::env::var("CHANCERY_TEST_ROUNDS").map_or(1000, |rounds| rounds.parse().unwrap());
    let mut dashboard = Dashboard::open(kind).await;
    dashboard.sign_in().await;
    let tabs = dashboard.chromium.new_tab().await;
    for tab in &tabs {
        dashboard.chromium.switch(tab).await;
        assert_eq!(dashboard.go("").await, "Ada Marlow");
    }
    let since = Instant::now();
    for tab in &tabs {
        dashboard.chromium.switch(tab).await;
        dashboard.chromium.script(&format!("rounds({rounds})")).await;
    }
    let mut together = Vec::new();
    for tab in &tabs {
        dashboard.chromium.switch(tab).await;
        let told = dashboard.until("return window.told ?? null", Duration::from_secs(600)).await;
        assert_eq!((&told["error"], told["rounds"].as_u64()), (&Value::Null, Some(rounds)), "{told}");
        assert_eq!(dashboard.chromium.script("return window.failed").await, json!([]));
        together.push(told["together"].as_u64().unwrap());
    }
    let took = since.elapsed();
    // What one tab counts, the other does.
    assert_eq!(together[0], together[1]);
    assert!(together[0] * 2 > rounds, "only {} of {rounds} rounds presented one token twice", together[0]);
    let family = dashboard.family();
    assert_eq!(family["ended_at"], Value::Null, "{family}");
    // One rotation a round where both presented the same, two where they missed each other.
    assert_eq!(family["generation"].as_u64(), Some(rounds + (rounds - together[0])), "{}", family["generation"]);
    for tab in &tabs {
        dashboard.chromium.switch(tab).await;
        // Still signed in; what userinfo had told is not among what a refresh tells.
        assert_eq!(dashboard.go("").await, dashboard.stage.sub);
        dashboard.chromium.script("return manager.signinSilent().then(() => null)").await;
    }
    let said = dashboard.chromium.console().await;
    assert!(said.is_empty(), "{said:#?}");
    figure(&format!(
        "two tabs, {kind:?}: {rounds} rounds of two refreshes at once in {:.1} s, {} of them with one token, nobody signed out",
        took.as_secs_f64(),
        together[0]
    ));
    dashboard.stage.server.stop();
}
