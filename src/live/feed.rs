//! The view as gateways read it: everything that stands, what follows a place, and whether a place is one of this log's.

use std::sync::Arc;
use std::time::Duration;

use super::LiveView;
use super::cursor::{Cursor, Place, epoch_of, is_base};
use super::error::NotReady;
use super::state::Moment;
use crate::store::revocations::{self, Entry};
use crate::store::{self, issuer};

/// Entries, and the place up to which they are complete.
#[derive(Debug, Clone)]
pub struct Feed {
    pub as_of: Cursor,
    /// Oldest first; of those that say the same, the newest alone. Some may stand after `as_of`.
    pub entries: Vec<Arc<Entry>>,
}

/// Where a reader's place lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Located {
    /// Where this view stands, or before.
    Known,
    /// After this view, but the database has it.
    Ahead,
    /// Nowhere in this log: the reader has to take a snapshot.
    Void,
}

impl LiveView {
    /// Whether the view may be read from now.
    pub fn fresh(&self) -> Result<(), NotReady> {
        self.read().ready(Moment::now(&self.0.clock), &self.0.tuning)
    }

    /// Everything that stands, while the view is fresh.
    pub fn snapshot(&self) -> Result<Feed, NotReady> {
        self.after(i64::MIN)
    }

    /// What stands and is numbered above `seq`, while the view is fresh.
    pub fn after(&self, seq: i64) -> Result<Feed, NotReady> {
        let state = self.read();
        state.ready(Moment::now(&self.0.clock), &self.0.tuning)?;
        let reached = state.reached.as_ref().ok_or(NotReady::NeverRead)?;
        Ok(Feed { as_of: reached.cursor.clone(), entries: state.entries.after(seq).cloned().collect() })
    }

    /// Finds a reader's place. A number alone fits any entry of that number, so it can't tell a log that lost writes.
    pub async fn locate(&self, place: &Place) -> store::Result<Located> {
        let seq = place.seq();
        let known = {
            let state = self.read();
            let Some(reached) = &state.reached else { return Ok(Located::Void) };
            let here = reached.cursor.seq;
            if epoch_of(seq) < epoch_of(here) {
                return Ok(Located::Void);
            }
            let tip = if seq == here { Some(&reached.cursor.tip) } else { state.tips.get(&seq) };
            if let Some(tip) = tip {
                return Ok(if place.fits(tip) { Located::Known } else { Located::Void });
            }
            seq < here
        };
        if known && (is_base(seq) || place.is_number()) {
            return Ok(Located::Known);
        }
        let there = if known { Located::Known } else { Located::Ahead };
        let store = &self.0.store;
        if let Some(entry) = revocations::get(store, seq).await? {
            return Ok(if place.fits(&entry.tip) { there } else { Located::Void });
        }
        // No entry: swept long ago, never written, or the base of an epoch.
        let Some(position) = issuer::position(store).await? else { return Ok(Located::Void) };
        let stands = seq == position.seq && place.fits(&position.tip) || seq < position.seq && place.is_number();
        Ok(if stands && !known { Located::Ahead } else { Located::Void })
    }

    /// Waits until the view has moved past `seq`, at most `bound`; then whoever asks looks again.
    pub async fn wait_past(&self, seq: i64, bound: Duration) {
        let mut moves = self.moves();
        let past = moves.wait_for(|cursor| cursor.as_ref().is_some_and(|cursor| cursor.seq > seq));
        let _ = tokio::time::timeout(bound, past).await;
    }
}
