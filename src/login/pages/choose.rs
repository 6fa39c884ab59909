//! The account chooser (OpenID Connect Core 3.1.2.1, `prompt=select_account`): whoever is signed in in this browser, or someone
//! else.
//!
//! Refuses to choose by itself: without an answer nothing goes on.

use askama::Template;

use super::{Client, Form, Frame, Who, filters};

/// "Choose an account"
#[derive(Clone, Debug, Template)]
#[template(path = "choose.html")]
pub struct Choose {
    /// The frame.
    pub frame: Frame,
    /// Posts `account-continue`, `another-account` or `login-cancel`.
    pub form: Form,
    /// Who asks.
    pub client: Client,
    /// Who is signed in here.
    pub who: Who,
}

impl Choose {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let one =
            Self { frame: frame.clone(), form: Form::sample("/login"), client: Client::sample(), who: Who::sample() };
        let bare = Self {
            client: Client { logo: None, site: None, policy: None, terms: None, ..Client::sample() },
            who: Who { name: String::new(), email: None, ..Who::sample() },
            ..one.clone()
        };
        vec![("one", one), ("bare", bare)]
    }
}
