//! What a family's row says of it: whether it is over, whose token fits it, what it hangs on. Whoever meets a family asks here,
//! endpoints and command line alike, so that they can't come to differ.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::refresh::Authentic;
use crate::oauth::client::Registration;
use crate::oauth::scope::Scopes;
use crate::policy::{self, Question, Refusal, Standing};
use crate::secret::Digest;
use crate::store::families::Family;
use crate::store::rolls::Snapshot;

/// How a family is over by itself, whatever it hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A kill has ended it.
    Ended,
    /// Its absolute end has come.
    Expired,
    /// Nobody has refreshed it for too long.
    Idle,
}

impl Over {
    /// In words, for logs.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Ended => "the family has ended",
            Self::Expired => "the family has expired",
            Self::Idle => "the family has idled out",
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

/// Whether a family is over by itself; `idle` is how long it may go without a refresh.
#[must_use]
pub fn over(family: &Family, now: DateTime<Utc>, idle: Duration) -> Option<Over> {
    if family.ended_at.is_some() || family.revoked_seq > 0 {
        Some(Over::Ended)
    } else if family.expires_at <= now {
        Some(Over::Expired)
    } else if family.last_used_at + idle <= now {
        Some(Over::Idle)
    } else {
        None
    }
}

/// Whether an authentic token is of this family: its secret fits. A family without refresh tokens has none.
#[must_use]
pub fn fits(family: &Family, token: &Authentic) -> bool {
    let kept = family.secret_digest.as_deref().and_then(Digest::stored);
    kept.is_some_and(|kept| kept.matches(&token.secret.digest()))
}

/// Whether a family of this client, born with these scopes, outlives its session and hangs on the user instead.
#[must_use]
pub fn outlives(client: &Registration, scopes: &Scopes) -> bool {
    client.outlives_session && scopes.has("offline_access")
}

/// Judges what a family hangs on, under its birth.
pub fn judge(family: &Family, snapshot: Snapshot, question: Question) -> Result<Standing, Refusal> {
    policy::judge(snapshot, &question.born(family.born_seq, !family.outlives_session))
}
