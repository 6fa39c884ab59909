//! What is minted, and the lineage it hangs on.

pub mod access;
pub mod entitlement;
pub mod family;
pub mod life;
pub mod lineage;
pub mod mint;
pub mod notice;
pub mod presented;
pub mod refresh;
