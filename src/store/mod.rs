//! Records together with their SQL.
