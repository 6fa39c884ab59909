//! The admin API (JSON, RFC 9457 problems): Chancery's own access tokens, the issuer as audience, one scope per noun and verb.

pub mod problem;
pub mod revocations;
