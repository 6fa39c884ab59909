//! The loop that keeps the view fresh for as long as the server runs. No error ends it.

use std::pin::pin;
use std::time::Duration;

use super::LiveView;

/// What is listened to; whoever writes an entry tells it.
const CHANNEL: &str = "chancery_revocation";

/// How long to go on without listening after that failed: polling alone is right, only later.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

impl LiveView {
    /// Polls until `shutdown`, every interval and whenever something is told; ever more slowly while polls fail. Then the
    /// view's own connections are closed: it is of no more use.
    pub async fn follow(self, shutdown: impl Future<Output = ()>) {
        {
            let mut shutdown = pin!(shutdown);
            let mut polling = pin!(self.keep_polling());
            let mut listening = pin!(self.keep_listening());
            tokio::select! {
                () = &mut shutdown => {}
                () = &mut polling => {}
                () = &mut listening => {}
            }
        }
        if let Some(keeper) = &self.0.highwater {
            keeper.hurry();
            self.note().await;
        }
        // SQLite's connections are everybody's.
        if !self.0.aside.is_embedded() {
            self.0.aside.close().await;
        }
    }

    async fn keep_polling(&self) {
        let tuning = self.0.tuning;
        let mut pause = tuning.interval;
        let mut failing = false;
        loop {
            match self.poll_once().await {
                Ok(_) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("the revocation log is read again");
                    }
                    pause = tuning.interval;
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "the revocation log can't be read; trying again");
                    }
                    pause = (pause * 2).min(tuning.backoff.max(tuning.interval));
                }
            }
            // Only a poll that goes well may be hastened: told or not, a database that is away is left in peace.
            if failing {
                tokio::time::sleep(pause).await;
            } else {
                let _ = tokio::time::timeout(pause, self.0.kick.notified()).await;
            }
        }
    }

    async fn keep_listening(&self) {
        if !self.0.tuning.listen || self.0.aside.is_embedded() {
            return std::future::pending().await;
        }
        loop {
            let heard = self.listen().await;
            if let Err(error) = heard {
                tracing::debug!(%error, "not listening for revocations; polling goes on");
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Asks for a poll at every word, until the connection is lost.
    async fn listen(&self) -> crate::store::Result<()> {
        let Some(mut listener) = self.0.aside.listen(CHANNEL).await? else { return Ok(()) };
        while listener.heard().await? {
            self.0.kick.notify_one();
        }
        Ok(())
    }
}
