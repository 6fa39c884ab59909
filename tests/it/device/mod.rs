//! The device grant (RFC 8628): a device asks, a person answers in a browser, the device learns of it by asking again.

pub mod desk;
mod flow;
mod kills;
mod limits;
mod model;
mod pages;
mod polling;
mod replay;
mod strangers;
