//! What the tests stand on: private databases, waiting without guessing, and figures told at the end.

pub mod actors;
pub mod browser;
pub mod issuer;
pub mod operator;
pub mod postgres;
mod postgres_test;
pub mod raw;
pub mod scan;
pub mod server;
pub mod signer;

use std::io::Write as _;
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

/// A figure worth reading after the run: printed, and added to the file that `CHANCERY_TEST_FIGURES` names (`make test` does).
pub fn figure(line: &str) {
    println!("{line}");
    let Some(path) = std::env::var_os("CHANCERY_TEST_FIGURES") else { return };
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    // One write a line: others append at the same time.
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}
