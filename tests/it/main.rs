//! The integration tests: one binary, whose files mirror the router.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "clippy's leave for tests covers test functions only; here the helpers beside them are tests too, and a scenario is one story"
)]

mod admin;
mod assertions;
mod attacks;
mod authorize;
#[path = "../browser/mod.rs"]
mod browser;
mod claims;
mod cli;
mod config;
mod cookie;
mod cors;
mod demo;
mod device;
mod events;
mod fetch;
mod flow;
mod generated;
mod hostile;
mod house;
mod introspection;
mod keyring;
mod kills;
mod kit;
mod lineage;
mod live;
mod logout;
mod manage;
mod operate;
mod outage;
mod pages;
mod parties;
mod pathed;
mod recipes;
mod registration;
mod secrets;
mod signin;
mod store;
mod storm;
