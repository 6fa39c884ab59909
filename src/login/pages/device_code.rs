//! Where a person enters the code that a device shows (RFC 8628, 3.3).
//!
//! A code that came with the address is only filled in: to send it is the person's.

use askama::Template;

use super::{Form, Frame, filters};

/// "Connect a device".
#[derive(Clone, Debug, Template)]
#[template(path = "device_code.html")]
pub struct DeviceCode {
    /// The frame.
    pub frame: Frame,
    /// Posts `code`.
    pub form: Form,
    /// The code as it came with the address, or as it was typed.
    pub code: String,
    /// Why the last one led nowhere.
    pub error: Option<DeviceCodeError>,
}

/// Why a code led nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceCodeError {
    /// None, over, or answered.
    Unknown,
    /// Another browser has entered it.
    Elsewhere,
    /// Too many wrong ones; the next one counts after so many seconds.
    Throttled {
        /// The wait.
        seconds: u64,
    },
}

impl DeviceCode {
    /// What the alert says.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let words = self.frame.words;
        self.error.map(|error| match error {
            DeviceCodeError::Unknown => words.device_wrong.to_owned(),
            DeviceCodeError::Elsewhere => words.device_elsewhere.to_owned(),
            DeviceCodeError::Throttled { seconds } => words.throttled.with(&words.span(seconds)),
        })
    }

    /// Whether the field is marked.
    #[must_use]
    pub fn marked(&self) -> bool {
        self.error == Some(DeviceCodeError::Unknown)
    }

    /// Whether it came with the address.
    #[must_use]
    pub fn given(&self) -> bool {
        self.error.is_none() && !self.code.is_empty()
    }

    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let form = Form { interaction: String::new(), ..Form::sample("/device") };
        let first = Self { frame: frame.clone(), form, code: String::new(), error: None };
        let given = Self { code: "WDJB-MJHT".into(), ..first.clone() };
        let failed = |error| Self { error: Some(error), ..given.clone() };
        vec![
            ("unknown", failed(DeviceCodeError::Unknown)),
            ("elsewhere", failed(DeviceCodeError::Elsewhere)),
            ("throttled", failed(DeviceCodeError::Throttled { seconds: 480 })),
            ("first", first),
            ("given", given),
        ]
    }
}
