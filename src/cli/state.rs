//! How sessions, families and access tokens stand, in one word each, by the rules that judge them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::desk::Desk;
use super::out::{Done, safe};
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

/// How a family stands and, where it has ended, since when, why, and by which entry of the log.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub state: &'static str,
    pub reason: Option<String>,
    pub at: Option<DateTime<Utc>>,
    pub by: Option<Value>,
}

impl Told {
    /// What stands behind the word, in one line.
    pub fn why(&self) -> String {
        let by = self.by.as_ref().map(|by| match by["kind"].as_str() {
            Some("all") => "with everything".to_owned(),
            kind => format!("with its {}", kind.unwrap_or_default()),
        });
        let at = self.at.map(|at| format!("at {}", super::out::time(at)));
        let said: Vec<String> = by.into_iter().chain(at).chain(self.reason.clone()).collect();
        if said.is_empty() { String::new() } else { format!(" ({})", safe(&said.join(", "))) }
    }
}

/// What a family died of comes first, and stays what it was: how its owners stand today is another matter.
pub(super) async fn family(desk: &Desk, family: &Family, snapshot: Snapshot) -> Done<Told> {
    let over = life::over(family, desk.now(), desk.config.tokens.family_idle);
    if over == Some(Over::Ended) {
        return Ok(Told { state: "ended", reason: family.end_reason.clone(), at: family.ended_at, by: None });
    }
    if let Some((kind, seq)) = cut(family, &snapshot) {
        // The entry leaves the log when no token it covers can live.
        let entry = revocations::get(&desk.store, seq).await?;
        let (reason, at) = entry.map(|entry| (entry.reason, entry.at)).unzip();
        return Ok(Told { state: "ended", reason, at, by: Some(json!({ "kind": kind, "seq": seq })) });
    }
    if over.is_some() {
        return Ok(Told { state: "expired", ..Told::default() });
    }
    Ok(match life::judge(family, snapshot, Question::now(&desk.clock, desk.config.sessions.idle)) {
        Ok(_) => Told { state: "live", ..Told::default() },
        Err(refusal) => Told { state: "ended", reason: Some(refusal.to_string()), ..Told::default() },
    })
}

/// The first kill of one of its owners that a family was born below, as far as marks tell.
fn cut(family: &Family, snapshot: &Snapshot) -> Option<(&'static str, i64)> {
    let Snapshot { counter, client, user, grant, session } = snapshot;
    let session = session.as_ref().filter(|_| !family.outlives_session).map(|session| session.session_mark);
    let marks = [
        ("all", Some(counter.issuer_mark)),
        ("user", user.as_ref().map(|user| user.user_mark)),
        ("client", client.as_ref().map(|client| client.client_mark)),
        ("grant", grant.as_ref().map(|grant| grant.grant_mark)),
        ("session", session),
    ];
    let marks = marks.into_iter().filter_map(|(kind, mark)| Some((kind, mark?)));
    marks.filter(|(_, mark)| *mark > family.born_seq).min_by_key(|(_, mark)| *mark)
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
