//! The command line: the real binary, beside a running issuer and alone, on both databases.

mod ends;
mod forms;
mod lineage;
mod restore;
mod told;
mod watch;
