//! `chancery client logouts`: what a client was told of logouts (OpenID Connect Back-Channel Logout 1.0), for whoever is asked
//! why it wasn't.

use serde_json::{Value, json};

use super::desk::Desk;
use super::out::{Done, safe, table, time};
use crate::oidc::channels;
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
