//! The binary `chancery`: everything it does is in the library.

fn main() {}
