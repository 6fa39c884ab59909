//! `chancery audit`: the audit trail, listed or followed as it is written.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::out::{Done, print, safe, table, time};
use crate::store::audit::{self, Row};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The newest rows, newest first
    List(List),
    /// Rows as they are written, until interrupted; with --json one object a line
    Follow,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// How many rows
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    /// Only rows before the one with this id
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,
}

/// How often new rows are looked for.
const PAUSE: Duration = Duration::from_millis(500);
/// How late a row may be committed after its time, and still be seen.
const LATE: TimeDelta = TimeDelta::seconds(15);
const PAGE: i64 = 1000;

pub(super) async fn run(desk: &Desk, command: Command) -> Done {
    match command {
        Command::List(List { limit, before }) => {
            let rows = audit::newest(&desk.store, before, limit).await?;
            let json: Value = rows.iter().map(view).collect();
            let heads = ["AT", "EVENT", "OUTCOME", "ACTOR", "ADDRESS", "DETAIL", "ABOUT"];
            desk.out.give(&json, || table(&heads, &rows.iter().map(cells).collect::<Vec<_>>()))
        }
        Command::Follow => follow(desk).await,
    }
}

/// Rows come by time, and one may be committed after another with a later time: so the last seconds are read again, and
/// what was shown is left out.
async fn follow(desk: &Desk) -> Done {
    let begun = desk.now();
    let mut since = begun;
    let mut shown = BTreeSet::new();
    loop {
        let rows = audit::since(&desk.store, since, PAGE).await?;
        for row in rows.iter().filter(|row| row.at >= begun && !shown.contains(&(row.at, row.id))) {
            let line = if desk.out.json { view(row).to_string() } else { cells(row).join("  ") };
            print(&format!("{line}\n"))?;
        }
        shown.extend(rows.iter().map(|row| (row.at, row.id)));
        let full = rows.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
        if let Some(last) = rows.last() {
            // A full page moves on by what it held; otherwise the window trails the newest row.
            since = if full { last.at } else { since.max(last.at - LATE) };
        }
        shown = shown.split_off(&(since, Uuid::nil()));
        if !full {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn view(row: &Row) -> Value {
    json!({
        "id": row.id,
        "at": row.at,
        "event": row.event,
        "outcome": row.outcome,
        "actor": row.actor,
        "user_id": row.user_id,
        "client_id": row.client_id,
        "session_id": row.session_id,
        "family_id": row.family_id,
        "address": row.address,
        "user_agent": row.user_agent,
        "request_id": row.request_id,
        "detail": row.detail.0,
    })
}

fn cells(row: &Row) -> Vec<String> {
    let about =
        [("user", row.user_id), ("client", row.client_id), ("session", row.session_id), ("family", row.family_id)];
    let about = about.into_iter().filter_map(|(name, id)| Some(format!("{name}:{}", id?)));
    vec![
        time(row.at),
        row.event.clone(),
        safe(&row.outcome),
        safe(&row.actor),
        safe(row.address.as_deref().unwrap_or_default()),
        detail(row),
        about.collect::<Vec<_>>().join(" "),
    ]
}

/// What else a row tells, as `name=value`.
fn detail(row: &Row) -> String {
    let Value::Object(members) = &row.detail.0 else { return String::new() };
    let said = members.iter().filter_map(|(name, value)| match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(format!("{name}={text}")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        other => Some(format!("{name}={other}")),
    });
    safe(&said.collect::<Vec<_>>().join(" ")).chars().take(120).collect()
}
