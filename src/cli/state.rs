//! How sessions, families and access tokens stand, in one word each, by the rules that judge them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::desk::Desk;
use super::out::Done;
use crate::live::{Bearing, Kind};
use crate::policy::Question;
use crate::store::families::Family;
use crate::store::revocations;
use crate::store::rolls::Snapshot;
use crate::store::sessions::Session;
use crate::token::life::{self, Over};

/// A session, `mark` being the highest of its owners'.
pub(super) fn session(desk: &Desk, session: &Session, mark: i64) -> &'static str {
    let now = desk.now();
    match () {
        () if session.ended_at.is_some() => "ended",
        () if session.born_seq < mark.max(session.revoked_seq) => "revoked",
        () if session.expires_at <= now || session.last_used_at + desk.config.sessions.idle <= now => "expired",
        () => "active",
    }
}

/// A family: its word, and what there is to add.
pub(super) fn family(desk: &Desk, family: &Family, snapshot: Snapshot) -> (&'static str, String) {
    match life::over(family, desk.now(), desk.config.tokens.family_idle) {
        Some(Over::Ended) => return ("ended", family.end_reason.clone().unwrap_or_default()),
        Some(Over::Expired | Over::Idle) => return ("expired", String::new()),
        None => {}
    }
    match life::judge(family, snapshot, Question::now(&desk.clock, desk.config.sessions.idle)) {
        Ok(_) => ("live", String::new()),
        Err(refusal) => ("ended", refusal.to_string()),
    }
}

/// The unexpired entries of the revocation log, by what they name.
pub(super) struct Log(HashMap<(String, String), i64>);

impl Log {
    pub async fn read(desk: &Desk) -> Done<Self> {
        let mut newest = HashMap::new();
        for entry in revocations::standing(&desk.store, desk.now()).await? {
            newest.insert((entry.kind, entry.value), entry.seq);
        }
        Ok(Self(newest))
    }

    /// The entry that covers a token, as `{"kind","seq"}`. Its signing key is not in the rolls, so a revoked one isn't seen.
    pub fn covering(&self, bearing: &Bearing<'_>) -> Option<Value> {
        bearing.find(|kind: Kind, value: &str| {
            let seq = *self.0.get(&(kind.name().to_owned(), value.to_owned()))?;
            kind.covers(seq, bearing.rev_seq).then(|| json!({ "kind": kind.name(), "seq": seq }))
        })
    }
}
