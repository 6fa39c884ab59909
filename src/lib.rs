//! Chancery: a standalone OAuth 2.0 / OpenID Connect authorization server.
//!
//! The rooms stand in floors; a room uses rooms on lower floors and, on its own, only those before it
//! (`docs/ARCHITECTURE.md`; `tests/it/house.rs` holds the list and fails otherwise).

// floor 0
pub mod clock;
pub mod secret;
// floor 1
pub mod config;
pub mod event;
pub mod seal;
// floor 2
pub mod fetch;
pub mod http;
pub mod keyring;
pub mod live;
pub mod outbox;
pub mod store;
pub mod throttle;
// floor 3
pub mod app;
// floors 4 and 5
pub mod admin;
pub mod change;
pub mod gateway;
pub mod identity;
pub mod login;
pub mod oauth;
pub mod oidc;
pub mod policy;
pub mod revocation;
pub mod session;
pub mod signin;
pub mod token;
// floor 6
pub mod cli;
pub mod demo;
pub mod jobs;
pub mod openapi;
pub mod router;
