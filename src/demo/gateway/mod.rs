//! The sample gateway: one small API, judged in two ways.
//!
//! `/offline/api/shipments` verifies the access token by the issuer's keys (RFC 9068) and looks it up in a copy of the
//! revocation feed: no request to the issuer per call. `/introspect/api/shipments` asks the issuer (RFC 7662). Both refuse
//! when they can't be sure. Read `coverage.rs` first: it is the whole rule of what a revocation reaches.

pub mod coverage;
pub mod feed;
pub mod sse;

mod answer;
mod api;
mod introspect;
mod offline;
mod pages;
mod reader;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use self::feed::{Feed, Moment};
use super::issuer::Issuer;
use super::{GatewayConfig, Trouble, page};
use crate::clock::Clock;

/// The scope the API asks for.
const SCOPE: &str = "shipments:read";

/// Everything a request of the gateway may need.
struct Gateway {
    config: GatewayConfig,
    issuer: Issuer,
    feed: Feed,
    clock: Clock,
}

type Shared = Arc<Gateway>;

impl Gateway {
    fn now(&self) -> Moment {
        Moment { elapsed: self.clock.monotonic(), unix: self.clock.now().timestamp() }
    }
}

/// The gateway's routes, and the feed reader, which runs until it is dropped.
///
/// # Errors
/// When no HTTP client can be made.
pub fn app(
    config: GatewayConfig,
    clock: Clock,
) -> Result<(Router, impl Future<Output = ()> + Send + 'static), Trouble> {
    let issuer = Issuer::new(config.issuer.clone(), clock.clone())?;
    let gateway = Arc::new(Gateway { config, issuer, feed: Feed::default(), clock });
    let reader = reader::run(gateway.clone());
    let routes = Router::new()
        .route("/", get(pages::status))
        .route("/readyz", get(pages::ready))
        .route("/offline/api/shipments", get(api::offline))
        .route("/introspect/api/shipments", get(api::introspect))
        .merge(page::assets()?)
        .with_state(gateway);
    Ok((routes, reader))
}
