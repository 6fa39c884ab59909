//! One attempt to tell one client (OpenID Connect Back-Channel Logout 1.0, 2.5 and 2.8): a logout token, posted as a form,
//! through the guarded way out; and what came of it, written with its audit row.
//!
//! 2xx is success. 400 is the client's no: asked again twice, because keys it has cached may be older than ours, and then taken
//! for an answer. All else is tried again, later and later, until `logout.give_up`. What a client says is never repeated in our
//! lines.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::fetch::FetchError;
use crate::oauth::client::Client;
use crate::oidc::channels;
use crate::outbox::Came;
use crate::secret;
use crate::store::logouts::{self, Notice};
use crate::store::{self, audit, clients};
use crate::token::{mint, notice};

/// How long after each failure the next attempt comes, in seconds; after the last one, as long again.
const PAUSES: [u64; 6] = [1, 5, 30, 120, 600, 3600];
/// How often a client may say no before it is believed.
const NOES: i64 = 3;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Delivered(u16),
    /// The client's no.
    Refused,
    /// Not now.
    Failed(String),
    /// Not asked: too many are on their way. No fault of the client's.
    Busy,
    /// There is nobody to tell, or nothing.
    Void(&'static str),
}

/// Tells a client, and writes down what came of it. A notice that was taken is left to its lease when even that fails.
pub(super) async fn deliver(app: &App, notice: &Notice) {
    let outcome = match attempt(app, notice).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(error),
    };
    if let Err(error) = settle(app, notice, outcome).await {
        tracing::warn!(%error, client = %notice.client_id, session = %notice.session_id, "what came of a logout notice could not be written; it is told again");
    }
}

async fn attempt(app: &App, notice: &Notice) -> Result<Outcome, String> {
    let failed = |_| "this server could not read its records".to_owned();
    let row = clients::get(&app.store, notice.client_id).await.map_err(failed)?;
    let Some(row) = row.filter(|row| row.disabled_at.is_none() && row.deleted_at.is_none()) else {
        return Ok(Outcome::Void("the client is disabled or deleted"));
    };
    let Some(uri) = (channels::BACK.uri)(&row.metadata).map(str::to_owned) else {
        return Ok(Outcome::Void("the client has no address any more"));
    };
    // A newer version wrote it, and may tell it.
    let unreadable = || "this version can't read the client's registration".to_owned();
    let registration = Client::read(row).ok_or_else(unreadable)?.registration().clone();
    let evidence = notice::judge(app, notice, registration).await.map_err(failed)?;
    let Some(evidence) = evidence else { return Ok(Outcome::Void("the session stands")) };
    let token = mint::logout_token(app, &evidence).map_err(|_| "this server could not sign".to_owned())?;
    Ok(match app.fetch.post_form(&uri, &[("logout_token", &token)]).await {
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::Delivered(answer.status),
        Ok(answer) if answer.status == 400 => Outcome::Refused,
        Ok(answer) => Outcome::Failed(format!("HTTP {}", answer.status)),
        Err(FetchError::Busy) => Outcome::Busy,
        Err(error) => Outcome::Failed(error.to_string()),
    })
}

async fn settle(app: &App, notice: &Notice, outcome: Outcome) -> store::Result<()> {
    let now = app.clock.now();
    let over = now - notice.ended_at >= chrono::TimeDelta::from_std(app.config.logout.give_up).unwrap_or_default();
    let (came, said) = match outcome {
        Outcome::Busy => {
            let mut tx = app.store.begin().await?;
            let due_at = now + pause(1, secret::bytes::<1>());
            logouts::again(&mut tx, notice.id, due_at, "too many notices were on their way").await?;
            return tx.commit().await;
        }
        Outcome::Delivered(status) => (Came::Delivered, format!("HTTP {status}")),
        Outcome::Refused if notice.attempts >= NOES => (Came::Refused, "HTTP 400".to_owned()),
        Outcome::Refused if over => (Came::GivenUp, "HTTP 400".to_owned()),
        Outcome::Refused => (Came::Failed, "HTTP 400".to_owned()),
        Outcome::Void(why) => (Came::GivenUp, why.to_owned()),
        Outcome::Failed(why) if over => (Came::GivenUp, why),
        Outcome::Failed(why) => (Came::Failed, why),
    };
    let mut tx = app.store.begin().await?;
    let done = match came {
        Came::Failed => {
            logouts::again(&mut tx, notice.id, now + pause(notice.attempts, secret::bytes::<1>()), &said).await?;
            None
        }
        Came::Delivered => Some((Event::LogoutDelivered, "delivered")),
        Came::Refused => Some((Event::LogoutRefused, "refused")),
        Came::GivenUp => Some((Event::LogoutGivenUp, "given_up")),
    };
    if let Some((event, outcome)) = done
        && logouts::done(&mut tx, notice.id, now, outcome, &said).await?
    {
        audit::insert(&mut tx, &record(event, notice, &said, now)).await?;
    }
    tx.commit().await?;
    app.outbox.count(notice.client_id, came);
    let (client, session, attempts) = (notice.client_id, notice.session_id, notice.attempts);
    match came {
        Came::Delivered => tracing::debug!(%client, %session, attempts, "a client was told of a logout"),
        Came::Failed => {
            tracing::info!(%client, %session, attempts, said, "a client could not be told of a logout; it is tried again")
        }
        Came::Refused => tracing::warn!(%client, %session, attempts, said, "a client refused to be told of a logout"),
        Came::GivenUp => {
            tracing::warn!(%client, %session, attempts, said, "a client was not told of a logout; it is not tried again")
        }
    }
    Ok(())
}

fn record(event: Event, notice: &Notice, said: &str, at: DateTime<Utc>) -> Record {
    let record = Record::new(event, Actor::System, &Caller::default(), at);
    let record = record.user(notice.user_id).client(notice.client_id).session(notice.session_id);
    let record = if event == Event::LogoutDelivered { record } else { record.outcome("failed") };
    record.detail(json!({ "jti": notice.id, "attempts": notice.attempts, "said": said }))
}

/// The pause after so many attempts, a fifth more or less by chance: what failed together doesn't come again together.
fn pause(attempts: i64, [chance]: [u8; 1]) -> Duration {
    let nth = usize::try_from(attempts.max(1) - 1).unwrap_or(usize::MAX);
    let seconds = PAUSES.get(nth).or(PAUSES.last()).copied().unwrap_or(3600);
    Duration::from_millis(seconds * 800 + seconds * 400 * u64::from(chance) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_scatter() {
        let at = |attempts, chance| pause(attempts, [chance]).as_millis();
        assert_eq!((at(1, 0), at(1, 255)), (800, 1200));
        assert_eq!((at(2, 0), at(2, 255)), (4000, 6000));
        assert_eq!(at(6, 0), at(60, 0));
        assert_eq!((at(0, 0), at(i64::MAX, 255)), (800, 4_320_000));
    }
}
