//! OAuth 2.0: the rules (no axum in them), and above them the endpoints.

pub mod client;
pub mod error;
pub mod pkce;
pub mod redirect;
pub mod scope;
