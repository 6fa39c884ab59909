//! The pages of the sign-in.

pub mod pages;
pub mod words;
