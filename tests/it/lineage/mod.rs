//! Lineage: codes become families, families rotate, honest retries are answered alike, thieves are caught.

mod desk;
mod honest;
mod parallel;
