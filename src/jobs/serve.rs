//! A whole server: listeners, TLS, jobs, and a stop that finishes what is in flight.

use std::net::{SocketAddr, TcpListener};

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::ring::default_provider;
use tokio::sync::watch;

use super::build::{Unbuilt, because, build};
use super::door::Door;
use super::{notices, upkeep};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Tls};
use crate::gateway::Stopping;
use crate::http::meter::Meter;
use crate::router;

/// Runs a server until `stopped`.
pub async fn run(config: Config, stopped: impl Future<Output = ()>) -> Result<(), Unbuilt> {
    notices::tell(&config);
    let app = build(config, Clock::system()).await?;
    let listener = listen(app.config.listen)?;
    serve(app, listener, stopped).await
}

/// A listener on this address; who has it is for the operator to find out.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Unbuilt> {
    let listener =
        TcpListener::bind(address).map_err(|error| Unbuilt(format!("{address} can't be listened on: {error}")))?;
    listener.set_nonblocking(true).map_err(because("the listener"))?;
    Ok(listener)
}

/// Serves an app on a listener until `stopped`, then finishes what is in flight within the grace.
pub async fn serve(app: App, listener: TcpListener, stopped: impl Future<Output = ()>) -> Result<(), Unbuilt> {
    let meter = Meter::new(&app.clock);
    let (stop, stopping) = watch::channel(false);
    // The log is followed to the last answer: a node that looks away must not issue.
    let (end, ending) = watch::channel(false);
    let mut jobs = upkeep::start(&app, &ending);
    let handle = Handle::new();
    let door = Door { handle: handle.clone(), limits: app.config.limits.clone(), clock: app.clock.clone() };
    let mut servers = tokio::task::JoinSet::new();
    if let Some(address) = app.config.management {
        let management = listen(address)?;
        servers.spawn(bound(management, None, router::management(&app, &meter), &door).await?);
    }
    let tls = match &app.config.tls {
        Some(tls) => Some(armour(tls).await?),
        None => None,
    };
    let address = listener.local_addr().map_err(because("the listener"))?;
    servers.spawn(bound(listener, tls, router::public(&app, &meter, Stopping::when(stopping.clone())), &door).await?);
    tracing::info!(issuer = app.config.issuer.as_str(), %address, "serving");
    stopped.await;
    tracing::info!("stopping: finishing what is in flight");
    let _ = stop.send(true);
    handle.graceful_shutdown(Some(app.config.limits.stop_grace));
    while servers.join_next().await.is_some() {}
    let _ = end.send(true);
    while jobs.join_next().await.is_some() {}
    app.store.close().await;
    Ok(())
}

/// One listener's server, as a future that ends with the handle.
async fn bound(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    routes: Router,
    door: &Door,
) -> Result<impl Future<Output = ()> + Send + use<>, Unbuilt> {
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let work: std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>> = match tls {
        Some(tls) => {
            let server = axum_server::from_tcp_rustls(listener, tls).map_err(because("the listener"))?;
            let patience = door.limits.header_timeout;
            Box::pin(door.before(server.map(|acceptor| acceptor.handshake_timeout(patience))).serve(service))
        }
        None => {
            let server = axum_server::from_tcp(listener).map_err(because("the listener"))?;
            Box::pin(door.before(server).serve(service))
        }
    };
    Ok(async move {
        if let Err(error) = work.await {
            tracing::error!(%error, "a listener ended");
        }
    })
}

/// TLS 1.2 and 1.3, by rustls with ring.
async fn armour(tls: &Tls) -> Result<RustlsConfig, Unbuilt> {
    // A second installation in one process finds the first: the same provider.
    let _ = default_provider().install_default();
    let (certificate, key) = (tls.certificate.clone(), tls.key.clone());
    RustlsConfig::from_pem_file(certificate, key).await.map_err(|error| {
        Unbuilt(format!("tls.certificate ({}) and tls.key ({}): {error}", tls.certificate.display(), tls.key.display()))
    })
}

/// Ends on SIGTERM or SIGINT, listened for from now on.
pub fn signalled() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    async {
        let Ok((mut term, mut int)) = signals else {
            tracing::error!("signals can't be listened for; stopping only by being killed");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}
