//! What an entry can name, and what a token bears that an entry may name.
//!
//! An entry covers a token whose `jti` or `kid` it names, whatever the order; or whose family, session, grant, user,
//! client or one `aud` it names, or all, when the token was born under a lower number. Both reaches cover access tokens.
//! A kind of a newer version's making is taken for `all`: that costs refreshes, not safety.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One access token, by `jti`.
    Jti,
    /// One signing key, by `kid`.
    Key,
    /// One authorization and all that came of it, by `family_id`.
    Family,
    /// One browser session, by `sid`.
    Session,
    /// What one user allowed one client: `sub`, a space, `client_id`.
    Grant,
    /// One user, by `sub`.
    User,
    /// One client, by `client_id`.
    Client,
    /// One resource, by URI: any `aud`.
    Resource,
    /// Every token.
    All,
    /// A kind this version doesn't know.
    Unknown,
}

impl Kind {
    /// The names of the known kinds, as stored.
    pub const NAMES: &'static [&'static str] =
        &["jti", "key", "family", "session", "grant", "user", "client", "resource", "all"];

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "jti" => Self::Jti,
            "key" => Self::Key,
            "family" => Self::Family,
            "session" => Self::Session,
            "grant" => Self::Grant,
            "user" => Self::User,
            "client" => Self::Client,
            "resource" => Self::Resource,
            "all" => Self::All,
            _ => Self::Unknown,
        }
    }

    /// Its name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jti => "jti",
            Self::Key => "key",
            Self::Family => "family",
            Self::Session => "session",
            Self::Grant => "grant",
            Self::User => "user",
            Self::Client => "client",
            Self::Resource => "resource",
            Self::All => "all",
            Self::Unknown => "unknown",
        }
    }

    /// Whether an entry of this kind with number `seq`, which names a token, covers it.
    #[must_use]
    pub fn covers(self, seq: i64, rev_seq: i64) -> bool {
        matches!(self, Self::Jti | Self::Key) || rev_seq < seq
    }
}

/// What a presented access token bears.
#[derive(Debug, Clone, Copy)]
pub struct Bearing<'a> {
    pub jti: Uuid,
    pub family_id: Option<Uuid>,
    pub sid: Option<Uuid>,
    pub sub: Option<&'a str>,
    pub client_id: &'a str,
    pub aud: &'a [String],
    /// The key that signed it.
    pub kid: &'a str,
    /// The number under which it was judged fit to be issued.
    pub rev_seq: i64,
}

impl Bearing<'_> {
    /// Shows `look` every name under which an entry may reach this token, until it answers something.
    pub fn find<T>(&self, mut look: impl FnMut(Kind, &str) -> Option<T>) -> Option<T> {
        let mut text = [0; Hyphenated::LENGTH];
        let mut id = |kind, id: Uuid, look: &mut dyn FnMut(Kind, &str) -> Option<T>| {
            look(kind, id.hyphenated().encode_lower(&mut text))
        };
        let ids = [(Kind::Jti, Some(self.jti)), (Kind::Family, self.family_id), (Kind::Session, self.sid)];
        let mut found = ids.into_iter().find_map(|(kind, value)| id(kind, value?, &mut look));
        found = found.or_else(|| look(Kind::Client, self.client_id));
        found = found.or_else(|| look(Kind::Key, self.kid)).or_else(|| look(Kind::All, ""));
        if let Some(sub) = self.sub {
            found = found.or_else(|| look(Kind::User, sub));
            found = found.or_else(|| look(Kind::Grant, &format!("{sub} {}", self.client_id)));
        }
        found.or_else(|| self.aud.iter().find_map(|uri| look(Kind::Resource, uri)))
    }

    /// The same names, for asking the database.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, String)> {
        let mut names = Vec::new();
        self.find(|kind, value| {
            names.push((kind.name(), value.to_owned()));
            None::<()>
        });
        names
    }
}
