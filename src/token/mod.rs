//! What is minted, and the lineage it hangs on.
