//! What the tests stand on: private databases, and waiting without guessing.

pub mod actors;
pub mod issuer;
pub mod operator;
pub mod postgres;
mod postgres_test;
pub mod raw;
pub mod scan;
pub mod server;

use std::time::Duration;

/// Waits until `check` holds, looking every 10 ms, and gives up loudly after `bound`. For code outside a runtime.
#[track_caller]
pub fn wait_until(what: &str, bound: Duration, mut check: impl FnMut() -> bool) {
    for _ in 0..=bound.as_millis() / 10 {
        if check() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {bound:?} in vain: {what}");
}
