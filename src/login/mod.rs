//! The pages of the sign-in.

pub mod front;
pub mod pages;
pub mod words;
