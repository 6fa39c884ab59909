//! The gateway's status page: what it hears, how old it is, what it holds.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::page;
use super::{SCOPE, Shared};

const SHOWN: usize = 50;

/// The status page.
#[derive(Template)]
#[template(path = "demo/gateway.html")]
struct Status<'a> {
    issuer: &'a str,
    resource: &'a str,
    scope: &'a str,
    fresh: bool,
    words: String,
    position: String,
    age: String,
    stale_after: String,
    trouble: Option<String>,
    total: usize,
    entries: Vec<Line>,
}

/// One entry, as shown.
struct Line {
    seq: u64,
    at: String,
    kind: String,
    value: String,
    until: String,
}

/// `GET /`.
pub(super) async fn status(State(gateway): State<Shared>) -> Response {
    let state = gateway.feed.state(gateway.now());
    let words = match (state.fresh, state.position) {
        (true, _) => "The feed is fresh: tokens are judged here, without asking the issuer.",
        (false, None) => "No snapshot of the revocation log yet: every offline call is refused.",
        (false, Some(_)) => {
            "The issuer has been silent for too long: every offline call is refused until it is heard again."
        }
    };
    let page = Status {
        issuer: &gateway.config.issuer,
        resource: &gateway.config.resource,
        scope: SCOPE,
        fresh: state.fresh,
        words: words.to_owned(),
        position: state.position.map_or_else(|| "none".into(), |position| position.to_string()),
        age: state.age.map_or_else(|| "never".into(), |age| format!("{} ago", seconds(age))),
        stale_after: state.position.map_or_else(|| "not known yet".into(), |_| seconds(state.stale_after)),
        trouble: state.trouble,
        total: state.entries.len(),
        entries: state.entries.iter().take(SHOWN).map(line).collect(),
    };
    page::secured(page::html(StatusCode::OK, &page), None)
}

/// `GET /readyz`: 200 while the feed is fresh.
pub(super) async fn ready(State(gateway): State<Shared>) -> (StatusCode, &'static str) {
    if gateway.feed.state(gateway.now()).fresh {
        (StatusCode::OK, "the revocation feed is fresh\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the revocation feed is not fresh\n")
    }
}

fn line(entry: &super::coverage::Entry) -> Line {
    Line {
        seq: entry.seq,
        at: page::hour(entry.at),
        kind: format!("{:?}", entry.kind).to_lowercase(),
        value: entry.value.clone(),
        until: entry.until.map_or_else(|| "for ever".into(), page::hour),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
