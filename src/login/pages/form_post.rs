//! The way back to the application in a form (OAuth 2.0 Form Post Response Mode 1.0, 2): it sends itself by our script, and by its
//! button where no script runs.
//!
//! Refuses nothing by itself: that the form goes where it may is the caller's evidence, and the page's policy names that place
//! alone.

use askama::Template;

use super::{Frame, filters};

/// "Back to …"
#[derive(Clone, Template)]
#[template(path = "form_post.html")]
pub struct FormPost {
    /// The frame.
    pub frame: Frame,
    /// The application's name.
    pub client: String,
    /// Its redirect URI.
    pub action: String,
    /// What it is told.
    pub fields: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for FormPost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormPost(redacted)")
    }
}

impl FormPost {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let told = |fields: &[(&'static str, &str)]| Self {
            frame: frame.clone(),
            client: "Harbour Dashboard".into(),
            action: "https://dashboard.harbour.example/cb".into(),
            fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        };
        let code = told(&[("code", "sample-code"), ("state", "af0ifjsldkj"), ("iss", "https://login.harbour.example")]);
        let error = told(&[("error", "access_denied"), ("iss", "https://login.harbour.example")]);
        vec![("code", code), ("error", error)]
    }
}
