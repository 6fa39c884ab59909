//! `chancery client logouts`: what a client was told of logouts (OpenID Connect Back-Channel Logout 1.0), for whoever is asked why it
//! wasn't. And, before an address is registered: whether the server of these settings would ever go there.
//!
//! Refused: an address that the guarded way out doesn't permit.

use serde_json::{Value, json};

use super::desk::Desk;
use super::out::{Done, Failure, safe, table, time};
use crate::fetch::Fetch;
use crate::oidc::channels;
use crate::store::client_metadata::Metadata;
use crate::store::clients::Client;
use crate::store::logouts::{self, Notice};

/// So many are shown.
const SHOWN: i64 = 100;

pub(super) async fn list(desk: &Desk, client: &Client) -> Done {
    let notices = logouts::of_client(&desk.store, client.id, SHOWN).await?;
    let json: Value = notices.iter().map(entry).collect();
    desk.out.give(&json, || {
        if (channels::BACK.uri)(&client.metadata).is_none() {
            return format!("{} has no back-channel address: it is told nothing\n", safe(&client.name));
        }
        let heads = ["ENDED", "SESSION", "USER", "STATE", "ATTEMPTS", "NEXT", "LAST ANSWER"];
        table(&heads, &notices.iter().map(row).collect::<Vec<_>>())
    })
}

fn state(notice: &Notice) -> &str {
    notice.outcome.as_deref().unwrap_or("waiting")
}

fn entry(notice: &Notice) -> Value {
    json!({
        "jti": notice.id,
        "session": notice.session_id,
        "user": notice.user_id,
        "ended_at": notice.ended_at,
        "state": state(notice),
        "attempts": notice.attempts,
        "due_at": notice.done_at.is_none().then_some(notice.due_at),
        "said": notice.said,
        "done_at": notice.done_at,
    })
}

fn row(notice: &Notice) -> Vec<String> {
    vec![
        time(notice.ended_at),
        notice.session_id.to_string(),
        notice.user_id.to_string(),
        state(notice).to_owned(),
        notice.attempts.to_string(),
        if notice.done_at.is_none() { time(notice.due_at) } else { String::new() },
        safe(notice.said.as_deref().unwrap_or_default()),
    ]
}

/// Whether the server would go where a client wants to be told.
pub(super) fn deliverable(desk: &Desk, metadata: &Metadata) -> Done {
    let Some(uri) = (channels::BACK.uri)(metadata) else { return Ok(()) };
    let fetch = Fetch::new(&desk.config.fetch).map_err(|error| Failure::new(error.to_string()))?;
    fetch
        .permits(uri)
        .map_err(|why| Failure::new(format!("{}: this server would never go there: {why}", channels::BACK.uri_member)))
}
