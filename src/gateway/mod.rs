//! What gateways read.
