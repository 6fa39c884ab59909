//! Device authorization (RFC 8628): what a device asks for, under a code that a person types, and the person's answer. The grant
//! that turns the answer into tokens is `oauth/grants/device_code`.

pub mod answer;
pub mod ask;
pub mod user_code;
