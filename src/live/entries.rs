//! The entries in memory: the newest of each kind, value and reach, found by name and read on by number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::bearing::{Bearing, Kind};
use crate::store::revocations::Entry;

/// What is known of the log and could still be presented.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_seq: BTreeMap<i64, Arc<Entry>>,
    by_name: HashMap<Kind, HashMap<Box<str>, Newest>>,
    /// When each may leave; those of keys never do.
    leaving: BTreeSet<(DateTime<Utc>, i64)>,
}

/// The newest number of each reach; 0 is none.
#[derive(Debug, Default, Clone, Copy)]
struct Newest {
    lineage: i64,
    access: i64,
}

impl Newest {
    fn of(&mut self, reach: &str) -> &mut i64 {
        if reach == "access" { &mut self.access } else { &mut self.lineage }
    }

    fn seq(self) -> i64 {
        self.lineage.max(self.access)
    }
}

/// The name an entry is found by; all of an unknown kind are found as one.
fn name(entry: &Entry) -> (Kind, &str) {
    match Kind::named(&entry.kind) {
        kind @ (Kind::All | Kind::Unknown) => (kind, ""),
        kind => (kind, &entry.value),
    }
}

/// When an entry may be forgotten, as NumericDate (RFC 7519, 2): never before the last token it covers has died, hence rounded up.
/// One for a key never may.
#[must_use]
pub fn until(entry: &Entry) -> Option<i64> {
    let up = i64::from(entry.until.timestamp_subsec_nanos() > 0);
    (Kind::named(&entry.kind) != Kind::Key).then(|| entry.until.timestamp() + up)
}

impl Entries {
    /// Takes an entry in, unless a newer one says the same. Whether it is new.
    pub fn insert(&mut self, entry: &Entry) -> bool {
        let (kind, value) = name(entry);
        let newest = self.by_name.entry(kind).or_default().entry(value.into()).or_default();
        let slot = newest.of(&entry.reach);
        let older = *slot;
        if older >= entry.seq {
            return false;
        }
        *slot = entry.seq;
        // Entries of unknown kinds and values are found as one, but each is handed on.
        if kind != Kind::Unknown {
            self.forget(older);
        }
        if kind != Kind::Key {
            self.leaving.insert((entry.until, entry.seq));
        }
        self.by_seq.insert(entry.seq, Arc::new(entry.clone()));
        true
    }

    /// Whether an entry names this signing key.
    pub fn names_key(&self, kid: &str) -> bool {
        self.by_name.get(&Kind::Key).is_some_and(|kids| kids.contains_key(kid))
    }

    fn forget(&mut self, seq: i64) -> Option<Arc<Entry>> {
        let entry = self.by_seq.remove(&seq)?;
        self.leaving.remove(&(entry.until, seq));
        Some(entry)
    }

    /// Lets go of what could cover live tokens only before `at`.
    pub fn retire(&mut self, at: DateTime<Utc>) {
        while let Some(&(until, seq)) = self.leaving.first().filter(|(until, _)| *until <= at) {
            self.leaving.remove(&(until, seq));
            let Some(entry) = self.forget(seq) else { continue };
            let (kind, value) = name(&entry);
            let Some(values) = self.by_name.get_mut(&kind) else { continue };
            let Some(newest) = values.get_mut(value) else { continue };
            let slot = newest.of(&entry.reach);
            if *slot == seq {
                *slot = 0;
            }
            if newest.seq() == 0 {
                values.remove(value);
            }
        }
    }

    /// The entry that covers a token, if one does.
    pub fn covering(&self, bearing: &Bearing<'_>) -> Option<(i64, Kind)> {
        if self.by_seq.is_empty() {
            return None;
        }
        let newest = |kind, value: &str| {
            let seq = self.by_name.get(&kind)?.get(value)?.seq();
            kind.covers(seq, bearing.rev_seq).then_some((seq, kind))
        };
        bearing.find(newest).or_else(|| newest(Kind::Unknown, ""))
    }

    /// Everything after a number, oldest first.
    pub fn after(&self, seq: i64) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_seq.range(seq.saturating_add(1)..).map(|(_, entry)| entry)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_seq.len()
    }
}
