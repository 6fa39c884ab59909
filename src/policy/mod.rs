//! Who may hold tokens.
