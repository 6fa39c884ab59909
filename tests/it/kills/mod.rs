//! Everything that ends access: what it reaches, how soon, who may begin again, and what becomes of whoever is late.

pub mod barrier;
pub mod browsing;
pub mod causes;
mod clocks;
mod faults;
mod matrix;
mod nodes;
pub mod probes;
mod queue;
mod races;
mod restore;
mod waits;
pub mod world;
