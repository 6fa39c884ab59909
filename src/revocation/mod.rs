//! The one kill path.
