//! What runs beside the requests, and the server as a whole.

pub mod build;
mod door;
mod logouts;
mod notices;
pub mod serve;
pub mod upkeep;
