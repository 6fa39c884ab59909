//! The sign-in state machine.
