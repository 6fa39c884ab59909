//! The outbox, emptied: what has ended becomes notices, notices are delivered. Every node does both; rows are taken, so that no two
//! do one. Woken by what happens here; what other nodes and the command line wrote is found by looking, once a second.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::app::App;
use crate::oidc::notify;
use crate::store::{self, logouts};

/// How often somebody looks who was not woken.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(app: App) {
    let (mut work, mut turn) = (JoinSet::new(), 0);
    loop {
        let _ = tokio::time::timeout(LOOK, app.outbox.woken()).await;
        while work.try_join_next().is_some() {}
        turn += 1;
        if let Err(error) = once(&app, turn, &mut work).await {
            tracing::warn!(%error, "the outbox of logouts could not be looked at");
            tokio::time::sleep(LOOK).await;
        }
    }
}

async fn once(app: &App, turn: usize, work: &mut JoinSet<()>) -> store::Result<()> {
    while notify::expand_due(app).await? {
        // Deliveries don't wait until everybody's sessions are gone through.
        notify::start_due(app, turn, work).await?;
    }
    notify::start_due(app, turn, work).await?;
    app.outbox.set_waiting(logouts::waiting(&app.store).await?);
    Ok(())
}
