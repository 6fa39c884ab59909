//! The sign-in state machine.

pub mod request;
