//! Users and their proofs.

pub mod change;
pub mod device;
pub mod key;
pub mod password;
pub mod people;
pub mod prove;
