//! Refusals that anyone can cause, told to the auditor: one by one up to a burst and then ten a second for each event and
//! network, so that nobody fills the audit trail from outside. What is not written is counted, and logged.

use std::time::Duration;

use super::bucket::{Buckets, Rate, Taken};
use crate::event::{Event, Record};
use crate::store::{Store, audit};

/// While so many networks are held and none has been silent, newcomers are not told of.
const RATE: Rate = Rate { a_second: 10.0, burst: 100.0, keys: 4096 };

/// What is left for each event and network, and how many were not written.
#[derive(Debug)]
pub struct AuditRate(Buckets<(Event, Option<String>), u64>);

impl Default for AuditRate {
    fn default() -> Self {
        Self(Buckets::new(RATE))
    }
}

impl AuditRate {
    /// Writes a refusal's row, if it may be written. Its loss is logged, and loses nothing else. `now` is monotonic.
    pub async fn note(&self, store: &Store, record: &Record, now: Duration) {
        let network = record.caller.network();
        let taken = self.0.take((record.event, network.clone()), now, |unwritten| *unwritten += 1);
        let Taken::One(unwritten) = taken else { return };
        if unwritten > 0 {
            tracing::warn!(
                event = record.event.name(),
                network,
                unwritten,
                "refusals came too fast to be written one by one"
            );
        }
        if let Err(error) = audit::append(store, record).await {
            tracing::warn!(%error, event = record.event.name(), "a refusal could not be written to the audit trail");
        }
    }
}
