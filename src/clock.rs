//! The only room that asks for time.
