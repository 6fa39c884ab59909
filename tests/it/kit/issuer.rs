//! A whole issuer on loopback, over either database: built from a template made once, served by the server's own code.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chancery::app::App;
use chancery::clock::Clock;
use chancery::config::{Argon2, Config, Sources};
use chancery::jobs::{build, serve};
use chancery::keyring::SealingKeys;
use chancery::live::Tuning;
use tempfile::TempDir;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;

use super::postgres::{self, Template};
use super::scan;

/// Which database a scenario runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Makes two tests of each `async fn name(kind: Kind)`: one for each database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() { super::$name(crate::kit::issuer::Kind::Sqlite).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() { super::$name(crate::kit::issuer::Kind::Postgres).await; }
        }
    )* };
}
pub(crate) use on_both;

/// How an issuer differs from the usual one.
pub struct Setup {
    /// The path of its name: nothing, or such as `/auth`.
    pub path: &'static str,
    pub clock: Clock,
    pub tuning: Tuning,
    pub change: Box<dyn FnOnce(&mut Config) + Send>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { path: "", clock: Clock::system(), tuning: Tuning::default(), change: Box::new(|_| {}) }
    }
}

impl Setup {
    /// A view that outlives a machine busy with other tests: for scenarios that are not about its freshness.
    pub fn patient() -> Self {
        let long = Duration::from_secs(20);
        Self { tuning: Tuning { patience: long, stale_after: long, ..Tuning::default() }, ..Self::default() }
    }

    /// A held clock, which the database's time is not held against.
    pub fn held(clock: &Clock) -> Self {
        let never = Duration::from_hours(24 * 365 * 100);
        let tuning = Tuning { clock_off: never, stale_after: never, ..Tuning::default() };
        Self { clock: clock.clone(), tuning, ..Self::default() }
    }
}

/// One node of an issuer, serving.
pub struct Issuer {
    pub app: App,
    /// What tokens say: the first node's address.
    pub name: String,
    /// Where this node listens, with the path.
    pub at: String,
    pub kind: Kind,
    pub database: String,
    folder: Arc<TempDir>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Issuer {
    pub async fn start(kind: Kind) -> Self {
        Self::start_with(kind, Setup::default()).await
    }

    pub async fn start_with(kind: Kind, setup: Setup) -> Self {
        scan::begin();
        let folder = Arc::new(TempDir::new().unwrap());
        let seed = seed().await;
        copy(&seed.keys, &folder.path().join("keys"));
        let database = match kind {
            Kind::Sqlite => {
                let file = folder.path().join("chancery.db");
                std::fs::copy(&seed.sqlite, &file).unwrap();
                format!("sqlite://{}", file.display())
            }
            Kind::Postgres => postgres::database_from_template(&seed.postgres).await,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("http://{}{}", listener.local_addr().unwrap(), setup.path);
        Self::node(kind, setup, (name, database), folder, listener).await
    }

    /// An issuer on an empty database of a cluster of its own, which can be taken away from it.
    pub async fn start_on(database: String, setup: Setup) -> Self {
        scan::begin();
        let folder = Arc::new(TempDir::new().unwrap());
        let keys = folder.path().join("keys");
        copy(&seed().await.keys, &keys);
        prepare(&database, &keys).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("http://{}{}", listener.local_addr().unwrap(), setup.path);
        Self::node(Kind::Postgres, setup, (name, database), folder, listener).await
    }

    /// Another server process's worth of the same issuer: its own pools, live view and port; the same database and keys.
    pub async fn another_node(&self, setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let names = (self.name.clone(), self.database.clone());
        Self::node(self.kind, setup, names, Arc::clone(&self.folder), listener).await
    }

    /// Stops, and starts again at the same address: whatever was in memory alone is gone.
    pub async fn restart(self, setup: Setup) -> Self {
        let (kind, folder) = (self.kind, Arc::clone(&self.folder));
        let address: SocketAddr = self.at.split('/').nth(2).unwrap().parse().unwrap();
        let names = (self.name.clone(), self.database.clone());
        self.stop().await;
        Self::node(kind, setup, names, folder, TcpListener::bind(address).unwrap()).await
    }

    async fn node(
        kind: Kind,
        setup: Setup,
        (name, database): (String, String),
        folder: Arc<TempDir>,
        listener: TcpListener,
    ) -> Self {
        let at = format!("http://{}{}", listener.local_addr().unwrap(), setup.path);
        listener.set_nonblocking(true).unwrap();
        let mut config = config(&name, &database, &folder.path().join("keys"));
        (setup.change)(&mut config);
        let store = build::open_store(&config).await.unwrap();
        let sealing = SealingKeys::ready(&config.keys, &store).await.unwrap();
        let app = build::assemble(config, setup.clock, (store, sealing), setup.tuning).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = app.clone();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            serve::serve(served, listener, stopped).await.unwrap();
        });
        let issuer = Self { app, name, at, kind, database, folder, stop: Some(stop), task: Some(task) };
        issuer.until("the node is ready", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
        issuer
    }

    /// Waits for a condition, up to five seconds.
    pub async fn until(&self, what: &str, mut check: impl AsyncFnMut(&Self) -> bool) {
        for _ in 0..500 {
            if check(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}: not within 5 s");
    }

    /// The folder of its keys.
    pub fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// A whole address on this node.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.at)
    }

    /// Stops serving, gracefully.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.task.take().unwrap().await.unwrap();
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        scan::nothing_found();
    }
}

/// Settings of a test issuer: cheap hashes, no management listener.
fn config(name: &str, database: &str, keys: &Path) -> Config {
    let sources = Sources::default()
        .with_variable("CHANCERY_ISSUER", name)
        .with_variable("CHANCERY_MANAGEMENT", "off")
        .with_variable("CHANCERY_DATABASE_URL", database)
        .with_variable("CHANCERY_KEYS", keys.to_str().unwrap());
    let mut config = Config::load(sources).unwrap();
    config.login.password = Argon2 { memory_kib: 64, iterations: 1, parallelism: 1 };
    // Tests are refused, and begin sign-ins, more often a minute than any honest client does.
    config.throttle.endpoint_failures = 100_000;
    config.throttle.interactions = 100_000;
    config.throttle.registrations = 100_000;
    config.throttle.documents = 100_000;
    config.throttle.device_requests = 100_000;
    config
}

/// A database of each kind with keys in it, made once a process: RSA keys take their time.
struct Seed {
    _folder: TempDir,
    keys: PathBuf,
    sqlite: PathBuf,
    postgres: String,
}

async fn seed() -> &'static Seed {
    static SEED: OnceCell<Seed> = OnceCell::const_new();
    static TEMPLATE: Template = Template::new();
    SEED.get_or_init(async || {
        let folder = TempDir::new().unwrap();
        let (keys, sqlite) = (folder.path().join("keys"), folder.path().join("seed.db"));
        SealingKeys::init(&keys).unwrap();
        prepare(&format!("sqlite://{}", sqlite.display()), &keys).await;
        let mut postgres = String::new();
        TEMPLATE
            .database(async |url: &str| {
                prepare(url, &keys).await;
                postgres = url.rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned();
            })
            .await;
        std::fs::remove_file(keys.join("highwater")).ok();
        Seed { _folder: folder, keys, sqlite, postgres }
    })
    .await
}

async fn prepare(database: &str, keys: &Path) {
    let config = config("http://127.0.0.1:7600", database, keys);
    let store = build::open_store(&config).await.unwrap();
    store.migrate().await.unwrap();
    build::found(&store, &config, &Clock::system()).await.unwrap();
    let sealing = SealingKeys::load(keys).unwrap();
    sealing.prove(&store, Clock::system().now()).await.unwrap();
    let app = build::assemble(config, Clock::system(), (store, sealing), Tuning::default()).await.unwrap();
    std::fs::remove_file(keys.join("highwater")).ok();
    app.store.close().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
