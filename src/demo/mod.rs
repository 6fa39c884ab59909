//! A sample dashboard (relying party) and a sample gateway (resource server) that use nothing but HTTP.
//!
//! They are what a dashboard team and a gateway team would write: OpenID Connect Core 1.0 §3.1, RFC 7636 (PKCE), RFC 9207
//! (`iss` in the answer) and RFC 7009 on one side; RFC 9068, RFC 7662, RFC 6750 and the revocation feed on the other.
//! `run` starts both beside an issuer: `chancery demo`.
//! They refuse an issuer that does not name itself as configured, and never follow redirects.

pub mod dashboard;
pub mod gateway;
pub mod jwt;
pub mod run;

mod cast;
mod folder;
mod issuer;
mod page;
mod web;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpListener;

pub use self::web::Trouble;
use crate::clock::Clock;

/// What the sample dashboard is told at its start.
#[derive(Clone)]
pub struct DashboardConfig {
    /// The issuer's identifier, without a trailing slash.
    pub issuer: String,
    /// This dashboard's client.
    pub client_id: String,
    /// Its secret, for `client_secret_basic`.
    pub client_secret: String,
    /// Where browsers reach the dashboard, without a trailing slash.
    pub base_url: String,
    /// Where the sample gateway answers, without a trailing slash.
    pub gateway_url: String,
    /// The resource (RFC 8707) the dashboard asks access tokens for.
    pub resource: String,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The client of the page that is a dashboard in the browser, if there is one; it has no secret.
    pub browser_client_id: Option<String>,
}

/// What the sample gateway is told at its start.
#[derive(Clone)]
pub struct GatewayConfig {
    /// The issuer's identifier, without a trailing slash.
    pub issuer: String,
    /// The gateway's own client: it introspects and reads the feed.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The resource it protects: the only `aud` it accepts.
    pub resource: String,
    /// The address to listen on.
    pub listen: SocketAddr,
}

impl DashboardConfig {
    /// Where the issuer sends the browser back with a code.
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.base_url)
    }

    /// Where the issuer sends the browser after a sign-out.
    pub fn post_logout_redirect_uri(&self) -> String {
        format!("{}/signed-out", self.base_url)
    }
}

impl fmt::Debug for DashboardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("base_url", &self.base_url)
            .field("gateway_url", &self.gateway_url)
            .field("resource", &self.resource)
            .field("listen", &self.listen)
            .field("browser_client_id", &self.browser_client_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for GatewayConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("resource", &self.resource)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// Serves the sample dashboard until `shutdown` completes.
///
/// # Errors
/// When no HTTP client can be made or the listener fails.
pub async fn dashboard(
    config: DashboardConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Trouble> {
    let app = dashboard::app(config, Clock::system())?;
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await.map_err(Trouble::Listener)
}

/// Serves the sample gateway, its feed reader beside it, until `shutdown` completes.
///
/// # Errors
/// When no HTTP client can be made or the listener fails.
pub async fn gateway(
    config: GatewayConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Trouble> {
    let (app, reader) = gateway::app(config, Clock::system())?;
    let reader = tokio::spawn(reader);
    let served = axum::serve(listener, app).with_graceful_shutdown(shutdown).await;
    reader.abort();
    served.map_err(Trouble::Listener)
}
