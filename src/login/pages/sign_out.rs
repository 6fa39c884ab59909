//! Signing out, asked before it is done (OpenID Connect RP-Initiated Logout 1.0, section 2): a link alone signs
//! nobody out.

use askama::Template;

use super::{Form, Frame, Who, filters};

/// "Sign out of …?"
#[derive(Clone, Debug, Template)]
#[template(path = "sign_out.html")]
pub struct SignOut {
    /// The frame.
    pub frame: Frame,
    /// Posts `logout-confirm`.
    pub form: Form,
    /// Whose session ends.
    pub who: Who,
    /// The name of the application that asks for it.
    pub client: Option<String>,
}

impl SignOut {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let asked = Self {
            frame: frame.clone(),
            form: Form { interaction: String::new(), ..Form::sample("/oauth2/logout") },
            who: Who::sample(),
            client: Some("Harbour Dashboard".into()),
        };
        let plain = Self { client: None, ..asked.clone() };
        vec![("asked", asked), ("plain", plain)]
    }
}
