//! OAuth 2.0: the rules (no axum in them), and above them the endpoints.

pub mod answer;
pub mod authorize;
pub mod client;
pub mod client_auth;
pub mod code;
pub mod consent;
pub mod cors;
pub mod device;
pub mod device_code;
pub mod enrol;
pub mod error;
pub mod grants;
pub mod introspection;
pub mod manage;
pub mod metadata;
pub mod pkce;
pub mod profile;
pub mod prompt;
pub mod redirect;
pub mod registration;
pub mod registry;
pub mod reply;
pub mod resource;
pub mod revocation;
pub mod scope;
pub mod token;
