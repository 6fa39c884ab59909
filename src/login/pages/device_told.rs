//! The end at the browser: the device was let in, or was not (RFC 8628, 3.3).

use askama::Template;

use super::{Frame, filters};

/// "Signed in", or "Denied".
#[derive(Clone, Debug, Template)]
#[template(path = "device_told.html")]
pub struct DeviceTold {
    /// The frame.
    pub frame: Frame,
    /// Whether it was let in.
    pub allowed: bool,
    /// The application.
    pub client: String,
}

impl DeviceTold {
    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let allowed = Self { frame: frame.clone(), allowed: true, client: "Harbour TV".into() };
        vec![("denied", Self { allowed: false, ..allowed.clone() }), ("allowed", allowed)]
    }
}
