//! Users and their proofs.
