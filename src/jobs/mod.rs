//! What runs beside the requests, and the server as a whole.

pub mod build;
pub mod serve;
pub mod upkeep;
