//! Why the view can't be read on, and why this node may not issue.

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::store;

/// Why a poll, or opening the view, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the database did not answer within {0:?}")]
    Slow(Duration),
    #[error("this node's place in the revocation log is void: {0}")]
    Void(#[from] Misfit),
    #[error("the database holds no issuer yet")]
    Unfounded,
    #[error(
        "{path} is of database {kept}, and this is database {found}; if that is meant, run `chancery restore` (it sets the log above both), \
         else mend `database.url` or `keys.directory`"
    )]
    OtherDatabase { path: PathBuf, kept: Uuid, found: Uuid },
    #[error(
        "the database's revocation log stands at {found}, and this node has seen {kept} ({path}): revocations are missing; \
         run `chancery restore`, which begins above both, so that nothing revoked comes back"
    )]
    Below { path: PathBuf, kept: i64, found: i64 },
    #[error(
        "entry {seq} of the database's revocation log is not the one this node has seen ({path}): revocations were lost, and the log \
         went on without them; run `chancery restore`, which begins above both, so that nothing revoked comes back"
    )]
    OtherEntry { path: PathBuf, seq: i64 },
    #[error("{path} can't be read: {why}")]
    Highwater { path: PathBuf, why: String },
}

/// How a place fails to fit the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("it stands at {seq}, and the log ends at {counter}")]
    Beyond { seq: i64, counter: i64 },
    #[error("entry {seq} is another one than was read")]
    OtherEntry { seq: i64 },
    #[error("it is of epoch {seen}, and the log is back in epoch {found}")]
    FormerEpoch { seen: i64, found: i64 },
    #[error("it is of database {seen}, and this is database {found}")]
    OtherDatabase { seen: Uuid, found: Uuid },
}

/// Why this node issues nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    #[error("the revocation log has not been read yet")]
    NeverRead,
    #[error("the revocation log could not be read for too long")]
    Stale,
    #[error("this node's clock is {0} s off the database's")]
    ClockOff(i64),
    #[error("this node's place in the revocation log is void: `chancery restore` has to run")]
    Void,
}
