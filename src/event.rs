//! The closed list of audit events.
