//! The door of a listener: how many connections may stand open, how long one may take to say what it wants, and what is told of
//! those that fail.
//!
//! Refused: one too many, at once; one that is silent, or not done with a TLS handshake, a first request or the headers of any
//! request within `limits.header_timeout`; one over HTTP/2 that no longer answers.

use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use axum_server::{Handle, Server};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Layer;

use crate::clock::Clock;
use crate::config::Limits;

/// What the doors of one server have in common.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub handle: Handle<SocketAddr>,
    pub limits: Limits,
    pub clock: Clock,
}

impl Door {
    /// A server behind this door.
    pub fn before<A>(&self, server: Server<SocketAddr, A>) -> Server<SocketAddr, Counted<A>> {
        let patience = self.limits.header_timeout;
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let told = [Seldom::new(&self.clock), Seldom::new(&self.clock)];
        let mut server = server
            .map(|inner| Counted { inner, places })
            .handle(self.handle.clone())
            .first_request_timeout(patience)
            .accept_error_handler(move |peer, error| tell(&told, peer, error));
        server.http_builder().http1().header_read_timeout(patience);
        server.http_builder().http2().keep_alive_interval(patience).keep_alive_timeout(patience);
        server
    }
}

/// A listener that can't accept is the operator's business, most often too few files; a peer that fails is its own.
fn tell([listener, crowd]: &[Seldom; 2], peer: Option<&SocketAddr>, error: &Error) {
    match peer {
        None => listener.say(|times| tracing::error!(%error, times, "connections can't be accepted")),
        Some(_) if error.kind() == ErrorKind::QuotaExceeded => {
            crowd.say(|times| tracing::warn!(%error, times, "a connection was closed at once"));
        }
        Some(peer) => tracing::debug!(%peer, %error, "a connection failed before its first request"),
    }
}

/// Lets so many connections in at once. A place is held by the connection's service, and so as long as either lives.
#[derive(Debug, Clone)]
pub(super) struct Counted<A> {
    inner: A,
    places: Arc<Semaphore>,
}

/// A connection's place.
type Place = Arc<OwnedSemaphorePermit>;

impl<A, I, S> Accept<I, S> for Counted<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Service: Send,
{
    type Stream = A::Stream;
    type Service = AddExtension<A::Service, Place>;
    type Future = Pin<Box<dyn Future<Output = Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let accepted = place.map(|place| (self.inner.accept(stream, service), place));
        Box::pin(async move {
            let full = || Error::new(ErrorKind::QuotaExceeded, "limits.connections are open");
            let (accepted, place) = accepted.ok_or_else(full)?;
            let (stream, service) = accepted.await?;
            Ok((stream, Extension(Place::new(place)).layer(service)))
        })
    }
}

/// Says the same thing no more often than every ten seconds, and how often it would have.
#[derive(Debug)]
struct Seldom {
    clock: Clock,
    said: Mutex<Option<Duration>>,
    times: AtomicU64,
}

impl Seldom {
    const PAUSE: Duration = Duration::from_secs(10);

    fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), said: Mutex::default(), times: AtomicU64::new(0) }
    }

    fn say(&self, how: impl FnOnce(u64)) {
        self.times.fetch_add(1, Ordering::Relaxed);
        let (now, mut said) = (self.clock.monotonic(), self.said.lock().unwrap_or_else(PoisonError::into_inner));
        if said.is_none_or(|said| now.saturating_sub(said) >= Self::PAUSE) {
            *said = Some(now);
            how(self.times.swap(0, Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_a_line_every_ten_seconds() {
        let clock = Clock::held(chrono::DateTime::UNIX_EPOCH);
        let (seldom, said) = (Seldom::new(&clock), Mutex::new(Vec::new()));
        for _ in 0..25 {
            for _ in 0..20 {
                seldom.say(|times| said.lock().unwrap().push(times));
            }
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(*said.lock().unwrap(), [1, 200, 200]);
    }
}
