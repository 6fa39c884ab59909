//! Budgets: what is charged before a check is made, and how much of something costly runs at once.
//!
//! Refuses rather than waits: a queue is bounded, and past it the answer is "come again".

pub mod account;
mod beginnings;
mod bucket;
mod device_requests;
mod failures;
mod permits;
mod refusals;
mod registrations;
mod revocations;
pub mod user_codes;

pub use account::Charged;
pub use beginnings::Beginnings;
pub use device_requests::DeviceRequests;
pub use failures::Failures;
pub use permits::{Busy, Permit, Permits, Turn};
pub use refusals::AuditRate;
pub use registrations::Registrations;
pub use revocations::RevocationRate;
