//! Telling clients that a session has ended, from server to server (OpenID Connect Back-Channel Logout 1.0).
//!
//! A kill writes one row (`revocation`); [`expand`] makes it into a notice for each session and client; [`deliver`] posts them.
//! Each step is a transaction that may be done again: whoever vanishes in between leaves a row that another takes when its time
//! is up, so that a client is told at least once, by tokens of one `jti`. A sign-out by the user tells the clients of his session
//! before he is sent on. Refused: telling of a session that stands (`token/notice`), and disabled clients.

mod deliver;
mod expand;

use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

pub use expand::expand_due;

use crate::app::App;
use crate::store::{self, logouts};

/// Over the longest a request of ours takes: after that another may think that we are gone.
const MARGIN: Duration = Duration::from_secs(10);

/// How long a notice is left to whoever took it.
fn lease(app: &App) -> Duration {
    app.config.fetch.timeout + MARGIN
}

/// Takes what is due, as far as there are places, and sets to work on it; how many. Each turn begins with another client.
pub async fn start_due(app: &App, turn: usize, work: &mut JoinSet<()>) -> store::Result<usize> {
    let now = app.clock.now();
    let mut clients = logouts::clients_due(&app.store, now).await?;
    let (mut started, from) = (0, turn.checked_rem(clients.len()).unwrap_or(0));
    clients.rotate_left(from);
    for client_id in clients {
        let places = app.outbox.places(client_id);
        if places.is_empty() {
            continue;
        }
        let most = i64::try_from(places.len()).unwrap_or(1);
        let notices = logouts::take(&app.store, client_id, now, now + lease(app), most).await?;
        started += notices.len();
        for (notice, place) in notices.into_iter().zip(places) {
            let app = app.clone();
            work.spawn(async move {
                deliver::deliver(&app, &notice).await;
                drop(place);
                app.outbox.wake();
            });
        }
    }
    Ok(started)
}

/// Tells the clients of a session whose own user has just signed out, and waits for them as long as the settings say. Who needs longer
/// is told all the same; who failed the last time isn't waited for.
pub async fn tell(app: &App, session_id: Uuid) {
    let within = app.config.logout.wait.min(app.config.limits.request_timeout / 2);
    let telling = tokio::spawn(tell_all(app.clone(), session_id));
    if tokio::time::timeout(within, telling).await.is_err() {
        tracing::debug!(%session_id, "a sign-out didn't wait any longer for its clients to be told");
    }
}

async fn tell_all(app: App, session_id: Uuid) {
    let notices = match expand::expand_session(&app, session_id).await {
        Ok(notices) => notices,
        Err(error) => {
            tracing::warn!(%error, %session_id, "the clients of a session could not be told at once; they are told later");
            return;
        }
    };
    let mut work = JoinSet::new();
    for notice in notices {
        let app = app.clone();
        work.spawn(async move { deliver::deliver(&app, &notice).await });
    }
    while work.join_next().await.is_some() {}
}
