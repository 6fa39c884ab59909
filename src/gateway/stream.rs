//! The feed as server-sent events: `entry` as it happens (`id:` its number), `as_of` after it and each second.
//!
//! Ends when the server stops, when the presented token expires or is revoked, and when this node's view is no longer
//! fresh or begins a new epoch: the reader asks again, here or elsewhere, and is told what holds then.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Stopping;
use super::batch::{AsOf, Line};
use super::feed::{Reader, since};
use crate::app::App;
use crate::live::Cursor;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(1);

struct Flow {
    app: App,
    reader: Reader,
    stopping: Stopping,
    moves: watch::Receiver<Option<Cursor>>,
    beat: Interval,
    /// Up to where this reader has been told.
    told: i64,
    pending: VecDeque<Event>,
}

/// A stream of what comes after a number; without one, of everything that stands and then of what comes.
pub(super) fn open(app: App, reader: Reader, stopping: Stopping, after: Option<i64>) -> Response {
    let moves = app.live.moves();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let told = after.unwrap_or(i64::MIN);
    let flow = Flow { app, reader, stopping, moves, beat, told, pending: VecDeque::new() };
    let mut response = Sse::new(stream::unfold(flow, next)).into_response();
    // Some proxies gather a whole answer before they pass it on, unless told.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn next(mut flow: Flow) -> Option<(Result<Event, Infallible>, Flow)> {
    loop {
        if let Some(event) = flow.pending.pop_front() {
            return Some((Ok(event), flow));
        }
        tokio::select! {
            () = flow.stopping.begun() => return None,
            moved = flow.moves.changed() => moved.ok()?,
            _ = flow.beat.tick() => {
                if !flow.reader.still_may(&flow.app).await {
                    return None;
                }
            }
        }
        flow.gather()?;
    }
}

impl Flow {
    /// Whatever there is to tell. None when the stream has to end.
    fn gather(&mut self) -> Option<()> {
        let feed = since(&self.app, self.told).ok()?;
        for entry in &feed.entries {
            let event = Event::default().event("entry").id(entry.seq.to_string());
            self.pending.push_back(event.json_data(Line::from(&**entry)).ok()?);
        }
        self.pending.push_back(Event::default().event("as_of").json_data(AsOf::from(&feed.as_of)).ok()?);
        self.told = feed.as_of.seq;
        Some(())
    }
}
