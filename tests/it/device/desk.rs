//! A person with a device and a browser.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::config::Config;
use chrono::DateTime;

use crate::kit::actors::{Answer, Browser, PASSWORD, RelyingParty, form_of, location};
use crate::kit::issuer::{Issuer, Kind, Setup};
use crate::kit::raw::Raw;

pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const SECOND: Duration = Duration::from_secs(1);

/// An issuer whose clock stands still until it is told otherwise, with a user `alice`.
pub async fn held(kind: Kind, change: impl FnOnce(&mut Config) + Send + 'static) -> (Issuer, Clock) {
    let clock = Clock::held(DateTime::from_timestamp(1_990_000_000, 0).unwrap());
    let setup = Setup { change: Box::new(change), ..Setup::held(&clock) };
    let issuer = Issuer::start_with(kind, setup).await;
    issuer.user("alice").await;
    (issuer, clock)
}

/// What a device asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub device_code: String,
    pub user_code: String,
    pub complete: String,
}

/// A device asks for what its client is registered for.
pub async fn asks(rp: &RelyingParty) -> Asked {
    asks_for(rp, &[("scope", &rp.scope)]).await
}

pub async fn asks_for(rp: &RelyingParty, form: &[(&str, &str)]) -> Asked {
    let answer = rp.device(form).await.ok();
    let text = |name| answer.str(name).to_owned();
    Asked {
        device_code: text("device_code"),
        user_code: text("user_code"),
        complete: text("verification_uri_complete"),
    }
}

/// Whether the page has an element of this id.
pub fn has(page: &Answer, id: &str) -> bool {
    page.text.contains(&format!("id=\"{id}\""))
}

/// Follows redirects of this server.
pub async fn follow(browser: &mut Browser, mut answer: Answer) -> Answer {
    for _ in 0..6 {
        match location(&answer).filter(|to| to.starts_with(&browser.origin)) {
            Some(to) => answer = browser.get(&to).await,
            None => return answer,
        }
    }
    panic!("redirected in circles");
}

/// Types a code into the page.
pub async fn enters(browser: &mut Browser, code: &str) -> Answer {
    let url = format!("{}/device", browser.origin);
    let page = browser.get(&url).await.ok();
    let (action, mut form) = form_of(&page);
    form.push(("code".to_owned(), code.to_owned()));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = browser.post(&action, &form).await;
    follow(browser, answer).await
}

/// From the code to the page that asks: signs in where that is needed.
pub async fn reaches(browser: &mut Browser, code: &str, user: &str) -> Answer {
    let page = enters(browser, code).await;
    let page = if has(&page, "login-submit") { signs_in(browser, &page, user).await } else { page };
    assert!(has(&page, "consent-allow"), "{} {}", page.status, page.text);
    page
}

pub async fn signs_in(browser: &mut Browser, page: &Answer, user: &str) -> Answer {
    let near = format!("{}/oauth2/device", browser.origin);
    let answer = browser.sign_in(page, &near, user, PASSWORD).await;
    follow(browser, answer).await
}

/// Presses a button of the page, and goes where that leads.
pub async fn presses(browser: &mut Browser, page: &Answer, button: &str) -> Answer {
    let near = format!("{}/oauth2/device", browser.origin);
    let answer = browser.press(page, &near, button).await;
    follow(browser, answer).await
}

/// The whole way in the browser.
pub async fn allows(browser: &mut Browser, asked: &Asked, user: &str) {
    let page = reaches(browser, &asked.user_code, user).await;
    let told = presses(browser, &page, "consent-allow").await.ok();
    assert!(told.text.contains("<h1>Signed in</h1>"), "{}", told.text);
}

/// From the device's wish to its tokens.
pub async fn connects(browser: &mut Browser, rp: &RelyingParty, user: &str) -> (Asked, Answer) {
    let asked = asks(rp).await;
    allows(browser, &asked, user).await;
    let tokens = rp.poll(&asked.device_code).await.ok();
    (asked, tokens)
}

/// Nobody has answered yet, however fast the device asks.
pub async fn still_waits(rp: &RelyingParty, asked: &Asked) {
    let answer = rp.poll(&asked.device_code).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(["authorization_pending", "slow_down"].contains(&answer.str("error")), "{}", answer.text);
}

/// How many audit rows there are of an event.
pub async fn events(issuer: &Issuer, event: &str) -> i64 {
    assert!(chancery::event::Event::ALL.iter().any(|known| known.name() == event), "{event} is no event");
    Raw::open(&issuer.database).await.count("audit", &format!("event = '{event}'")).await
}
