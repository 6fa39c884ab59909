//! Subject identifiers (OpenID Connect Core 8): public, one for all clients. A client acting for itself is its own subject,
//! in a form no user has: users are UUIDv4, clients UUIDv7 (RFC 9700, 4.15).

use uuid::Uuid;

use crate::store::rolls::UserRoll;

/// The `sub` of a user.
#[must_use]
pub fn of_user(user: &UserRoll) -> String {
    user.sub.to_string()
}

/// The `sub` of a client that acts for itself.
#[must_use]
pub fn of_client(client_id: Uuid) -> String {
    client_id.to_string()
}
