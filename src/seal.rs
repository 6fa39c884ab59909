//! Seal, open and derive.
