//! What gateways read, so that they can judge tokens without a call per request.

mod batch;
pub mod feed;
pub mod protected_resource;
mod question;
mod stream;

use tokio::sync::watch;

/// Tells whatever waits or streams that the server is about to stop. The assembly puts it on the routes as an extension.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Stops once `true` is sent, or the sender is gone.
    #[must_use]
    pub fn when(stop: watch::Receiver<bool>) -> Self {
        Self(stop)
    }

    /// Waits for it.
    pub async fn begun(&mut self) {
        // An error means that nobody is left who could tell: that is a stop, too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
