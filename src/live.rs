//! The live view: this node's copy of the revocation log.
