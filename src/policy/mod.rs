//! Who may hold tokens.

pub mod standing;

pub use standing::{Question, Refusal, Standing, judge};
