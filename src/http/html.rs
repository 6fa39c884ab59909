//! A page as an answer: rendered, never stored, in the reader's language, under the page's own policy.
//!
//! A template that fails to render is answered with a plain 500: never half a page.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::headers::{Csp, Source};
use crate::http::locale::Lang;

/// A template on its way out.
#[derive(Debug)]
pub struct Page<T> {
    template: T,
    lang: Lang,
    status: StatusCode,
    csp: Csp,
}

impl<T: Template> Page<T> {
    /// A page that answers 200 and whose forms stay with this origin.
    #[must_use]
    pub fn new(lang: Lang, template: T) -> Self {
        Self { template, lang, status: StatusCode::OK, csp: Csp::default() }
    }

    /// Answers with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Names where its forms may be redirected to (usually `Source::of` the client's redirect URI).
    #[must_use]
    pub fn forms_to(mut self, targets: impl IntoIterator<Item = Source>) -> Self {
        self.csp = self.csp.forms_to(targets);
        self
    }

    /// Names what its frames may show.
    #[must_use]
    pub fn frames_of(mut self, origins: impl IntoIterator<Item = Source>) -> Self {
        self.csp = self.csp.frames_of(origins);
        self
    }

    /// Names the one place its form goes to: a page that is on the way out.
    #[must_use]
    pub fn forms_only_to(mut self, target: Source) -> Self {
        self.csp = self.csp.forms_only_to(target);
        self
    }

    /// Names where images come from, besides this origin.
    #[must_use]
    pub fn images_from(mut self, origins: impl IntoIterator<Item = Source>) -> Self {
        self.csp = self.csp.images_from(origins);
        self
    }
}

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let body = match self.template.render() {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "a page could not be rendered");
                return (StatusCode::INTERNAL_SERVER_ERROR, [no_store], "The page could not be made.\n")
                    .into_response();
            }
        };
        let headers = [
            no_store,
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_LANGUAGE, HeaderValue::from_static(self.lang.tag())),
            (header::CONTENT_SECURITY_POLICY, self.csp.header()),
        ];
        (self.status, headers, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// Renders to an error, as no compiled template here can.
    struct Broken;

    impl fmt::Display for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    #[derive(Template)]
    #[template(source = "<p>{{ value }}", ext = "html")]
    struct Line<T: fmt::Display> {
        value: T,
    }

    #[test]
    fn a_page_is_never_stored() {
        let answer = Page::new(Lang::Fr, Line { value: "<b>" }).status(StatusCode::BAD_REQUEST).into_response();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers()[header::CONTENT_LANGUAGE], "fr");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[test]
    fn a_page_that_cannot_be_made_is_a_plain_500() {
        let answer = Page::new(Lang::En, Line { value: Broken }).into_response();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    }
}
