//! Signing in once more: the person is known, the password is asked for.
//!
//! The user name is sent along for password managers, out of sight; whose password it is, the session says.

use askama::Template;

use super::{Client, Form, Frame, SignInError, Who, filters};

/// "Sign in again".
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in_again.html")]
pub struct SignInAgain {
    /// The frame.
    pub frame: Frame,
    /// Posts `username` and `password`; or `login-cancel`; or `another-account`.
    pub form: Form,
    /// Who asks for it, if not this server.
    pub client: Option<Client>,
    /// Whose session it is.
    pub who: Who,
    /// Why the last attempt failed.
    pub error: Option<SignInError>,
}

impl SignInAgain {
    /// What the alert says.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let words = self.frame.words;
        self.error.map(|error| error.told(words, words.wrong_password))
    }

    /// Whether the field is marked.
    #[must_use]
    pub fn marked(&self) -> bool {
        self.error.is_some_and(SignInError::in_fields)
    }

    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let asked = Self {
            frame: frame.clone(),
            form: Form::sample("/login"),
            client: Some(Client::sample()),
            who: Who::sample(),
            error: None,
        };
        let failed = |error| Self { error: Some(error), ..asked.clone() };
        let plain = Self { client: None, ..asked.clone() };
        vec![
            ("wrong", failed(SignInError::Wrong)),
            ("throttled", failed(SignInError::Throttled { seconds: 300 })),
            ("closed", failed(SignInError::Closed)),
            ("busy", failed(SignInError::Busy)),
            ("asked", asked),
            ("plain", plain),
        ]
    }
}
