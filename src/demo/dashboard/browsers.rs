//! Who is looking: one record for each browser, under an unguessable cookie, in memory only.
//!
//! RFC 6265. The cookie is `HttpOnly` and `SameSite=Lax`: the issuer's redirect back must bring it. It is not `Secure`
//! because the samples speak plain HTTP on loopback; a real dashboard adds that and the `__Host-` prefix.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use cookie::{Cookie, SameSite};
use serde_json::{Map, Value};

use super::super::web::random_text;
use super::signin::Pending;
use super::tokens::SignedIn;

const COOKIE: &str = "sample_dashboard";
const IDLE: Duration = Duration::from_secs(8 * 3600);
const MOST: usize = 1_000;

/// What one browser has done so far.
#[derive(Default)]
pub(super) struct Browser {
    /// Sign-ins under way: one for each tab that began one.
    pub pending: Vec<Pending>,
    /// Who is signed in, with the tokens.
    pub signed_in: Option<SignedIn>,
    /// What the last button did.
    pub result: Option<Outcome>,
    /// Whether the issuer told us that this browser's session has ended.
    pub told: bool,
    /// The `state` of a sign-out that the issuer has not sent back yet.
    pub leaving: Option<String>,
}

/// What a button did, told on the next page.
#[derive(Clone)]
pub(super) struct Outcome {
    /// `good`, `warn` or `bad`: the note's colour.
    pub tone: &'static str,
    pub title: String,
    pub words: String,
    pub steps: Vec<Step>,
}

/// One HTTP exchange, as shown.
#[derive(Clone)]
pub(super) struct Step {
    pub words: String,
    pub request: String,
    pub status: String,
    /// `good` or `bad`: the status tag's colour.
    pub tone: &'static str,
    pub body: String,
}

struct Slot {
    browser: Arc<tokio::sync::Mutex<Browser>>,
    seen: Duration,
}

/// All browsers.
#[derive(Default)]
pub(super) struct Browsers(Mutex<HashMap<String, Slot>>);

impl Browsers {
    /// The record of the browser that sent these headers. The lock inside makes one browser's buttons take turns.
    pub fn find(&self, headers: &HeaderMap, now: Duration) -> Option<Arc<tokio::sync::Mutex<Browser>>> {
        let id = presented(headers)?;
        let mut all = self.lock();
        let slot = all.get_mut(&id)?;
        if now.saturating_sub(slot.seen) > IDLE {
            all.remove(&id);
            return None;
        }
        slot.seen = now;
        Some(slot.browser.clone())
    }

    /// Keeps a record under a new name and gives the cookie; whatever the browser had before is dropped, so that a
    /// name known before a sign-in is worth nothing after it.
    pub fn keep(&self, browser: Browser, headers: &HeaderMap, now: Duration) -> String {
        let id = random_text();
        let mut all = self.lock();
        if let Some(old) = presented(headers) {
            all.remove(&old);
        }
        all.retain(|_, slot| now.saturating_sub(slot.seen) <= IDLE);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, slot)| slot.seen).map(|(id, _)| id.clone());
            oldest.and_then(|id| all.remove(&id));
        }
        all.insert(id.clone(), Slot { browser: Arc::new(tokio::sync::Mutex::new(browser)), seen: now });
        Cookie::build((COOKIE, id)).path("/").http_only(true).same_site(SameSite::Lax).build().to_string()
    }

    /// Signs out every browser whose ID token said what `ended` looks for; sign-ins under way go on.
    pub async fn end(&self, ended: impl Fn(&Map<String, Value>) -> bool) {
        let all: Vec<_> = self.lock().values().map(|slot| slot.browser.clone()).collect();
        for browser in all {
            let mut browser = browser.lock().await;
            if browser.signed_in.as_ref().is_some_and(|signed_in| ended(&signed_in.id_claims)) {
                (browser.signed_in, browser.result, browser.told) = (None, None, true);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn presented(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut all = cookies.flat_map(Cookie::split_parse).filter_map(Result::ok);
    all.find(|cookie| cookie.name() == COOKIE).map(|cookie| cookie.value().to_owned())
}
