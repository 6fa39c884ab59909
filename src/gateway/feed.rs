//! `GET /gateway/revocations`: the revocation log for gateways. Scope `chancery:feed`, the issuer as audience.
//!
//! Without `after`: a snapshot, with `ETag`. With it: what came since, at once or (`wait=`, up to 30 s) when there is
//! something. With `Accept: text/event-stream`: both, as it happens. `after` takes the `cursor` of an earlier answer; an
//! `as_of` alone is taken too, but can't notice that a failover lost writes.
//! Refused: a cursor that isn't of this log (410: take a snapshot), and any answer from a view that is not fresh (503).

use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::question::Question;
use super::{Stopping, batch, stream};
use crate::admin::problem;
use crate::app::App;
use crate::event::Caller;
use crate::live::{Feed, Located, NotReady, Place, epoch_of};
use crate::oauth::error::Error;
use crate::oauth::reply;
use crate::token::access;

/// The scope this needs.
pub const SCOPE: &str = "chancery:feed";

/// How long a reader who is ahead of this node waits for it to come after.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Proof that the presented token may read the feed. Only [`admit`] makes one.
pub(super) struct Reader {
    token: String,
}

/// Why there is no answer.
pub(super) enum Refused {
    Token(Error),
    Question(String),
    /// The reader's place is not one of this log.
    Void,
    /// The node can't answer now; another one may.
    Later(String),
}

impl From<NotReady> for Refused {
    fn from(why: NotReady) -> Self {
        Self::Later(why.to_string())
    }
}

/// Read the revocation log.
#[utoipa::path(
    get, path = "/gateway/revocations", tag = "gateway",
    params(
        ("after" = Option<String>, Query, description = "The `cursor` up to which the reader knows everything."),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for something new, up to 30. Needs `after`."),
    ),
    security(("access_token" = ["chancery:feed"])),
    responses(
        (status = 200, description = "All that stands, or what came after. With `Accept: text/event-stream` the same as events: `entry`, and `as_of` each second.", body = batch::Batch),
        (status = 304, description = "The place in `If-None-Match` is still the last."),
        (status = 400, description = "A parameter can't be read.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No access token, or an invalid one.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 410, description = "The cursor is not of this log: forget everything and take a snapshot.", body = problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "This node can't vouch for its view now; see Retry-After.", body = problem::Problem, content_type = "application/problem+json"),
    )
)]
pub async fn revocations(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(stopping): Extension<Stopping>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let word = |status, word, why: &str| problem::answer(status, word, why, &caller);
    match answer(app, stopping, &headers, query.as_deref().unwrap_or_default()).await {
        Ok(response) => response,
        Err(Refused::Token(error)) => problem::of(&error, &caller),
        Err(Refused::Question(why)) => word(StatusCode::BAD_REQUEST, "invalid_request", &why),
        Err(Refused::Void) => {
            let why = "this place is not one of this log; forget what came from it and take a snapshot (without after)";
            word(StatusCode::GONE, "void_cursor", why)
        }
        Err(Refused::Later(why)) => word(StatusCode::SERVICE_UNAVAILABLE, "not_ready", &why),
    }
}

async fn answer(app: App, mut stopping: Stopping, headers: &HeaderMap, query: &str) -> Result<Response, Refused> {
    let text = reply::bearer(headers, None).map_err(Refused::Token)?;
    let reader = admit(&app, text).await.map_err(Refused::Token)?;
    let question = Question::read(query, headers).map_err(Refused::Question)?;
    app.live.fresh()?;
    if let Some(place) = &question.after {
        reach(&app, place).await?;
    }
    if question.stream {
        // After a bare number all that stands is told again: the reader may have read that number in another log.
        let after = question.after.as_ref().filter(|place| !place.is_number()).map(Place::seq);
        return Ok(stream::open(app, reader, stopping, after));
    }
    let Some(after) = question.after.as_ref().map(Place::seq) else {
        return Ok(batch::snapshot(&app.live.snapshot()?, headers));
    };
    let mut feed = since(&app, after)?;
    if feed.entries.is_empty() && feed.as_of.seq == after && !question.wait.is_zero() {
        tokio::select! {
            () = app.live.wait_past(after, question.wait) => {}
            () = stopping.begun() => {}
        }
        admit(&app, &reader.token).await.map_err(Refused::Token)?;
        feed = since(&app, after)?;
    }
    Ok(batch::delta(&feed))
}

/// What came after a number, as long as the log is still in the number's epoch.
pub(super) fn since(app: &App, after: i64) -> Result<Feed, Refused> {
    let feed = app.live.after(after)?;
    if after >= 0 && epoch_of(feed.as_of.seq) != epoch_of(after) {
        return Err(Refused::Void);
    }
    Ok(feed)
}

/// Waits, within bounds, until this node has read as far as the reader.
async fn reach(app: &App, place: &Place) -> Result<(), Refused> {
    let locate = async || app.live.locate(place).await.map_err(|error| Refused::Token(error.into()));
    if locate().await? == Located::Ahead {
        app.live.wait_past(place.seq() - 1, CATCH_UP).await;
    }
    match locate().await? {
        Located::Known => Ok(()),
        Located::Void => Err(Refused::Void),
        Located::Ahead => Err(Refused::Later("this node has not read as far as the cursor yet".to_owned())),
    }
}

async fn admit(app: &App, text: &str) -> Result<Reader, Error> {
    access::verify(app, text).await?.for_own_api(app, SCOPE)?;
    Ok(Reader { token: text.to_owned() })
}

impl Reader {
    /// Whether the token still stands: neither expired nor revoked.
    pub async fn still_may(&self, app: &App) -> bool {
        admit(app, &self.token).await.is_ok()
    }
}
