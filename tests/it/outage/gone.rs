//! PostgreSQL stops in good order, as if the power went, and while it hangs: each with a cluster of its own.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::world::{World, all, come_again};
use crate::kit::actors::{Answer, http};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Setup};
use crate::kit::postgres::{Cluster, Stop};
use crate::kit::raw::{Raw, differences};

/// How the database goes away.
#[derive(Debug, Clone, Copy)]
enum Away {
    Stopped(Stop),
    /// It holds its connections and answers nothing.
    Hangs,
}

/// As long as any request may take, and some for a busy machine.
const BOUND: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_good_order() {
    away(Away::Stopped(Stop::Halt)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_if_the_power_went() {
    away(Away::Stopped(Stop::Crash)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_hangs() {
    away(Away::Hangs).await;
}

async fn status(issuer: &Issuer, path: &str) -> StatusCode {
    http().get(issuer.url(path)).send().await.unwrap().status()
}

async fn away(how: Away) {
    // Durable: what was acknowledged before the power went is what comes back.
    let mut cluster = Cluster::start(true);
    let url = cluster.create("template0").await;
    let issuer = Issuer::start_on(url.clone(), Setup::default()).await;
    let world = World::new(&issuer).await;
    let before = Raw::open(&url).await.dump().await;
    match how {
        Away::Stopped(stop) => cluster.stop(stop),
        Away::Hangs => cluster.freeze(),
    }
    issuer.until("it says that it is not ready", async |issuer| status(issuer, "/readyz").await == 503).await;
    refused(&issuer, &world).await;

    let back = Instant::now();
    match how {
        Away::Stopped(_) => cluster.resume(),
        Away::Hangs => cluster.thaw(),
    }
    issuer.until("ready by itself", async |issuer| status(issuer, "/readyz").await == 200).await;
    figure(&format!("outage, {how:?}: ready {:?} after it was back", back.elapsed()));
    let after = Raw::open(&url).await.dump().await;
    assert_eq!(differences(&before, &after), Vec::<String>::new(), "nothing was half done");
    world.goes_on(&issuer).await;
    issuer.stop().await;
}

/// All of it at once, and again: no answer hangs, and none is another than "come again".
async fn refused(issuer: &Issuer, world: &World) {
    for round in 0..2 {
        let apis = world.writes().into_iter().chain(world.reads()).collect();
        let pages = world.shown().into_iter().chain(world.pressed()).collect();
        let ((apis, took), (pages, took_pages)) = tokio::join!(all(apis), all(pages));
        for (name, answer) in &apis {
            come_again(name, answer, false);
        }
        for (name, answer) in &pages {
            come_again(name, answer, true);
        }
        figure(&format!(
            "outage, round {round}: {} answers within {took:?}, {} pages within {took_pages:?}",
            apis.len(),
            pages.len()
        ));
        assert!(took.max(took_pages) < BOUND);
    }
    // What needs no database is there.
    let paths = [
        "/healthz",
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/static/chancery.css",
    ];
    for path in paths {
        let from = Instant::now();
        assert_eq!(status(issuer, path).await, 200, "{path}");
        assert!(from.elapsed() < Duration::from_secs(1), "{path} took {:?}", from.elapsed());
    }
    let ready = Answer::of(http().get(issuer.url("/readyz")).send().await.unwrap()).await;
    assert_eq!((ready.status.as_u16(), ready.headers["retry-after"].to_str().unwrap()), (503, "1"));
    assert!(!ready.text.trim().is_empty(), "it says why");
}
