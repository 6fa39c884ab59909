//! The end of a sign-out. Where applications are told through the browser, the page holds a hidden frame of each (OpenID Connect
//! Front-Channel Logout 1.0, section 3), goes on by itself when all are there, and has a link for who runs no scripts.
//!
//! A frame may run its application's scripts and read its cookies. It may not lead the browser away, open a window or ask anything.

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
    /// Pages of applications to be loaded unseen, checked to be their own; with any, the page goes back by itself.
    pub tells: Vec<String>,
}

impl SignedOut {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let plain = Self { frame: frame.clone(), back: None, tells: Vec::new() };
        let back = Some(("Harbour Dashboard".to_owned(), "https://dashboard.harbour.example/".to_owned()));
        let tells = vec!["https://dashboard.harbour.example/signed-out?iss=https%3A%2F%2Fid.example&sid=1".to_owned()];
        vec![
            ("back", Self { back: back.clone(), ..plain.clone() }),
            ("telling", Self { back, tells, ..plain.clone() }),
            ("plain", plain),
        ]
    }
}
