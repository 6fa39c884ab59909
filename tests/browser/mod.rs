//! The demo, gone through in a real Chromium as a person does.
//!
//! With `CHANCERY_SCREENSHOTS=DIR` every page on the way is saved by day and by night, 390 and 1280 pixels wide.

mod device;
mod driver;
mod journey;
mod scene;
