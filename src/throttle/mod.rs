//! Budgets: what is charged before a check is made, and how much of something costly runs at once.
//!
//! Refuses rather than waits: a queue is bounded, and past it the answer is "come again".

pub mod account;
mod flow;
mod permits;
mod quiet;

pub use account::Charged;
pub use flow::Flow;
pub use permits::{Busy, Permit, Permits};
pub use quiet::Quiet;
