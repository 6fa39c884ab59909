//! Subject identifiers (OpenID Connect Core 8): public, one for all clients. A client acting for itself is its own subject,
//! in a form no user has: users are UUIDv4, clients UUIDv7 (RFC 9700, 4.15).

use std::future::{Ready, ready};

use uuid::Uuid;

use crate::oauth::client::Registration;
use crate::store::rolls::UserRoll;
use crate::store::{self, Store};

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

/// The `sub` by which a client knows a user, for whoever tells it of his end. None where it was told of none.
pub fn last_known_to(_: &Store, _: &Registration, user: &UserRoll) -> Ready<store::Result<Option<String>>> {
    ready(Ok(Some(of_user(user))))
}
