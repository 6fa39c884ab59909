//! From the words of an admin or operator (`kind`, `value`) to what is ended. What the rolls don't know is no target.

use uuid::Uuid;

use super::Target;
use crate::store::{self, Store, clients, families, grants, resources, sessions, signing_keys, users};

/// A target that owns its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Jti(Uuid),
    Family(Uuid),
    Session(Uuid),
    User { id: Uuid, sub: Uuid },
    Grant { id: Uuid, sub: Uuid, client_id: Uuid },
    Client(Uuid),
    Resource { id: Uuid, uri: String },
    Key(String),
    All,
}

impl Found {
    /// As [`super::kill`] takes it.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        match self {
            Self::Jti(id) => Target::Jti(*id),
            Self::Family(id) => Target::Family(*id),
            Self::Session(id) => Target::Session(*id),
            Self::User { id, sub } => Target::User { id: *id, sub: *sub },
            Self::Grant { id, sub, client_id } => Target::Grant { id: *id, sub: *sub, client_id: *client_id },
            Self::Client(id) => Target::Client(*id),
            Self::Resource { id, uri } => Target::Resource { id: *id, uri },
            Self::Key(kid) => Target::Key(kid),
            Self::All => Target::All,
        }
    }
}

/// Why there is nothing to end.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    #[error("kind must be one of token, jti, family, session, grant, user, client, resource, key, all")]
    Kind,
    #[error("value is not of the form this kind takes: {0}")]
    Form(&'static str),
    #[error("there is no such {0}")]
    Unknown(&'static str),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Finds what `kind` and `value` name; users by `sub` or id, grants as `USER CLIENT`. A `token` is found by `token/presented`.
pub async fn find(store: &Store, kind: &str, value: &str) -> Result<Found, NotFound> {
    match kind {
        // A client's own tokens are in no lineage, so that any id may be ended.
        "jti" => Ok(Found::Jti(uuid(value)?)),
        "family" => {
            let id = uuid(value)?;
            families::owners(store, id).await?.map(|_| Found::Family(id)).ok_or(NotFound::Unknown("family"))
        }
        "session" => {
            let id = uuid(value)?;
            sessions::get(store, id).await?.map(|_| Found::Session(id)).ok_or(NotFound::Unknown("session"))
        }
        "user" => user(store, value).await.map(|user| Found::User { id: user.id, sub: user.sub }),
        "grant" => {
            let (who, client) = value.split_once([' ', '/']).ok_or(NotFound::Form("USER CLIENT, both ids"))?;
            let (user, client_id) = (user(store, who).await?, client_id(client)?);
            let grant = grants::find(store, user.id, client_id).await?.ok_or(NotFound::Unknown("grant"))?;
            Ok(Found::Grant { id: grant.id, sub: user.sub, client_id })
        }
        "client" => {
            let id = client_id(value)?;
            clients::get(store, id).await?.map(|_| Found::Client(id)).ok_or(NotFound::Unknown("client"))
        }
        "resource" => {
            let found = resources::by_uri(store, value).await?.ok_or(NotFound::Unknown("resource"))?;
            Ok(Found::Resource { id: found.id, uri: found.uri })
        }
        "key" => {
            let known = signing_keys::list(store).await?.into_iter().any(|key| key.kid == value);
            if known { Ok(Found::Key(value.to_owned())) } else { Err(NotFound::Unknown("key")) }
        }
        "all" if value.is_empty() => Ok(Found::All),
        "all" => Err(NotFound::Form("nothing: it ends everything")),
        _ => Err(NotFound::Kind),
    }
}

async fn user(store: &Store, value: &str) -> Result<users::User, NotFound> {
    let id = uuid(value)?;
    let found = match users::by_sub(store, id).await? {
        Some(user) => Some(user),
        None => users::get(store, id).await?,
    };
    found.ok_or(NotFound::Unknown("user"))
}

/// A client's id, or the URL of the document it is.
fn client_id(value: &str) -> Result<Uuid, NotFound> {
    clients::id_of(value).map_or_else(|| uuid(value), Ok)
}

fn uuid(value: &str) -> Result<Uuid, NotFound> {
    Uuid::try_parse(value).map_err(|_| NotFound::Form("an id"))
}
