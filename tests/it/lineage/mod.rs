//! Lineage: codes become families, families rotate, honest retries are answered alike, thieves are caught.

mod bench;
mod codes;
pub mod desk;
mod honest;
mod limits;
mod model;
mod opaque;
mod parallel;
mod window;
