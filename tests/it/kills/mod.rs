//! Everything that ends access: what it reaches, how soon, who may begin again, and what happens to whoever is late.

mod barrier;
mod browsing;
mod causes;
mod matrix;
mod probes;
mod races;
mod world;
