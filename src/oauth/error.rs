//! The error every protocol endpoint answers with: a registered code, a sentence for the developer, a detail for the log.
//!
//! The code fixes the status (RFC 6749, 5.2; RFC 6750, 3.1; RFC 8707, 2; RFC 8628, 3.5). The description keeps to the characters
//! RFC 6749 allows; the detail never leaves the house.

use std::borrow::Cow;
use std::fmt;

use crate::http::params::Malformed;
use crate::policy::Refusal;
use crate::store;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// A registered error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }
        impl Code {
            /// As sent.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Code::$name => $text,)* } }
            /// The HTTP status when it is answered directly.
            #[must_use]
            pub fn status(self) -> u16 { match self { $(Code::$name => $status,)* } }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request", 400;
    InvalidClient = "invalid_client", 401;
    InvalidGrant = "invalid_grant", 400;
    UnauthorizedClient = "unauthorized_client", 400;
    UnsupportedGrantType = "unsupported_grant_type", 400;
    UnsupportedResponseType = "unsupported_response_type", 400;
    InvalidScope = "invalid_scope", 400;
    InvalidTarget = "invalid_target", 400;
    AccessDenied = "access_denied", 400;
    /// What an administrator has forbidden, told to whoever proved whose it is (RFC 7592, 2.1).
    Forbidden = "access_denied", 403;
    LoginRequired = "login_required", 400;
    ConsentRequired = "consent_required", 400;
    /// An essential `acr` that can't be met (OpenID Connect Core Unmet Authentication Requirements 1.0).
    UnmetRequirements = "unmet_authentication_requirements", 400;
    RequestNotSupported = "request_not_supported", 400;
    RequestUriNotSupported = "request_uri_not_supported", 400;
    RegistrationNotSupported = "registration_not_supported", 400;
    InvalidRedirectUri = "invalid_redirect_uri", 400;
    InvalidClientMetadata = "invalid_client_metadata", 400;
    UnapprovedSoftwareStatement = "unapproved_software_statement", 400;
    InvalidToken = "invalid_token", 401;
    InsufficientScope = "insufficient_scope", 403;
    /// RFC 8628, 3.5.
    AuthorizationPending = "authorization_pending", 400;
    SlowDown = "slow_down", 400;
    ExpiredToken = "expired_token", 400;
    /// More than one client may have or send (RFC 6585, 4); no code is registered for it.
    TooMany = "temporarily_unavailable", 429;
    TemporarilyUnavailable = "temporarily_unavailable", 503;
    ServerError = "server_error", 500;
}

/// A refusal, or a failure.
#[derive(Debug, Clone)]
pub struct Error {
    pub code: Code,
    /// May be shown to anyone.
    pub description: Cow<'static, str>,
    /// For the log alone.
    pub detail: Option<String>,
    /// What was presented was never ours: a guess, which is counted.
    pub guessed: bool,
}

impl Error {
    #[must_use]
    pub fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), detail: None, guessed: false }
    }

    /// The same, of something that was never ours.
    #[must_use]
    pub fn guessed(mut self) -> Self {
        self.guessed = true;
        self
    }

    /// What the log should know besides.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    #[must_use]
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    #[must_use]
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidGrant, description)
    }

    /// The one answer to every failed client authentication.
    #[must_use]
    pub fn invalid_client() -> Self {
        Self::new(Code::InvalidClient, "client authentication failed").guessed()
    }

    /// Something passing: come again.
    #[must_use]
    pub fn unavailable(detail: impl fmt::Display) -> Self {
        Self::new(Code::TemporarilyUnavailable, "try again in a moment").because(detail)
    }

    /// A defect of ours.
    #[must_use]
    pub fn server(detail: impl fmt::Display) -> Self {
        Self::new(Code::ServerError, "something went wrong here; the request id tells an operator what").because(detail)
    }

    /// The description, in the characters RFC 6749 allows (%x20-21 / %x23-5B / %x5D-7E), 200 at most. A double quote becomes a
    /// single one.
    #[must_use]
    pub fn description(&self) -> String {
        let allowed = |c: char| matches!(c, ' '..='~') && c != '\\';
        let spelt = |c| match c {
            '"' => '\'',
            c if allowed(c) => c,
            _ => '?',
        };
        self.description.chars().map(spelt).take(200).collect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.description)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
    }
}

impl std::error::Error for Error {}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        if error.is_passing() { Self::unavailable(error) } else { Self::server(error) }
    }
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Self {
        Self::invalid_request(error.to_string().replace('`', "'"))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let error = match refusal {
            Refusal::ClientDisabled | Refusal::ClientDeleted => Self::invalid_client(),
            _ => Self::invalid_grant("the grant is over: sign in again"),
        };
        error.because(refusal)
    }
}
