//! The only room that asks for randomness: opaque credentials as types.
