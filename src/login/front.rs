//! What every page of the public face needs: the operator's brand, the reader's language, and the error page.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::pages::{Brand, ErrorPage, FormPost, Frame, Problem};
use super::words::Words;
use crate::app::App;
use crate::event::Caller;
use crate::http::away;
use crate::http::cookies::Jar;
use crate::http::headers::Source;
use crate::http::html::Page;
use crate::http::locale::{self, Lang};
use crate::identity::device;
use crate::oauth::answer::Answer;
use crate::session;
use crate::signin::browser::{self, Browser};
use crate::signin::machine::{Moved, Next};

/// The public face of one issuer; made once, handed to handlers as an extension.
#[derive(Debug, Clone)]
pub struct Front {
    brand: Arc<Brand>,
    jar: Jar,
}

/// An error page about to be shown.
#[derive(Debug, Default)]
pub struct Shown<'a> {
    /// The protocol's code, if there is one.
    pub code: Option<&'a str>,
    /// The parameter that is at fault.
    pub parameter: Option<&'a str>,
    /// A sentence for developers.
    pub detail: Option<&'a str>,
    /// The application's name, where it has no address to go back to.
    pub client: Option<String>,
    /// Where to begin again.
    pub again: Option<String>,
    /// The application to go back to: its name, and an address that was checked to be its own.
    pub back: Option<(String, String)>,
}

impl Front {
    #[must_use]
    pub fn new(brand: Brand, jar: Jar) -> Self {
        Self { brand: Arc::new(brand), jar }
    }

    /// This issuer's cookies.
    #[must_use]
    pub fn jar(&self) -> Jar {
        self.jar
    }

    /// The browser that sends this request, as far as its cookies tell.
    #[must_use]
    pub fn browser(&self, headers: &HeaderMap) -> Browser {
        Browser::new(
            self.jar.get(headers, browser::COOKIE),
            self.jar.get(headers, session::COOKIE),
            self.jar.starting(headers, device::COOKIES),
        )
    }

    /// Sends the browser where a move of the machine leads, with the cookies that go with it: by 303, so that a post is not repeated,
    /// or by the page that carries an answer as a form.
    #[must_use]
    pub fn follow(&self, app: &App, moved: &Moved, reader: (Lang, &Caller)) -> Response {
        let mut response = match &moved.next {
            Next::Page(id) => away::see_other(&format!("{}?interaction={id}", app.config.issuer.endpoint("/login"))),
            Next::Away(answer, client) => self.away(answer, client, reader),
        };
        let cookies = [
            moved.browser.as_ref().and_then(|secret| self.jar.set(browser::COOKIE, &secret.expose(), None)),
            moved.session.as_ref().and_then(|secret| {
                let seconds = i64::try_from(app.config.sessions.absolute.as_secs()).ok();
                self.jar.set(session::COOKIE, &secret.expose(), seconds)
            }),
            moved
                .device
                .as_ref()
                .and_then(|token| self.jar.set(&token.name, &token.value, i64::try_from(device::LIFE.as_secs()).ok())),
        ];
        for cookie in cookies.into_iter().flatten() {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Takes an answer to the client of this name: 303 to an address, or a page whose form goes there and nowhere else.
    #[must_use]
    pub fn away(&self, answer: &Answer, client: &str, (lang, caller): (Lang, &Caller)) -> Response {
        let (action, fields) = match answer {
            Answer::Address(location) => return away::see_other(location),
            Answer::Form { action, fields } => (action.clone(), fields.clone()),
        };
        let Ok(target) = Url::parse(&action) else {
            return self.error(lang, caller, Problem::Broken, Shown::default());
        };
        let page = FormPost { frame: self.frame(lang, caller), client: client.to_owned(), action, fields };
        Page::new(lang, page).forms_only_to(Source::of(&target)).into_response()
    }

    /// The reader's language: `ui_locales` first, then the browser's wish.
    #[must_use]
    pub fn language(headers: &HeaderMap, ui_locales: Option<&str>) -> Lang {
        locale::negotiate(ui_locales, headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
    }

    /// What all pages share.
    #[must_use]
    pub fn frame(&self, lang: Lang, caller: &Caller) -> Frame {
        Frame::new(lang, Arc::clone(&self.brand), caller.request_id.map(|id| id.to_string()).unwrap_or_default())
    }

    /// The words of a language.
    #[must_use]
    pub fn words(lang: Lang) -> &'static Words {
        Words::of(lang)
    }

    /// A page that says what went wrong and what the reader can do; of what passes, when to come again.
    #[must_use]
    pub fn error(&self, lang: Lang, caller: &Caller, problem: Problem, shown: Shown<'_>) -> Response {
        let page = ErrorPage {
            code: shown.code.map(str::to_owned),
            parameter: shown.parameter.map(str::to_owned),
            detail: shown.detail.map(str::to_owned),
            client: shown.client,
            again: shown.again,
            back: shown.back,
            ..ErrorPage::of(self.frame(lang, caller), problem)
        };
        let mut response = Page::new(lang, page).status(problem.status()).into_response();
        if matches!(problem, Problem::TooMany | Problem::Overloaded) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
