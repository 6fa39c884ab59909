//! `chancery demo`: an issuer on embedded storage, the sample dashboard and the sample gateway, in one process on loopback.
//!
//! The samples still speak to the issuer by HTTP alone: they are handed addresses and client credentials, nothing else.
//! Everything is new at each start (`folder`). Settings of a real server are neither read nor touched. Refuses a port that
//! is taken, before anything is made, and says which flag chooses another.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use toml::{Table, Value};

use super::cast::{self, Cast};
use super::folder::Folder;
use super::{DashboardConfig, GatewayConfig};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Sources};
use crate::jobs::build::{Unbuilt, because, build};
use crate::jobs::serve;

/// How long a stop may take: the samples are not asked to finish what a browser never ends.
const GRACE: Duration = Duration::from_secs(5);

/// The three listeners, held before anything is made.
#[derive(Debug)]
pub struct Ports([TcpListener; 3]);

impl Ports {
    /// Takes those of issuer, dashboard and gateway, on loopback alone; 0 is any that is free.
    ///
    /// # Errors
    /// A port that is taken, with the flag that chooses another.
    pub fn take(wanted: [u16; 3]) -> Result<Self, Unbuilt> {
        let [issuer, dashboard, gateway] = wanted;
        Ok(Self([
            listen(issuer, "issuer", "--issuer-port")?,
            listen(dashboard, "dashboard", "--dashboard-port")?,
            listen(gateway, "gateway", "--gateway-port")?,
        ]))
    }
}

fn listen(port: u16, whose: &str, flag: &str) -> Result<TcpListener, Unbuilt> {
    let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = listening.map_err(|error| {
        let mend = format!("choose another port with {flag} (0 takes any that is free)");
        Unbuilt(format!("the {whose} can't listen on 127.0.0.1:{port}: {error}\n  {mend}"))
    })?;
    listener.set_nonblocking(true).map_err(because("the listener"))?;
    Ok(listener)
}

/// Where everything answers.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub issuer: String,
    pub dashboard: String,
    pub gateway: String,
}

impl Addresses {
    /// The resource the gateway protects.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("{}/api", self.gateway)
    }
}

/// A demo that is ready to serve.
pub struct Demo {
    pub at: Addresses,
    pub username: &'static str,
    pub password: String,
    /// A settings file by which the other commands work on the demo's database.
    pub settings: PathBuf,
    app: App,
    cast: Cast,
    ports: Ports,
    folder: Folder,
}

impl std::fmt::Debug for Demo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Demo").field("at", &self.at).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Demo {
    /// Makes folder, database, keys and registrations. The folder is `data`, else a passing one. Takes a second or two:
    /// RSA keys are searched for.
    ///
    /// # Errors
    /// Whatever can't be made.
    pub async fn open(ports: Ports, data: Option<&Path>) -> Result<Self, Unbuilt> {
        let Ports([issuer, dashboard, gateway]) = &ports;
        let at = Addresses { issuer: url(issuer)?, dashboard: url(dashboard)?, gateway: url(gateway)? };
        let folder = data.map_or_else(Folder::passing, Folder::named)?;
        let settings = folder.path().join("chancery.toml");
        std::fs::write(&settings, written(&at, folder.path(), address(issuer)?)?).map_err(because("settings"))?;
        let sources = Sources { cores: Sources::from_process().cores, ..Sources::default() };
        let config = Config::load(sources.with_config(Some(settings.clone()))).map_err(because("settings"))?;
        let app = build(config, Clock::system()).await?;
        let cast = cast::register(&app, &at).await?;
        Ok(Self { at, username: cast::USERNAME, password: cast.password.clone(), settings, app, cast, ports, folder })
    }

    /// The folder that stays behind, if one was named.
    #[must_use]
    pub fn left_behind(&self) -> Option<PathBuf> {
        self.folder.stays().then(|| self.folder.path().to_owned())
    }

    /// Serves all three until `stopped`, or until one of them fails, which ends the others.
    ///
    /// # Errors
    /// What failed.
    pub async fn serve(self, stopped: impl Future<Output = ()>) -> Result<(), Unbuilt> {
        let (dashboard, gateway) = self.samples()?;
        let Ports([at_issuer, at_dashboard, at_gateway]) = self.ports;
        let at_dashboard = tokio::net::TcpListener::from_std(at_dashboard).map_err(because("dashboard"))?;
        let at_gateway = tokio::net::TcpListener::from_std(at_gateway).map_err(because("gateway"))?;
        let (stop, stopping) = watch::channel(false);
        let until = || ended(stopping.clone());
        let mut servers = JoinSet::new();
        servers.spawn(serve::serve(self.app, at_issuer, until()));
        let served = super::dashboard(dashboard, at_dashboard, until());
        servers.spawn(async move { served.await.map_err(because("dashboard")) });
        let served = super::gateway(gateway, at_gateway, until());
        servers.spawn(async move { served.await.map_err(because("gateway")) });
        let early = tokio::select! {
            () = stopped => None,
            first = servers.join_next() => first,
        };
        let _ = stop.send(true);
        let failed = early.map(|first| first.map_err(because("a server failed")).flatten());
        let rest = tokio::time::timeout(GRACE, async {
            let mut all = Ok(());
            while let Some(one) = servers.join_next().await {
                all = all.and(one.map_err(because("a server failed")).flatten());
            }
            all
        });
        // Who is still there after the grace is cut off when `servers` is dropped.
        let rest = rest.await.unwrap_or(Ok(()));
        failed.unwrap_or(Ok(())).and(rest)
    }

    /// What dashboard and gateway are told.
    fn samples(&self) -> Result<(DashboardConfig, GatewayConfig), Unbuilt> {
        let Ports([_, at_dashboard, at_gateway]) = &self.ports;
        let dashboard = DashboardConfig {
            issuer: self.at.issuer.clone(),
            client_id: self.cast.dashboard.id.clone(),
            client_secret: self.cast.dashboard.secret.clone(),
            base_url: self.at.dashboard.clone(),
            gateway_url: self.at.gateway.clone(),
            resource: self.at.resource(),
            listen: address(at_dashboard)?,
            browser_client_id: Some(self.cast.browser.clone()),
        };
        let gateway = GatewayConfig {
            issuer: self.at.issuer.clone(),
            client_id: self.cast.gateway.id.clone(),
            client_secret: self.cast.gateway.secret.clone(),
            resource: self.at.resource(),
            listen: address(at_gateway)?,
        };
        Ok((dashboard, gateway))
    }
}

async fn ended(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Unbuilt> {
    listener.local_addr().map_err(because("the listener"))
}

fn url(listener: &TcpListener) -> Result<String, Unbuilt> {
    address(listener).map(|address| format!("http://{address}"))
}

/// The settings file of a demo.
fn written(at: &Addresses, folder: &Path, listen: SocketAddr) -> Result<String, Unbuilt> {
    let text = |path: &Path| {
        let plain = path.to_str().filter(|path| !path.contains(['?', '#']));
        plain.map(str::to_owned).ok_or_else(|| {
            Unbuilt(format!("{}: a database can't be kept under such a path: name another by --data", path.display()))
        })
    };
    let database = format!("sqlite://{}", text(&folder.join("chancery.db"))?);
    let section = |name: &str, value: String| Value::from(Table::from_iter([(name.to_owned(), value.into())]));
    let table = Table::from_iter([
        ("issuer".to_owned(), at.issuer.clone().into()),
        ("listen".to_owned(), listen.to_string().into()),
        ("management".to_owned(), "off".into()),
        ("database".to_owned(), section("url", database)),
        ("keys".to_owned(), section("directory", text(&folder.join("keys"))?)),
        ("limits".to_owned(), section("stop_grace", "2s".to_owned())),
        ("log".to_owned(), section("level", "warn".to_owned())),
        // The dashboard is told of logouts, and listens on loopback.
        ("fetch".to_owned(), section("allow_http", "on".to_owned())),
    ]);
    Ok(table.to_string())
}
