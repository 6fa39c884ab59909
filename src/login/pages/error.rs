//! What a person sees when a request can't be answered: what happened in plain words, what to do, and below it what
//! the application's people need (RFC 6749, 4.1.2.1: an error that must not be redirected is shown).
//!
//! Nothing internal: a cause is found by the request id.

use askama::Template;
use axum::http::StatusCode;

use super::{Frame, filters};
use crate::login::words::Told;

/// An error.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame; its request id is shown.
    pub frame: Frame,
    /// What went wrong.
    pub problem: Problem,
    /// The protocol's code, like `invalid_request`.
    pub code: Option<String>,
    /// The parameter at fault.
    pub parameter: Option<String>,
    /// A line for the application's people.
    pub detail: Option<String>,
    /// The application, where it has no address to go back to: its name.
    pub client: Option<String>,
    /// A checked address on which to begin again.
    pub again: Option<String>,
    /// The application to go back to: its name, and an address that was checked to be its own.
    pub back: Option<(String, String)>,
}

/// What went wrong, as far as a person need know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The request has a mistake that can't be sent back.
    BadRequest,
    /// No such client, or no longer.
    UnknownClient,
    /// A redirect URI that isn't the client's.
    BadRedirect,
    /// The interaction or the form is too old.
    Expired,
    /// The interaction was begun in another browser, or the cookie is missing.
    OtherBrowser,
    /// No form token of this browser, or another origin.
    NotFromHere,
    /// The interaction has been answered already.
    Finished,
    /// Throttled.
    TooMany,
    /// Shed.
    Overloaded,
    /// No such address.
    NotFound,
    /// Our own fault.
    Broken,
    /// The code of a device is over, or was answered elsewhere.
    DeviceOver,
}

impl Problem {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::BadRequest,
        Self::UnknownClient,
        Self::BadRedirect,
        Self::Expired,
        Self::OtherBrowser,
        Self::NotFromHere,
        Self::Finished,
        Self::TooMany,
        Self::Overloaded,
        Self::NotFound,
        Self::Broken,
        Self::DeviceOver,
    ];

    /// The answer's status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest
            | Self::UnknownClient
            | Self::BadRedirect
            | Self::Expired
            | Self::OtherBrowser
            | Self::DeviceOver => StatusCode::BAD_REQUEST,
            Self::NotFromHere => StatusCode::FORBIDDEN,
            Self::Finished => StatusCode::CONFLICT,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ErrorPage {
    /// A page that names only the problem.
    #[must_use]
    pub fn of(frame: Frame, problem: Problem) -> Self {
        Self { frame, problem, code: None, parameter: None, detail: None, client: None, again: None, back: None }
    }

    /// What is said of it.
    #[must_use]
    pub fn told(&self) -> Told {
        let words = self.frame.words;
        match self.problem {
            Problem::BadRequest => words.bad_request,
            Problem::UnknownClient => words.unknown_client,
            Problem::BadRedirect => words.bad_redirect,
            Problem::Expired => words.expired,
            Problem::OtherBrowser => words.other_browser,
            Problem::NotFromHere => words.not_from_here,
            Problem::Finished => words.finished,
            Problem::TooMany => words.too_many,
            Problem::Overloaded => words.overloaded,
            Problem::NotFound => words.not_found,
            Problem::Broken => words.broken,
            Problem::DeviceOver => words.device_over,
        }
    }

    /// Whether there is anything for the application's people.
    #[must_use]
    pub fn technical(&self) -> bool {
        self.code.is_some() || self.parameter.is_some() || self.detail.is_some()
    }

    /// Whether to go back is the better way: a sign-in that is finished need not be begun again.
    #[must_use]
    pub fn back_first(&self) -> bool {
        self.problem == Problem::Finished && self.back.is_some()
    }

    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let named = Self {
            code: Some("invalid_request".into()),
            parameter: Some("redirect_uri".into()),
            detail: Some("`https://rp.example/cb/` is not one of the addresses registered for this client".into()),
            ..Self::of(frame.clone(), Problem::BadRedirect)
        };
        let back = Some(("Harbour Dashboard".to_owned(), "https://dashboard.harbour.example/".to_owned()));
        let again = Self { again: Some("/".into()), back, ..Self::of(frame.clone(), Problem::Expired) };
        let finished = Self { problem: Problem::Finished, ..again.clone() };
        let app = Self { client: Some("Harbour Pilot".into()), back: None, ..again.clone() };
        let plain = Problem::ALL.map(|problem| ("plain", Self::of(frame.clone(), problem)));
        [("named", named), ("again", again), ("back", finished), ("app", app)].into_iter().chain(plain).collect()
    }
}
