//! Signing keys, JWKS.
