//! What a hostile or broken peer sends: refused in clear words, and nothing is lost or changed by it.
