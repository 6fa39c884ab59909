//! What can go wrong at the database, in the few kinds a caller can act on.

/// A failed statement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is gone, full or refusing: nothing was written, and asking again later may succeed.
    #[error("the database can't be used now: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The connection went while committing: it may or may not have been written.
    #[error("the outcome of a write is unknown: {0}")]
    UnknownOutcome(#[source] sqlx::Error),
    /// A named uniqueness rule was broken.
    #[error("already taken: {0}")]
    Taken(&'static str),
    /// Anything else: a defect of ours or of the schema.
    #[error("a statement failed: {0}")]
    Failed(#[source] sqlx::Error),
    /// The rolls don't hold what they must.
    #[error("the database is not as it should be: {0}")]
    Unsound(String),
}

impl Error {
    pub(crate) fn unknown_outcome(error: sqlx::Error) -> Self {
        Self::UnknownOutcome(error)
    }

    /// Whether an embedded database's file is no database any more, or a broken one.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let (Self::Failed(sqlx::Error::Database(error)) | Self::Unavailable(sqlx::Error::Database(error))) = self
        else {
            return false;
        };
        // SQLite's primary codes for "corrupt" and "not a database"; PostgreSQL's codes are five characters.
        let code = error.code().filter(|code| code.len() < 5).and_then(|code| code.parse::<u32>().ok());
        code.is_some_and(|code| [11, 26].contains(&(code & 0xff)))
    }

    /// Whether nothing was ever made there: the statement's table is missing.
    #[must_use]
    pub fn is_missing_table(&self) -> bool {
        let Self::Failed(sqlx::Error::Database(error)) = self else { return false };
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    }

    /// Whether the caller should be told to come again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::UnknownOutcome(_))
    }
}

/// The uniqueness rules whose breach is an answer rather than a fault: constraint (PostgreSQL), columns (SQLite), word.
const TAKEN: &[(&str, &str, &str)] = &[
    ("users_username_key", "users.username_key", "username"),
    ("users_email_key", "users.email_key", "email"),
    ("resource_uri", "resource.uri", "uri"),
    ("signing_key_ordinal", "signing_key.alg, signing_key.ordinal", "ordinal"),
    ("grants_user_client", "grants.user_id, grants.client_id", "grant"),
    ("client_pk", "client.id", "client"),
    ("client_document", "client.document", "document"),
];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let passing = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => true,
            sqlx::Error::Database(database) => {
                let text = database.message();
                if let Some((_, _, word)) = TAKEN.iter().find(|(name, columns, _)| {
                    database.constraint() == Some(name)
                        || text.strip_prefix("UNIQUE constraint failed: ") == Some(columns)
                }) {
                    return Self::Taken(word);
                }
                database.code().is_some_and(|code| passes(&code))
            }
            _ => false,
        };
        if passing { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

/// SQLSTATEs of a server that is going, starting, full or turned read-only, of lost races, of a lock that didn't come in time,
/// and of a transaction that idled or lasted too long and was ended; SQLite's primary codes
/// for busy, locked, out of memory, read-only, I/O error, full and can't-open (extended codes carry them in the low byte).
fn passes(code: &str) -> bool {
    if code.len() == 5 {
        return ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
            || ["25006", "25P03", "25P04", "55P03"].contains(&code);
    }
    code.parse::<u32>().is_ok_and(|code| [5, 6, 7, 8, 10, 13, 14].contains(&(code & 0xff)))
}
