//! The samples against the whole issuer, on both databases: from the sign-in to a token that stops working.

use std::time::Duration;

use sqlx::types::Json;

use super::{BOUND, listener, samples};
use crate::kit::actors::{Answer, Browser, Flow, PASSWORD, RelyingParty, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

/// Issuer, samples, and a person's browser signed in at the dashboard.
struct Whole {
    issuer: Issuer,
    dashboard: String,
    gateway: String,
    browser: Browser,
}

impl Whole {
    async fn open(kind: Kind) -> Self {
        let change = |config: &mut chancery::config::Config| config.fetch.allow_http = true;
        let issuer = Issuer::start_with(kind, Setup { change: Box::new(change), ..Setup::default() }).await;
        issuer.user("ada").await;
        let (at_dashboard, at_gateway) = (listener().await, listener().await);
        let base = |listener: &tokio::net::TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (dashboard, gateway) = (base(&at_dashboard), base(&at_gateway));
        let resource = format!("{gateway}/api");
        issuer.resource(&resource, &["shipments:read"]).await;
        let party = issuer
            .client_with(|row| {
                row.redirect_uris = Json(vec![format!("{dashboard}/callback")]);
                row.post_logout_redirect_uris = Json(vec![format!("{dashboard}/signed-out")]);
                row.scopes = "openid profile email groups offline_access shipments:read".into();
                row.resources = Json(vec![resource.clone()]);
                row.consent = "ask".into();
                row.metadata.0.backchannel_logout_uri = Some(format!("{dashboard}/backchannel-logout"));
            })
            .await;
        let service = issuer
            .client_with(|row| {
                row.grants = Json(vec!["client_credentials".into()]);
                row.scopes = "chancery:feed".into();
                row.resources = Json(vec![resource.clone()]);
            })
            .await;
        let credentials = |party: &RelyingParty| (party.id.to_string(), party.secret.clone().unwrap());
        let clients = [credentials(&party), credentials(&service)];
        samples(&issuer.name, clients, (at_dashboard, at_gateway), chancery::clock::Clock::system());
        let browser = Browser::new(&issuer);
        let mut whole = Self { issuer, dashboard, gateway, browser };
        whole.until_ready().await;
        whole.sign_in().await;
        whole
    }

    async fn until_ready(&self) {
        let http = crate::kit::actors::http();
        let asked = async {
            while http.get(format!("{}/readyz", self.gateway)).send().await.unwrap().status() != 200 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(BOUND, asked).await.expect("the gateway hears the feed");
    }

    /// Presses a button of the dashboard.
    async fn press(&mut self, path: &str) -> Answer {
        let issuer = std::mem::replace(&mut self.browser.origin, self.dashboard.clone());
        let answer = self.browser.post(&format!("{}{path}", self.dashboard), &[]).await;
        self.browser.origin = issuer;
        answer
    }

    /// Presses a button and reads the page it leads to.
    async fn result(&mut self, path: &str) -> String {
        let pressed = self.press(path).await;
        let to = location(&pressed).unwrap_or_else(|| panic!("{path}: {} {}", pressed.status, pressed.text));
        self.browser.get(&to).await.ok().text
    }

    async fn sign_in(&mut self) {
        let url = location(&self.press("/sign-in").await).expect("a redirect to the issuer");
        let state = parameter(&url, "state").unwrap();
        let flow = Flow { verifier: String::new(), state, url };
        let mut answer = self.browser.begin(&flow).await;
        for _ in 0..6 {
            answer = match location(&answer) {
                Some(to) if to == format!("{}/", self.dashboard) => return,
                Some(to) => self.browser.get(&to).await,
                None if answer.text.contains("id=\"consent-allow\"") => {
                    self.browser.press(&answer, &flow.url, "consent-allow").await
                }
                None => self.browser.sign_in(&answer, &flow.url, "ada", PASSWORD).await,
            };
        }
        panic!("not signed in: {} {}", answer.status, answer.text);
    }
}

on_both!(works, a_replay_ends_it, a_revocation_ends_it, signing_out_ends_it, an_end_elsewhere_ends_it_here);

async fn works(kind: Kind) {
    let mut whole = Whole::open(kind).await;
    let page = whole.browser.get(&format!("{}/", whole.dashboard)).await.ok().text;
    for text in ["ada of the tests", "ada@example.test", "at+jwt", "ES256", "rev_seq", "family_id", "shipments:read"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = whole.result("/refresh").await;
    assert!(page.contains("200 OK") && page.contains("the next generation"), "{page}");
    let page = whole.result("/repeat").await;
    assert!(page.contains("An honest retry") && page.contains("answered again 1×"), "{page}");
    let page = whole.result("/call-offline").await;
    assert!(page.contains("200 OK") && page.contains("S-1041"), "{page}");
    let page = whole.result("/call-introspect").await;
    assert!(page.contains("200 OK") && page.contains("S-1041"), "{page}");
}

async fn a_replay_ends_it(kind: Kind) {
    let mut whole = Whole::open(kind).await;
    let page = whole.result("/replay").await;
    assert!(page.contains("Reuse found: the family has ended"), "{page}");
    assert_eq!(page.matches("&#34;invalid_grant&#34;").count(), 2, "{page}");
    assert_eq!(page.matches("401 Unauthorized").count(), 2, "{page}");
    assert!(page.contains("kind family"), "{page}");
    let status = whole.browser.get(&whole.gateway.clone()).await.ok().text;
    assert!(status.contains("<span class=\"tag\">family</span>"), "{status}");
    // The browser still has its session at the issuer: one press, and a new family lives.
    whole.sign_in().await;
    assert!(whole.result("/call-offline").await.contains("S-1041"));
}

async fn a_revocation_ends_it(kind: Kind) {
    let mut whole = Whole::open(kind).await;
    let page = whole.result("/revoke").await;
    assert!(page.contains("<strong>Revoked.</strong>"), "{page}");
    assert_eq!(page.matches("401 Unauthorized").count(), 2, "{page}");
    assert!(page.contains("&#34;invalid_grant&#34;"), "{page}");
}

async fn signing_out_ends_it(kind: Kind) {
    let mut whole = Whole::open(kind).await;
    let page = whole.browser.get(&format!("{}/", whole.dashboard)).await.ok().text;
    assert!(page.contains("id=\"sign-out\""));
    let to_issuer = location(&whole.press("/sign-out").await).unwrap();
    let back = location(&whole.browser.get(&to_issuer).await).expect("the issuer sends the browser back");
    let page = whole.browser.get(&back).await.ok().text;
    assert!(page.contains("You are signed out here and at"), "{page}");
    let gateway = format!("{}/", whole.gateway);
    let listed = async {
        while !whole.browser.get(&gateway).await.text.contains("<span class=\"tag\">session</span>") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(BOUND, listed).await.expect("the gateway hears that the session has ended");
    assert_eq!(whole.issuer.app.live.snapshot().unwrap().entries.len(), 1);
}

/// Told by the issuer, from server to server: the next page is that of who is signed out.
async fn an_end_elsewhere_ends_it_here(kind: Kind) {
    let mut whole = Whole::open(kind).await;
    let home = format!("{}/", whole.dashboard);
    let signed_in = |page: &Answer| page.text.contains("id=\"sign-out\"");
    assert!(signed_in(&whole.browser.get(&home).await));
    Operator::of(&whole.issuer).run(&["revoke", "user", "ada"]).ok();
    let told = async {
        while signed_in(&whole.browser.get(&home).await) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(BOUND, told).await.expect("the dashboard is told");
    whole.sign_in().await;
    assert!(signed_in(&whole.browser.get(&home).await), "and another sign-in is another session");
}
