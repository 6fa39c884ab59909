//! Whether an entry of the log covers a token: from the view without a statement, else from the database.

use super::bearing::{Bearing, Kind};
use super::error::NotReady;
use super::state::Moment;
use super::{LiveView, epoch_of};
use crate::store::{self, Store, tail};

/// What the view alone says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// No entry covers it.
    Live,
    /// This entry does.
    Revoked { seq: i64, kind: Kind },
    /// The token was judged fit under a number this view has not reached: the database knows.
    Ahead,
    /// The view is too old, or was never read: the database knows.
    Stale,
    /// The log doesn't hold what was read from it: nobody knows.
    Void,
}

/// What is known of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// No entry covers it.
    Live,
    /// This entry does.
    Revoked { seq: i64, kind: Kind },
    /// It claims a number the log has never reached: refuse it.
    Beyond { counter: i64 },
}

/// Why nothing can be said of a token: neither active nor revoked. The answer is 503 with `Retry-After`.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error(transparent)]
    NotReady(#[from] NotReady),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl LiveView {
    /// Whether the log has ended this signing key: what it signs from now on is dead as it is born.
    #[must_use]
    pub fn has_ended_key(&self, kid: &str) -> bool {
        self.read().entries.names_key(kid)
    }

    /// What the view alone says.
    #[must_use]
    pub fn covers(&self, bearing: &Bearing<'_>) -> Covered {
        let state = self.read();
        match state.ready(Moment::now(&self.0.clock), &self.0.tuning) {
            Err(NotReady::Void) => return Covered::Void,
            Err(_) => return Covered::Stale,
            Ok(()) => {}
        }
        match state.entries.covering(bearing) {
            Some((seq, kind)) => Covered::Revoked { seq, kind },
            None if bearing.rev_seq > state.seq() => Covered::Ahead,
            None => Covered::Live,
        }
    }

    /// What is known: from the view, and where that doesn't reach, from the database.
    pub async fn judge(&self, bearing: &Bearing<'_>) -> Result<Judged, Unanswered> {
        match self.covers(bearing) {
            Covered::Live => Ok(Judged::Live),
            Covered::Revoked { seq, kind } => Ok(Judged::Revoked { seq, kind }),
            Covered::Void => Err(NotReady::Void.into()),
            Covered::Ahead | Covered::Stale => {
                let (judged, counter) = in_database(&self.0.store, bearing).await?;
                // A log that ends before what was read from it has lost entries; the next poll says so to everyone.
                let seq = self.read().seq();
                if counter < seq || epoch_of(counter) > epoch_of(seq) && seq > 0 {
                    self.0.kick.notify_one();
                }
                if counter < seq { Err(NotReady::Void.into()) } else { Ok(judged) }
            }
        }
    }
}

/// What the database says of a token, for whoever has no view that reaches it.
pub async fn covers_in_database(store: &Store, bearing: &Bearing<'_>) -> store::Result<Judged> {
    Ok(in_database(store, bearing).await?.0)
}

async fn in_database(store: &Store, bearing: &Bearing<'_>) -> store::Result<(Judged, i64)> {
    let named = tail::named(store, &bearing.names(), Kind::NAMES).await?;
    let counter = named.position.seq;
    if bearing.rev_seq > counter {
        return Ok((Judged::Beyond { counter }, counter));
    }
    let covering = named.newest.iter().map(|(kind, seq)| (Kind::named(kind), *seq));
    let covering = covering.filter(|(kind, seq)| kind.covers(*seq, bearing.rev_seq)).max_by_key(|(_, seq)| *seq);
    Ok((covering.map_or(Judged::Live, |(kind, seq)| Judged::Revoked { seq, kind }), counter))
}
