//! A person at a browser who goes on from whatever page is open.

use chancery::secret::{Opaque, SessionSecret};
use chancery::session::{self, Held};

use crate::kit::actors::{Answer, Browser, Flow, form_of, location, parameter};
use crate::kit::issuer::Issuer;

/// What a page is, by what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    SignIn,
    Consent,
    /// Says what went wrong.
    Error,
}

pub fn page(answer: &Answer) -> Page {
    match answer {
        answer if answer.text.contains("id=\"consent-allow\"") => Page::Consent,
        answer if answer.text.contains("id=\"login-submit\"") => Page::SignIn,
        _ => Page::Error,
    }
}

/// Goes on from an answer until the client has a code, allowing what is asked; answers it, and the pages met on the way.
/// A page that no longer fits the browser is loaded again, as a person would.
pub async fn carry_on(browser: &mut Browser, flow: &Flow, from: Answer, who: (&str, &str)) -> (String, Vec<Page>) {
    let (mut answer, mut met) = (from, Vec::new());
    let mut address: Option<String> = None;
    for _ in 0..8 {
        if let Some(to) = location(&answer) {
            if let Some(code) = parameter(&to, "code") {
                assert_eq!(parameter(&to, "state").as_deref(), Some(flow.state.as_str()));
                return (code, met);
            }
            assert!(to.contains("/login?"), "astray: {to}");
            answer = browser.get(&to).await;
            continue;
        }
        met.push(page(&answer));
        let was = answer.clone();
        answer = match page(&was) {
            Page::Consent => browser.press(&was, &flow.url, "consent-allow").await,
            Page::SignIn => submit(browser, &was, &flow.url, who).await,
            Page::Error => {
                let again = address.take().unwrap_or_else(|| panic!("lost: {} {}", was.status, was.text));
                browser.get(&again).await
            }
        };
        if page(&was) != Page::Error {
            address = Some(address_of(&was));
        }
    }
    panic!("no code after {met:?}: {} {}", answer.status, answer.text);
}

/// From the client's own button to the code.
pub async fn afresh(browser: &mut Browser, flow: &Flow, who: (&str, &str)) -> (String, Vec<Page>) {
    let answer = browser.get(&flow.url).await;
    carry_on(browser, flow, answer, who).await
}

/// Fills in the sign-in page: the form with the password, wherever on the page it stands.
pub async fn submit(browser: &mut Browser, page: &Answer, near: &str, (user, password): (&str, &str)) -> Answer {
    let mut page = page.clone();
    // Other forms (another account, cancel) may stand before it.
    page.text = page
        .text
        .split("<form")
        .find(|form| form.contains("id=\"password\""))
        .map_or_else(String::new, |form| format!("<form{form}"));
    browser.sign_in(&page, near, user, password).await
}

/// Where a page of an interaction can be had again.
pub fn address_of(page: &Answer) -> String {
    let (action, hidden) = form_of(page);
    let (_, interaction) = hidden.iter().find(|(name, _)| name == "interaction").unwrap();
    format!("{action}?interaction={interaction}")
}

/// The session this browser holds, if it stands.
pub async fn held(issuer: &Issuer, browser: &Browser) -> Option<Held> {
    session::of_cookie(&issuer.app, browser.cookies.get(session::COOKIE).map(String::as_str)).await.unwrap()
}

/// Gives a browser the session that was begun for it.
pub fn give(browser: &mut Browser, secret: &Opaque<SessionSecret>) {
    browser.cookies.insert(session::COOKIE.to_owned(), secret.expose());
}
