//! What is counted of requests: how many, how long, by route and answer. One meter an issuer, no global.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::Clock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Routed {
    route: String,
}

/// The meter.
#[derive(Debug, Clone)]
pub struct Meter {
    answered: Family<Answered, Counter>,
    took: Family<Routed, Histogram>,
    in_flight: Gauge,
    registry: Arc<Registry>,
    clock: Clock,
}

const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

impl Meter {
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        let answered = Family::<Answered, Counter>::default();
        let took = Family::<Routed, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        let in_flight = Gauge::default();
        let mut registry = Registry::with_prefix("chancery");
        registry.register("http_requests", "Requests answered, by method, route and status", answered.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to the answer, by route",
            Unit::Seconds,
            took.clone(),
        );
        registry.register("http_requests_in_flight", "Requests being answered now", in_flight.clone());
        Self { answered, took, in_flight, registry: Arc::new(registry), clock: clock.clone() }
    }

    /// Everything counted so far, in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut out, &self.registry);
        out
    }

    fn count(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = Answered { method: method.to_owned(), route: route.to_owned(), status };
        self.answered.get_or_create(&labels).inc();
        self.took.get_or_create(&Routed { route: route.to_owned() }).observe(took.as_secs_f64());
    }
}

/// Counts a request; a path that is no route is one label, whatever it was.
pub async fn measure(State(meter): State<Meter>, request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let from = meter.clock.monotonic();
    let counted = Counted::one(&meter.in_flight);
    let response = next.run(request).await;
    drop(counted);
    let (status, took) = (response.status().as_u16(), meter.clock.monotonic().saturating_sub(from));
    meter.count(&method, &route, status, took);
    tracing::debug!(method, route, status, took_us = took.as_micros(), "answered");
    response
}

/// A request in flight; it counts no longer when it is answered, or when its client has gone.
struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn one(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
