//! The first page: user name and password together, and the way back.
//!
//! Says the same of an unknown name and of a wrong password.

use askama::Template;

use super::{Client, Form, Frame, filters};
use crate::login::words::Words;

/// "Sign in".
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// The frame.
    pub frame: Frame,
    /// Posts `username` and `password`; cancelling posts `login-cancel` instead.
    pub form: Form,
    /// Who the person comes from, if from anyone.
    pub client: Option<Client>,
    /// The user name as typed before or hinted at.
    pub username: String,
    /// Why the last attempt failed.
    pub error: Option<SignInError>,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// User name and password don't belong together.
    Wrong,
    /// Too many attempts; the next one counts after so many seconds.
    Throttled {
        /// The wait.
        seconds: u64,
    },
    /// Far too many attempts: nothing but a new password helps.
    Closed,
    /// No room to check a password; nothing was checked.
    Busy,
}

impl SignInError {
    /// Whether the fields are to be corrected.
    #[must_use]
    pub fn in_fields(self) -> bool {
        self == Self::Wrong
    }

    /// What the alert says; `wrong` is for [`SignInError::Wrong`].
    #[must_use]
    pub fn told(self, words: &Words, wrong: &str) -> String {
        match self {
            Self::Wrong => wrong.to_owned(),
            Self::Throttled { seconds } => words.throttled.with(&words.span(seconds)),
            Self::Closed => words.closed.to_owned(),
            Self::Busy => words.busy.to_owned(),
        }
    }
}

impl SignIn {
    /// What the alert says.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let words = self.frame.words;
        self.error.map(|error| error.told(words, words.wrong_pair))
    }

    /// Whether the fields are marked.
    #[must_use]
    pub fn marked(&self) -> bool {
        self.error.is_some_and(SignInError::in_fields)
    }

    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let first = Self {
            frame: frame.clone(),
            form: Form::sample("/login"),
            client: Some(Client::sample()),
            username: String::new(),
            error: None,
        };
        let alice = Self { username: "alice".into(), ..first.clone() };
        let plain = Self { client: None, ..first.clone() };
        let failed = |error| Self { error: Some(error), ..alice.clone() };
        vec![
            ("wrong", failed(SignInError::Wrong)),
            ("throttled", failed(SignInError::Throttled { seconds: 12 })),
            ("closed", failed(SignInError::Closed)),
            ("busy", failed(SignInError::Busy)),
            ("first", first),
            ("hinted", alice),
            ("plain", plain),
        ]
    }
}
