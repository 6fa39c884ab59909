//! The one kill path: everything that ends access calls [`kill`], in the transaction of its cause, and last.
//!
//! In it, in this order: the owner's row is locked, the audit row is written, and where browser sessions end one row for the
//! outbox, which others make into what clients are told; and one statement takes the counter row, writes the numbered entry and
//! raises the mark; one for each other name that tokens carry for the user comes before it. [`settle`] commits and shows the
//! entries to this node's live view, so that who was told "revoked" is right at once; other nodes see it within a second.
//!
//! Refused: nothing. Killing a token, family or session that a kill has already ended appends nothing.

pub mod find;
pub mod key;
mod target;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
pub use target::{Reach, Target};
use uuid::Uuid;

use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::secret;
use crate::store::locks::lock;
use crate::store::logouts::{self, Ended, Kind};
use crate::store::revocations::{self, Entry, Mark, New};
use crate::store::{self, Reader, Tx, grants, pairwise};

/// The reason of a sign-out by the user himself.
pub const SIGN_OUT: &str = "sign_out";
/// How long the outbox leaves a sign-out to the request that made it, which tells the clients before it answers.
const OWN_TELLING: Duration = Duration::from_secs(5);

/// Why, by whom, from where, when.
#[derive(Debug, Clone)]
pub struct Cause<'a> {
    /// A short word for machines: `sign_out`, `reuse`, `disabled` …
    pub reason: &'a str,
    pub actor: Actor,
    pub caller: &'a Caller,
    /// In a server: `Clock::after_stamps`, so that the entry is not dated before a token it covers.
    pub at: DateTime<Utc>,
}

/// What a kill did. Take it to [`settle`].
#[derive(Debug, Clone)]
#[must_use = "a kill is not done before `settle` has committed it and shown it to the live view"]
pub struct Killed {
    /// The entry that stands for it: the newest, under the user's own name where users are named.
    pub entry: Option<Entry>,
    /// Those under the other names that tokens carry for the same user, written before it.
    pub others: Vec<Entry>,
    /// Whether this call wrote it; otherwise an earlier kill had ended it.
    pub written: bool,
}

impl Killed {
    /// The number of the entry that stands for it.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.entry.as_ref().map_or(0, |entry| entry.seq)
    }
}

/// Ends what `target` names, with everything born below. Call it last in the transaction of the cause.
pub async fn kill(tx: &mut Tx, target: &Target<'_>, reach: Reach, cause: &Cause<'_>) -> store::Result<Killed> {
    match ended_under_lock(tx, target, reach).await? {
        Some(ended) => Ok(ended),
        None => write(tx, target, reach, cause).await,
    }
}

/// Whether it had been ended, read under its owner's lock.
async fn ended_under_lock(tx: &mut Tx, target: &Target<'_>, reach: Reach) -> store::Result<Option<Killed>> {
    if let Some(owner) = target.owner() {
        lock(tx, &[owner]).await?;
    }
    already_ended(tx.into(), target, reach).await
}

/// The audit row, the entry and the mark.
async fn write(tx: &mut Tx, target: &Target<'_>, reach: Reach, cause: &Cause<'_>) -> store::Result<Killed> {
    let (kind, value) = (target.kind(), called(tx, target, target.value()).await?);
    if let (Target::Session(id), Reach::Lineage) = (target, reach) {
        let user = store::sessions::get(&mut *tx, *id).await?.map(|session| session.user_id);
        let record = Record::new(Event::SessionEnded, cause.actor, cause.caller, cause.at).user(user).session(*id);
        store::audit::insert(tx, &record).await?;
    }
    let record = Record::new(Event::Revoked, cause.actor, cause.caller, cause.at)
        .user(target.user_id())
        .client(target.client_id())
        .session(target.session_id())
        .family(target.family_id())
        .detail(json!({ "kind": kind, "value": value, "reach": reach.name(), "reason": cause.reason }));
    store::audit::insert(tx, &record).await?;
    outbox(tx, target, reach, cause).await?;
    let (names, mut others) = (other_names(tx, target).await?, Vec::new());
    let actor = cause.actor.text();
    let new = |value, mark| New {
        tip: secret::bytes::<16>().to_vec(),
        at: cause.at,
        kind,
        value,
        reach: reach.name(),
        reason: cause.reason,
        actor: &actor,
        mark,
    };
    for name in &names {
        others.push(revocations::append(tx, &new(name, Mark::None)).await?);
    }
    // Last, so that what is born under the mark is older than none of them.
    let entry = revocations::append(tx, &new(&value, target.mark(reach))).await?;
    Ok(Killed { entry: Some(entry), others, written: true })
}

/// A value as tokens carry it: a client that is a document is called by its URL.
async fn called(tx: &mut Tx, target: &Target<'_>, value: String) -> store::Result<String> {
    let Some(id) = target.client_id() else { return Ok(value) };
    let url = store::clients::document(&mut *tx, id).await?;
    Ok(url.map_or_else(|| value.clone(), |url| value.replace(&id.to_string(), &url)))
}

/// What tokens carry instead of the user's own `sub`: every pairwise subject that was handed out. Read under the owner's lock, under
/// which they are handed out.
async fn other_names(tx: &mut Tx, target: &Target<'_>) -> store::Result<Vec<String>> {
    Ok(match target {
        Target::User { id, .. } => {
            pairwise::of_user(&mut *tx, *id).await?.into_iter().map(|sub| sub.to_string()).collect()
        }
        Target::Grant { id, client_id, .. } => {
            let Some(sub) = grants::known_as(&mut *tx, *id).await? else { return Ok(Vec::new()) };
            let named = Target::Grant { id: *id, sub, client_id: *client_id };
            vec![called(tx, &named, named.value()).await?]
        }
        _ => Vec::new(),
    })
}

/// Where a kill ends browser sessions, their clients are to be told. One row, whatever hangs on the owner: who they are is found later.
async fn outbox(tx: &mut Tx, target: &Target<'_>, reach: Reach, cause: &Cause<'_>) -> store::Result<()> {
    let (kind, owner_id) = match (target, reach) {
        (Target::Session(id), Reach::Lineage) => (Kind::Session, Some(*id)),
        (Target::User { id, .. }, Reach::Lineage) => (Kind::User, Some(*id)),
        (Target::All, Reach::Lineage) => (Kind::All, None),
        _ => return Ok(()),
    };
    let own = kind == Kind::Session && cause.reason == SIGN_OUT;
    let due_at = if own { cause.at + OWN_TELLING } else { cause.at };
    let ended = Ended { id: secret::uuid_v7(cause.at), owner_id, at: cause.at, told_up_to: Uuid::nil() };
    logouts::insert(tx, kind, &ended, due_at).await
}

/// Commits the cause with its kills, and lets this node's live view know before anyone is answered.
pub async fn settle(app: &App, tx: Tx, killed: &[Killed]) -> store::Result<()> {
    tx.commit().await?;
    app.outbox.wake();
    let written = killed.iter().filter(|killed| killed.written);
    let entries: Vec<&Entry> = written.flat_map(|killed| killed.others.iter().chain(&killed.entry)).collect();
    for entry in entries {
        app.live.apply(entry);
        if entry.kind == "key" {
            // A failure is made good by the next unknown `kid` or the hourly reload.
            if let Err(error) = app.keyring.reload_now().await {
                tracing::warn!(%error, "the key ring could not be reloaded after a key was revoked");
            }
        }
    }
    Ok(())
}

/// A kill that is its own cause: one transaction, committed and shown.
pub async fn run(app: &App, target: &Target<'_>, reach: Reach, cause: &Cause<'_>) -> store::Result<Killed> {
    let mut tx = app.store.begin().await?;
    let killed = kill(&mut tx, target, reach, cause).await?;
    settle(app, tx, std::slice::from_ref(&killed)).await?;
    Ok(killed)
}

/// A kill that its asker has a budget for: `may` takes from it, once it is known that an entry will be written. None when it
/// may not; then nothing is written. What had ended before costs nothing, and is found without holding anybody up.
pub async fn run_if(
    app: &App,
    target: &Target<'_>,
    reach: Reach,
    cause: &Cause<'_>,
    may: impl FnOnce() -> bool,
) -> store::Result<Option<Killed>> {
    if let Some(ended) = already_ended((&app.store).into(), target, reach).await? {
        return Ok(Some(ended));
    }
    let mut tx = app.store.begin().await?;
    if let Some(ended) = ended_under_lock(&mut tx, target, reach).await? {
        return Ok(Some(ended));
    }
    if !may() {
        return Ok(None);
    }
    // Dated here: while this one waited for its turn, others may have handed out what it is to cover.
    let cause = &Cause { at: app.clock.after_stamps(), ..cause.clone() };
    let killed = write(&mut tx, target, reach, cause).await?;
    settle(app, tx, std::slice::from_ref(&killed)).await?;
    Ok(Some(killed))
}

/// Whether an earlier kill of the same thing has ended it. Expiry is no such end; user, grant, client, resource and all
/// always write.
async fn already_ended(mut reader: Reader<'_>, target: &Target<'_>, reach: Reach) -> store::Result<Option<Killed>> {
    let ended = |entry| Killed { entry, others: Vec::new(), written: false };
    let marked = match target {
        Target::Jti(id) => {
            let earlier = revocations::find(reader, target.kind(), &id.to_string(), reach.name()).await?;
            return Ok(earlier.map(|entry| ended(Some(entry))));
        }
        Target::Family(id) if reach == Reach::Lineage => store::families::mark(reader.again(), *id).await?,
        Target::Session(id) if reach == Reach::Lineage => {
            store::sessions::get(reader.again(), *id).await?.map(|session| session.revoked_seq)
        }
        _ => None,
    };
    match marked {
        Some(seq) if seq > 0 => Ok(Some(ended(revocations::get(reader, seq).await?))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_reach_marks_nothing() {
        assert_eq!(Target::User { id: Uuid::nil(), sub: Uuid::nil() }.mark(Reach::Access), Mark::None);
    }
}
