//! The demo, and the pages of an authorization, gone through in a real Chromium as a person does.
//!
//! With `CHANCERY_SCREENSHOTS=DIR` every page on the way is saved by day and by night, 390 and 1280 pixels wide.

mod alone;
mod authorize;
mod device;
pub mod driver;
mod intruder;
mod journey;
mod neighbour;
mod scene;
