//! What can be ended, and how the log names it: by what tokens carry.

use uuid::Uuid;

use crate::store::locks::Owner;
use crate::store::revocations::Mark;

/// How far a kill reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything born below it: sessions, codes, families, access tokens.
    Lineage,
    /// Access tokens only; the next refresh answers with what is allowed now.
    Access,
}

impl Reach {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lineage => "lineage",
            Self::Access => "access",
        }
    }
}

/// What is ended.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// One access token.
    Jti(Uuid),
    Family(Uuid),
    Session(Uuid),
    User {
        id: Uuid,
        sub: Uuid,
    },
    /// What one user allowed one client.
    Grant {
        id: Uuid,
        sub: Uuid,
        client_id: Uuid,
    },
    Client(Uuid),
    /// A resource, by URI.
    Resource {
        id: Uuid,
        uri: &'a str,
    },
    /// A signing key, by `kid`.
    Key(&'a str),
    All,
}

impl Target<'_> {
    /// The entry's `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Jti(_) => "jti",
            Self::Family(_) => "family",
            Self::Session(_) => "session",
            Self::User { .. } => "user",
            Self::Grant { .. } => "grant",
            Self::Client(_) => "client",
            Self::Resource { .. } => "resource",
            Self::Key(_) => "key",
            Self::All => "all",
        }
    }

    /// The entry's `value`: what tokens carry.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Jti(id) | Self::Family(id) | Self::Session(id) | Self::Client(id) => id.to_string(),
            Self::User { sub, .. } => sub.to_string(),
            Self::Grant { sub, client_id, .. } => format!("{sub} {client_id}"),
            Self::Resource { uri, .. } => (*uri).to_owned(),
            Self::Key(kid) => (*kid).to_owned(),
            Self::All => String::new(),
        }
    }

    /// How far a kill of this kind reaches unless said otherwise.
    #[must_use]
    pub fn usual_reach(&self) -> Reach {
        match self {
            Self::Jti(_) | Self::Resource { .. } | Self::Key(_) => Reach::Access,
            _ => Reach::Lineage,
        }
    }

    /// The row whose mark rises.
    #[must_use]
    pub fn mark(&self, reach: Reach) -> Mark {
        if reach == Reach::Access {
            return Mark::None;
        }
        match self {
            Self::Family(id) => Mark::Family(*id),
            Self::Session(id) => Mark::Session(*id),
            Self::User { id, .. } => Mark::User(*id),
            Self::Grant { id, .. } => Mark::Grant(*id),
            Self::Client(id) => Mark::Client(*id),
            Self::All => Mark::Issuer,
            Self::Jti(_) | Self::Resource { .. } | Self::Key(_) => Mark::None,
        }
    }

    /// The row that is locked first.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        Some(match self {
            Self::Family(id) => Owner::Family(*id),
            Self::Session(id) => Owner::Session(*id),
            Self::User { id, .. } => Owner::User(*id),
            Self::Grant { id, .. } => Owner::Grant(*id),
            Self::Client(id) => Owner::Client(*id),
            Self::Resource { id, .. } => Owner::Resource(*id),
            // A token is killed under the issuer's lock, so that two kills of one token write one entry.
            Self::Jti(_) | Self::All => Owner::Issuer,
            Self::Key(_) => return None,
        })
    }

    /// For the audit row's columns.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        if let Self::User { id, .. } = self { Some(*id) } else { None }
    }

    #[must_use]
    pub fn client_id(&self) -> Option<Uuid> {
        match self {
            Self::Client(id) | Self::Grant { client_id: id, .. } => Some(*id),
            _ => None,
        }
    }

    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        if let Self::Session(id) = self { Some(*id) } else { None }
    }

    #[must_use]
    pub fn family_id(&self) -> Option<Uuid> {
        if let Self::Family(id) = self { Some(*id) } else { None }
    }
}
