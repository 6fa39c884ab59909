//! Running a request to its end whatever its client does: a dropped connection never cancels a commit half way.
//!
//! Each request is a task of its own: its panic is an answer, not the end of the server. Past the deadline the client is told
//! "come again" (503, the outcome is unknown) while the work goes on to its end. Past the limit of requests in flight it is told
//! so at once. A body is read whole before any of that: a peer that dawdles with it holds no place and no task. Refused: a body
//! past the limit (unread, when it is announced), and one that doesn't come in time; the handler says so in its own words.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};

/// How many at once, how long each may take, and how long its body may be.
#[derive(Debug, Clone)]
pub struct Bounds {
    in_flight: Arc<Semaphore>,
    places: usize,
    deadline: Duration,
    /// For the body to arrive.
    reading: Duration,
    body: usize,
}

impl Bounds {
    #[must_use]
    pub fn new(in_flight: usize, deadline: Duration, body: usize) -> Self {
        Self { in_flight: Arc::new(Semaphore::new(in_flight)), places: in_flight, deadline, reading: deadline, body }
    }

    /// As many places again, for requests of another kind: a flood of one kind leaves the others theirs.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { in_flight: Arc::new(Semaphore::new(self.places)), ..self.clone() }
    }

    /// The same with another deadline: for answers that wait on purpose.
    #[must_use]
    pub fn waiting(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.apart() }
    }
}

/// Runs the request as its own task.
pub async fn settle(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let request = gathered(request, &bounds).await;
    let Ok(place) = Arc::clone(&bounds.in_flight).try_acquire_owned() else { return unavailable() };
    let work = async move {
        let _place = place;
        next.run(request).await
    };
    let work = tokio::spawn(work.instrument(Span::current()));
    match tokio::time::timeout(bounds.deadline, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request handler panicked");
            let mut response = plain(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"server_error"}"#);
            response.extensions_mut().insert(Unsettled::Broken);
            response
        }
        Err(_) => {
            tracing::warn!("a request took longer than its deadline; its work goes on");
            unavailable()
        }
    }
}

/// The request with its body read, or with one that can't be.
async fn gathered(request: Request, bounds: &Bounds) -> Request {
    let (parts, body) = request.into_parts();
    let fits = usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced <= bounds.body);
    let read = if fits { tokio::time::timeout(bounds.reading, to_bytes(body, bounds.body)).await.ok() } else { None };
    let body = match read {
        Some(Ok(bytes)) => Body::from(bytes),
        Some(Err(_)) | None => {
            let broken = std::io::Error::other("longer than the limit, or not here in time");
            Body::from_stream(stream::iter([Err::<axum::body::Bytes, _>(broken)]))
        }
    };
    Request::from_parts(parts, body)
}

/// Marks an answer that no handler gave: whoever knows pages may tell it on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsettled {
    /// Nothing is known to have been done.
    ComeAgain,
    /// A handler broke down.
    Broken,
}

/// "Come again": nothing is known to have been done.
fn unavailable() -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"temporarily_unavailable"}"#);
    response.extensions_mut().insert(Unsettled::ComeAgain);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn plain(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}
