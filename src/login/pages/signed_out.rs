//! The end of a sign-out.

use askama::Template;

use super::{Frame, filters};

/// "Signed out".
#[derive(Clone, Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOut {
    /// The frame.
    pub frame: Frame,
    /// The application to go back to: its name, and an address that was checked to be its own.
    pub back: Option<(String, String)>,
}

impl SignedOut {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let plain = Self { frame: frame.clone(), back: None };
        let back = Some(("Harbour Dashboard".to_owned(), "https://dashboard.harbour.example/".to_owned()));
        vec![("back", Self { back, ..plain.clone() }), ("plain", plain)]
    }
}
