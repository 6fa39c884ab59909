//! What the view knows at one moment, and whether what the database answers goes with it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cursor::{Cursor, epoch_of, is_base};
use super::entries::Entries;
use super::error::{Misfit, NotReady};
use super::{Clock, Tuning};
use crate::store::issuer::Position;
use crate::store::tail::Tail;

/// How many tips are remembered: so many entries back, a reader's place is judged without a statement.
const TIPS: usize = 4096;

/// What an entry that was swept may be past its end by: the sweeper's clock is not ours.
const SWEPT: TimeDelta = TimeDelta::seconds(60);

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub wall: DateTime<Utc>,
    pub steady: Duration,
}

impl Moment {
    pub fn now(clock: &Clock) -> Self {
        Self { wall: clock.now(), steady: clock.monotonic() }
    }

    /// How long ago it was, by whichever clock says more: a machine that slept, or was set, must not think itself fresh.
    fn age(self, now: Self) -> Duration {
        let wall = (now.wall - self.wall).to_std().unwrap_or_default();
        wall.max(now.steady.saturating_sub(self.steady))
    }
}

/// Up to where the log has been read, without a gap.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    pub cursor: Cursor,
    /// When the entry there may be swept from the database; none where no entry stands.
    pub until: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub entries: Entries,
    pub reached: Option<Reached>,
    /// Up to where this node had read before it was started: the first reading has to fit it.
    pub noted: Option<Reached>,
    /// The tips of the last entries read.
    pub tips: BTreeMap<i64, Vec<u8>>,
    /// When the last good poll was sent.
    pub heard: Option<Moment>,
    /// How many seconds this node's clock is off, if too many.
    pub clock_off: Option<i64>,
    pub void: Option<Misfit>,
    /// Up to when entries have been let go of.
    pub retired: Option<DateTime<Utc>>,
    /// The longest life an access token was ever allowed.
    pub longest_access_seconds: i64,
}

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It goes on from where we stand.
    Onward,
    /// The log has to be read from its start: first read, new epoch, or our place has been swept.
    Anew,
    Void(Misfit),
}

impl State {
    pub fn seq(&self) -> i64 {
        self.reached.as_ref().map_or(0, |reached| reached.cursor.seq)
    }

    /// The place that the log has to fit.
    pub fn place(&self) -> Option<&Reached> {
        self.reached.as_ref().or(self.noted.as_ref())
    }

    /// Judges an answer to a question asked from that place, at `sent`.
    pub fn fit(&self, tail: &Tail, database: Uuid, sent: Moment) -> Fit {
        let Position { database_id, epoch, seq: counter, ref tip, .. } = tail.position;
        if database_id != database {
            return Fit::Void(Misfit::OtherDatabase { seen: database, found: database_id });
        }
        // What was noted before the start proves the log, but holds none of its entries.
        let onward = if self.reached.is_some() { Fit::Onward } else { Fit::Anew };
        let Some(Reached { cursor, until }) = self.place() else { return Fit::Anew };
        let (seq, seen) = (cursor.seq, epoch_of(cursor.seq));
        if epoch > seen {
            return Fit::Anew;
        }
        if epoch < seen {
            return Fit::Void(Misfit::FormerEpoch { seen, found: epoch });
        }
        if counter < seq {
            return Fit::Void(Misfit::Beyond { seq, counter });
        }
        let here = if counter == seq { Some(tip) } else { tail.here.as_ref() };
        match here {
            Some(here) if *here == cursor.tip => onward,
            Some(_) => Fit::Void(Misfit::OtherEntry { seq }),
            // Nothing was numbered before the first entry of an epoch, so nothing can be missing.
            None if is_base(seq) => onward,
            // Whoever was void stays so: that his entry is swept by now proves nothing.
            None if self.void.is_some() => Fit::Void(Misfit::OtherEntry { seq }),
            // A database without a time of its own runs under this machine's: a machine that slept past the entry's end
            // must find it swept, not void.
            None if until.is_some_and(|until| until <= tail.database_time.unwrap_or(sent.wall) + SWEPT) => Fit::Anew,
            None => Fit::Void(Misfit::OtherEntry { seq }),
        }
    }

    /// Takes in what follows. The place moves to the last entry read, or to the log's end when that was all.
    pub fn take(&mut self, tail: &Tail, batch: usize) {
        for entry in &tail.entries {
            self.entries.insert(entry);
            self.tips.insert(entry.seq, entry.tip.clone());
        }
        while self.tips.len() > TIPS {
            self.tips.pop_first();
        }
        self.longest_access_seconds = tail.position.longest_access_seconds.max(self.longest_access_seconds);
        let until = match tail.entries.last() {
            // Those of keys are never swept: one that is gone was lost.
            Some(last) => Some(last.until).filter(|_| last.kind != "key"),
            None => self.reached.as_ref().and_then(|reached| reached.until),
        };
        if tail.entries.len() < batch {
            let cursor = Cursor { seq: tail.position.seq, tip: tail.position.tip.clone() };
            self.reached = Some(Reached { cursor, until });
        } else if let Some(last) = tail.entries.last() {
            self.reached = Some(Reached { cursor: Cursor { seq: last.seq, tip: last.tip.clone() }, until });
        }
    }

    /// Whether what is known is of now.
    pub fn ready(&self, now: Moment, tuning: &Tuning) -> Result<(), NotReady> {
        if self.void.is_some() {
            return Err(NotReady::Void);
        }
        let (Some(heard), Some(_)) = (self.heard, &self.reached) else { return Err(NotReady::NeverRead) };
        if heard.age(now) > tuning.stale_after {
            return Err(NotReady::Stale);
        }
        Ok(())
    }
}
