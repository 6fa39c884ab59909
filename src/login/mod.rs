//! The pages of the sign-in.

mod consent;
pub mod device;
pub mod front;
pub mod handlers;
pub mod pages;
pub mod words;
