//! From what has ended to a notice for each session and client that has an address: a few sessions a transaction, however many
//! there are.
//!
//! A crash in between repeats nothing: the row says how far it is, and a session's end has one notice for one client.

use std::collections::HashMap;

use uuid::Uuid;

use crate::app::App;
use crate::oidc::channels;
use crate::secret;
use crate::store::logouts::{self, Ended, Kind, Notice};
use crate::store::{self, Tx, clients};

/// Sessions in one transaction.
const SESSIONS: i64 = 50;

/// Who has an address, among the clients met in one transaction.
type Addressed = HashMap<Uuid, bool>;

/// Makes notices of some sessions of the oldest row that is due; whether there was one.
pub async fn expand_due(app: &App) -> store::Result<bool> {
    if !logouts::is_due(&app.store, app.clock.now()).await? {
        return Ok(false);
    }
    let mut tx = app.store.begin().await?;
    let Some((kind, ended)) = logouts::hold_due(&mut tx, app.clock.now()).await? else { return Ok(false) };
    let sessions = logouts::sessions(&mut tx, kind, &ended, SESSIONS).await?;
    let mut known = Addressed::new();
    for session in &sessions {
        for mut notice in notices(app, &mut tx, (&ended, *session), &mut known).await? {
            notice.due_at = app.clock.now();
            logouts::add_notice(&mut tx, &notice).await?;
        }
    }
    match sessions.last() {
        Some((last, _)) if kind != Kind::Session && i64::try_from(sessions.len()) == Ok(SESSIONS) => {
            logouts::told_up_to(&mut tx, ended.id, *last).await?;
        }
        _ => logouts::remove(&mut tx, ended.id).await?,
    }
    tx.commit().await?;
    Ok(true)
}

/// The notices of one session that has just ended, taken for the caller; those of clients that failed the last time are left to the job.
/// None when somebody else has made them.
pub async fn expand_session(app: &App, session_id: Uuid) -> store::Result<Vec<Notice>> {
    let mut tx = app.store.begin().await?;
    let Some(ended) = logouts::hold_of_session(&mut tx, session_id).await? else { return Ok(Vec::new()) };
    let sessions = logouts::sessions(&mut tx, Kind::Session, &ended, 1).await?;
    let (mut known, mut taken, now) = (Addressed::new(), Vec::new(), app.clock.now());
    for session in sessions {
        for mut notice in notices(app, &mut tx, (&ended, session), &mut known).await? {
            let at_once = !app.outbox.failed_last(notice.client_id);
            (notice.attempts, notice.due_at) = if at_once { (1, now + super::lease(app)) } else { (0, now) };
            if logouts::add_notice(&mut tx, &notice).await? && at_once {
                taken.push(notice);
            }
        }
    }
    logouts::remove(&mut tx, ended.id).await?;
    tx.commit().await?;
    Ok(taken)
}

/// Notices for the clients of a session that have an address, not written yet.
async fn notices(
    app: &App,
    tx: &mut Tx,
    (ended, (session_id, user_id)): (&Ended, (Uuid, Uuid)),
    known: &mut Addressed,
) -> store::Result<Vec<Notice>> {
    let mut notices = Vec::new();
    for client_id in logouts::clients_of(&mut *tx, session_id).await? {
        let addressed = match known.get(&client_id) {
            Some(addressed) => *addressed,
            None => {
                let client = clients::get(&mut *tx, client_id).await?;
                let addressed = client.is_some_and(|client| {
                    let lives = client.disabled_at.is_none() && client.deleted_at.is_none();
                    lives && (channels::BACK.uri)(&client.metadata).is_some()
                });
                known.insert(client_id, addressed);
                addressed
            }
        };
        if addressed {
            let id = secret::uuid_v7(app.clock.now());
            let (ended_at, due_at) = (ended.at, ended.at);
            let (attempts, said, outcome, done_at) = (0, None, None, None);
            notices.push(Notice {
                id,
                client_id,
                session_id,
                user_id,
                ended_at,
                attempts,
                due_at,
                said,
                outcome,
                done_at,
            });
        }
    }
    Ok(notices)
}
