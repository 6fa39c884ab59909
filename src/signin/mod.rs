//! The sign-in state machine, without HTTP: `password` (or `choose`, where someone is signed in) → `consent` → `done`; for a device
//! the same, with another question at its end.
//!
//! It is held in the database and bound to the browser that began it; any order of requests that is not a path of the machine
//! is refused. What comes next is computed from what was proved ([`decide`]), never from the path taken.

pub mod browser;
pub mod decide;
pub mod device;
pub mod judged;
pub mod machine;
pub mod open;
pub mod request;
pub mod step;
