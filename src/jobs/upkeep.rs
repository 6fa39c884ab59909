//! What runs beside the requests: the log is followed, keys are kept to their calendar, what has expired is swept, clients are
//! told of logouts.
//!
//! Every node runs all of it; nothing here needs a leader. A failure is logged and tried again.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::logouts;
use crate::app::App;
use crate::oauth::enrol;
use crate::store::sweep::{self, Horizon};

/// How often keys are looked at.
const KEYS: Duration = Duration::from_mins(1);
/// How often something is swept when there was little, and when there was much.
const CALM: Duration = Duration::from_secs(30);
const BUSY: Duration = Duration::from_millis(500);

/// Starts everything; each ends when `stop` says so.
#[must_use]
pub fn start(app: &App, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let ended = |mut stop: watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    jobs.spawn(app.live.clone().follow(ended(stop.clone())));
    jobs.spawn(until(stop.clone(), keys(app.clone())));
    jobs.spawn(until(stop.clone(), revoked_keys(app.clone())));
    jobs.spawn(until(stop.clone(), sweeping(app.clone())));
    jobs.spawn(until(stop.clone(), unused(app.clone())));
    jobs.spawn(until(stop.clone(), logouts::run(app.clone())));
    jobs
}

async fn until(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn keys(app: App) {
    loop {
        tokio::time::sleep(KEYS).await;
        if let Err(error) = app.keyring.maintain().await {
            tracing::warn!(%error, "the signing keys could not be looked after");
        }
    }
}

/// A key revoked anywhere stops signing here as soon as the log says so.
async fn revoked_keys(app: App) {
    let mut seen = app.live.key_revocations();
    while seen.changed().await.is_ok() {
        // Until it is done: a key that is revoked must neither sign nor verify here.
        while let Err(error) = app.keyring.reload_now().await {
            tracing::warn!(%error, "the key ring could not be reloaded after a key was revoked");
            tokio::time::sleep(BUSY).await;
        }
    }
}

/// What may be swept now; nothing while this node may not issue. A wall clock that runs ahead would take entries out of the
/// log that still cover live tokens, for every node: none goes that this node's own view still holds.
#[must_use]
pub fn horizon(app: &App) -> Option<Horizon> {
    app.live.issuing_allowed().ok()?;
    let (now, log) = (app.clock.now(), app.live.retired()?);
    Some(Horizon { now, log, codes: now - TimeDelta::days(1), lineage: now - app.config.lineage.keep })
}

/// Clients that registered themselves and have gone unused are deleted, and what is left of deleted ones is swept.
async fn unused(app: App) {
    loop {
        let mut pause = CALM;
        if app.live.issuing_allowed().is_ok() {
            match enrol::expire_unused(&app).await {
                Ok(gone) if gone > 0 => pause = BUSY,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "unused clients could not be deleted"),
            }
            if let Err(error) = enrol::sweep(&app).await {
                tracing::warn!(%error, "deleted clients could not be swept");
            }
        }
        tokio::time::sleep(pause).await;
    }
}

async fn sweeping(app: App) {
    loop {
        let Some(horizon) = horizon(&app) else {
            tokio::time::sleep(BUSY).await;
            continue;
        };
        let pause = match sweep::batch(&app.store, &horizon).await {
            Ok(gone) if gone > 100 => BUSY,
            Ok(_) => CALM,
            Err(error) => {
                tracing::warn!(%error, "expired rows could not be swept");
                CALM
            }
        };
        tokio::time::sleep(pause).await;
    }
}
