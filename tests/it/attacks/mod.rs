//! What an attacker would do who has read the code: each file one kind of mischief, tried over HTTP.

mod crates;
mod flood;
mod frames;
mod random;
mod siblings;
