//! Reading the log on. The place moves by polling alone, and only over what was read without a gap.
//!
//! Refused: a log that doesn't hold what was read from it. Then this node issues nothing and calls nothing active until
//! `chancery restore` has begun a new epoch.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::cursor::{epoch_of, is_base};
use super::error::{Error, Misfit};
use super::highwater::Highwater;
use super::state::{Fit, Moment, Reached, State};
use super::{LiveView, Tuning};
use crate::store::tail::{self, Tail};

/// What a good poll brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Polled {
    /// How many entries were read.
    pub entries: usize,
    /// Whether the log begins a new epoch: every cache is to be emptied.
    pub new_epoch: bool,
}

impl LiveView {
    /// Reads whatever the log holds after this view's place, and judges whether that place still fits.
    pub async fn poll_once(&self) -> Result<Polled, Error> {
        let _turn = self.0.turn.lock().await;
        let polled = self.read_on().await;
        if polled.is_ok() || matches!(polled, Err(Error::Void(_))) {
            self.note().await;
        }
        polled
    }

    /// Keeps `keys/highwater` up with this view.
    pub(super) async fn note(&self) {
        let Some(keeper) = &self.0.highwater else { return };
        let (reached, void) = {
            let state = self.read();
            (state.place().cloned(), state.void.is_some())
        };
        let Some(Reached { cursor, until }) = reached else { return };
        let to = Highwater { database_id: self.0.database, seq: cursor.seq, tip: Some(cursor.tip), until, void };
        let view = self.clone();
        let fits = move |there: &Highwater| view.fits(there);
        keeper.keep(to, self.0.clock.monotonic(), fits).await;
    }

    /// Whether a place below ours, noted by another process, is one of this log's, as far as this view remembers its tips.
    fn fits(&self, there: &Highwater) -> bool {
        let state = self.read();
        if epoch_of(there.seq) < epoch_of(state.seq()) {
            return true;
        }
        match (state.tips.get(&there.seq), &there.tip) {
            (Some(known), Some(tip)) => known == tip,
            // Swept, before the first entry, or an older version's note: nothing speaks against it but its being void.
            _ => !there.void || is_base(there.seq),
        }
    }

    async fn read_on(&self) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        loop {
            let sent = Moment::now(&self.0.clock);
            let from = self.read().place().map_or(0, |place| place.cursor.seq);
            let tail = self.tail(from).await?;
            let fit = self.read().fit(&tail, self.0.database, sent);
            match fit {
                Fit::Void(misfit) => return Err(self.void(misfit)),
                Fit::Anew => return self.read_anew().await,
                Fit::Onward => {}
            }
            polled.entries += tail.entries.len();
            let batch = self.0.tuning.batch;
            let key = self.change(|state| {
                state.void = None;
                state.take(&tail, batch);
                if tail.entries.len() < batch {
                    self.heard(state, sent, &tail);
                }
                tail.entries.iter().any(|entry| entry.kind == "key")
            });
            self.announce(key);
            if tail.entries.len() < batch {
                return Ok(polled);
            }
        }
    }

    /// Reads the log from its start into a fresh state and puts that in the old one's place.
    async fn read_anew(&self) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        let mut fresh = State::default();
        let (mut epoch, mut from) = (None, 0);
        let (sent, tail) = loop {
            let sent = Moment::now(&self.0.clock);
            let tail = self.tail(from).await?;
            if tail.position.database_id != self.0.database {
                let misfit = Misfit::OtherDatabase { seen: self.0.database, found: tail.position.database_id };
                return Err(self.void(misfit));
            }
            if epoch.is_some_and(|epoch| epoch != tail.position.epoch) {
                // A restore came in between: what was read may be gone.
                (fresh, epoch, from) = (State::default(), None, 0);
                continue;
            }
            epoch = Some(tail.position.epoch);
            polled.entries += tail.entries.len();
            fresh.take(&tail, self.0.tuning.batch);
            if tail.entries.len() < self.0.tuning.batch {
                break (sent, tail);
            }
            from = fresh.seq();
        };
        polled.new_epoch = self.change(|state| {
            let before = state.reached.as_ref().map(|reached| epoch_of(reached.cursor.seq));
            // What this node wrote itself since the reading.
            for entry in state.entries.after(fresh.seq()) {
                if epoch_of(entry.seq) == tail.position.epoch {
                    fresh.entries.insert(entry);
                }
            }
            std::mem::swap(state, &mut fresh);
            self.heard(state, sent, &tail);
            before.is_some_and(|before| before != tail.position.epoch)
        });
        if polled.new_epoch {
            tracing::warn!(epoch = tail.position.epoch, "the revocation log begins a new epoch: a backup was restored");
        }
        self.0.epoch.send_if_modified(|epoch| std::mem::replace(epoch, tail.position.epoch) != tail.position.epoch);
        self.announce(true);
        Ok(polled)
    }

    /// One statement, in bounded time.
    async fn tail(&self, from: i64) -> Result<Tail, Error> {
        let Tuning { batch, patience, .. } = self.0.tuning;
        let limit = i64::try_from(batch).unwrap_or(i64::MAX);
        let asked = tail::after(&self.0.aside, from, limit);
        Ok(tokio::time::timeout(patience, asked).await.map_err(|_| Error::Slow(patience))??)
    }

    /// Notes a good poll: when it was sent, how the clocks compare, and what may leave.
    fn heard(&self, state: &mut State, sent: Moment, tail: &Tail) {
        let received = self.0.clock.now();
        let off = tail.database_time.and_then(|time| clock_off(sent.wall, time, received, self.0.tuning.clock_off));
        if off != state.clock_off {
            match off {
                Some(seconds) => tracing::error!(seconds, "this node's clock is off the database's: it issues nothing"),
                None => tracing::info!("this node's clock goes with the database's again"),
            }
        }
        state.clock_off = off;
        state.heard = Some(sent);
        state.void = None;
        // Entries leave when both clocks say so: a wall clock that jumps ahead must not revive what was revoked.
        let time = tail.database_time.unwrap_or(sent.wall);
        let steady = self.0.steady_time(time, sent.steady);
        let at = time.min(steady);
        state.entries.retire(at);
        state.retired = Some(at);
    }

    fn void(&self, misfit: Misfit) -> Error {
        let news = self.change(|state| state.void.replace(misfit.clone()).is_none());
        if news {
            tracing::error!(why = %misfit, "this node's place in the revocation log is void: it issues nothing and calls nothing active; run `chancery restore`");
            self.0.moved.send_modify(|_| {});
            if let Some(keeper) = &self.0.highwater {
                keeper.hurry();
            }
        }
        Error::Void(misfit)
    }

    fn announce(&self, key: bool) {
        let cursor = self.cursor();
        self.0.moved.send_if_modified(|known| {
            let news = *known != cursor;
            *known = cursor;
            news
        });
        if key {
            self.0.keys.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// How many seconds a node's clock is off, if more than allowed. The answer was made somewhere between the two readings.
fn clock_off(sent: DateTime<Utc>, database: DateTime<Utc>, received: DateTime<Utc>, allowed: Duration) -> Option<i64> {
    let ahead = sent - database;
    let behind = database - received.max(sent);
    let off = if ahead >= behind { ahead } else { -behind };
    (off.abs().to_std().unwrap_or(Duration::MAX) > allowed && ahead.max(behind) > chrono::TimeDelta::zero())
        .then(|| off.num_seconds())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        let sent = DateTime::UNIX_EPOCH;
        let at = |seconds: i64| sent + TimeDelta::milliseconds(seconds);
        let off = |database, received| clock_off(sent, at(database), at(received), Duration::from_secs(2));
        assert_eq!(off(0, 0), None);
        assert_eq!(off(4_000, 9_000), None, "made between question and answer");
        assert_eq!(off(2_000, 0), None);
        assert_eq!(off(-2_000, 0), None);
        assert_eq!(off(5_500, 1_000), Some(-4), "this node is behind");
        assert_eq!(off(-300_000, 10), Some(300), "this node is ahead");
    }
}
