//! A private PostgreSQL for one test run: made in a temporary directory on the first call, gone with the process.
//!
//! Nothing outside is used or touched: no running server, no role, no port that anybody knows. The server runs under a
//! watchdog, a shell that holds our pipe: when the pipe closes, however this process died, it stops the server and
//! removes the directory.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::{fs::PermissionsExt, fs::chown, process::CommandExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use super::wait_until;

/// The oldest version Chancery supports.
const OLDEST: u32 = 15;

/// For clusters whose data need not outlive a crash of the machine.
const FLEETING: &str = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n";

/// Common to all. The odd time zone is there so that nothing leans on the server's.
const SETTINGS: &str = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\n\
    shared_buffers = '32MB'\nmax_wal_size = '256MB'\ntimezone = 'Pacific/Chatham'\nlog_timezone = 'UTC'\n";

/// Runs the server and waits for our word. End of file (we are gone): stop at once and leave nothing behind.
/// `halt` and `crash`: stop in good order, or as if the power went, and keep the data.
const WATCHDOG: &str = r#"
{ "$1/postgres" -D "$2/data" </dev/null >>"$2/log" 2>&1; : >"$2/ended"; } &
word=
read -r word
[ "$word" = halt ] && signal=INT || signal=QUIT
until [ -e "$2/ended" ]; do
    kill -s "$signal" "$(head -n 1 "$2/data/postmaster.pid")"
    sleep 0.05
done 2>/dev/null
[ -n "$word" ] || rm -rf "$2"
"#;

/// A server with its directory. Dropped, it stops and leaves nothing.
pub struct Cluster {
    home: PathBuf,
    port: u16,
    watchdog: Option<Child>,
}

/// How a stopped server was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended and everything is written.
    Halt,
    /// As if the power went: recovery has to read the log at the next start.
    Crash,
}

impl Cluster {
    /// A new cluster. `durable` ones survive a crash with every acknowledged commit, as in production; others are faster.
    pub fn start(durable: bool) -> Self {
        let home = tempfile::Builder::new().prefix("chancery-pg-").tempdir_in(place(durable)).unwrap().keep();
        fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
        if let Some(user) = server_user() {
            chown(&home, Some(user.uid), Some(user.gid)).unwrap();
        }
        let mut init = as_server_user(&binaries().join("initdb"));
        init.arg("-D").arg(home.join("data"));
        init.args(["-U", "chancery", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let made = init.current_dir(&home).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut settings = File::options().append(true).open(home.join("data/postgresql.conf")).unwrap();
        settings.write_all(SETTINGS.as_bytes()).unwrap();
        settings.write_all(if durable { "" } else { FLEETING }.as_bytes()).unwrap();
        let mut cluster = Self { home, port: 0, watchdog: None };
        cluster.launch();
        cluster
    }

    /// Stops the server and keeps its data, for tests that need it gone for a while.
    pub fn stop(&mut self, how: Stop) {
        let mut watchdog = self.watchdog.take().expect("the server runs");
        let word: &[u8] = if how == Stop::Halt { b"halt\n" } else { b"crash\n" };
        watchdog.stdin.take().unwrap().write_all(word).unwrap();
        watchdog.wait().unwrap();
    }

    /// Starts a stopped server again, on the port it had.
    pub fn resume(&mut self) {
        assert!(self.watchdog.is_none(), "the server is stopped");
        assert!(self.spawn(), "the server does not start again: {}", self.log());
    }

    /// Stops all its processes where they stand, as a machine that hangs does: connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let state = fs::read_to_string(self.home.join("data/postmaster.pid")).unwrap();
        let server = state.lines().next().unwrap();
        // The server first, so that it starts no other meanwhile; its children leave its process group.
        assert!(Command::new("kill").args([signal, server]).status().unwrap().success());
        for child in children(server) {
            // One that ends meanwhile is no fault.
            let _ = Command::new("kill").args([signal, &child]).status().unwrap();
        }
    }

    /// The URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://chancery@127.0.0.1:{}/{database}", self.port)
    }

    /// Where everything of this cluster lives.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What the server has written to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// A new database; its URL. `template0` gives an empty one.
    pub async fn create(&self, template: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        // Identifiers cannot be bound; both are ours. File copy is right for templates of many small tables: it costs two
        // checkpoints, which are nothing here, instead of logging every page.
        let statement = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy"#);
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
        connection.close().await.unwrap();
        self.url(&name)
    }

    /// Finds a free port and starts there; another process may take it in between, hence several attempts.
    fn launch(&mut self) {
        for _ in 0..8 {
            self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if self.spawn() {
                return;
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Starts the server under its watchdog; true once it takes connections.
    fn spawn(&mut self) -> bool {
        let ended = self.home.join("ended");
        let _ = fs::remove_file(&ended);
        fs::write(self.home.join("data/postgresql.auto.conf"), format!("port = {}\n", self.port)).unwrap();
        let mut shell = as_server_user(Path::new("/bin/sh"));
        shell.args(["-c", WATCHDOG, "watchdog"]).arg(binaries()).arg(&self.home).current_dir(&self.home);
        // A group of its own: Ctrl-C is for the tests, and the watchdog cleans up after them.
        let mut watchdog = shell.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        // The eighth line of this file is the one that `pg_ctl` waits for, too.
        let state = self.home.join("data/postmaster.pid");
        let mut running = false;
        wait_until("PostgreSQL to start or to give up", Duration::from_secs(60), || {
            let lines = fs::read_to_string(&state).unwrap_or_default();
            running = lines.lines().nth(7).is_some_and(|line| line.trim() == "ready");
            running || ended.exists()
        });
        if running {
            self.watchdog = Some(watchdog);
        } else {
            watchdog.stdin.take().unwrap().write_all(b"halt\n").unwrap();
            watchdog.wait().unwrap();
        }
        running
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match self.watchdog.take() {
            // Waiting closes the pipe first, and the watchdog cleans up.
            Some(mut watchdog) => drop(watchdog.wait()),
            None => drop(fs::remove_dir_all(&self.home)),
        }
    }
}

/// The cluster of this test run, started by whoever asks first. It stops when the process does, not before.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(false))
}

/// A new empty database in the shared cluster; its URL.
pub async fn database() -> String {
    shared().create("template0").await
}

/// A new database in the shared cluster, copied from `template`, to which nobody may be connected; its URL.
pub async fn database_from_template(template: &str) -> String {
    shared().create(template).await
}

/// A database prepared once for the whole run, of which every test gets its own copy. Held in a `static`.
pub struct Template(OnceCell<String>);

impl Template {
    pub const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// A fresh copy; its URL. `prepare` gets the URL of the empty original, on the first call only, and closes its
    /// connections before it returns.
    pub async fn database(&self, prepare: impl AsyncFnOnce(&str)) -> String {
        let name = self.0.get_or_init(|| async {
            let url = database().await;
            prepare(&url).await;
            url.rsplit('/').next().unwrap().to_owned()
        });
        database_from_template(name.await).await
    }
}

/// Where a cluster lives: in memory if it need not last and there is plenty, where a new database costs 15 ms instead of
/// 100 or more; else where temporary files go.
fn place(durable: bool) -> PathBuf {
    const PLENTY_KIB: u64 = 6 << 20;
    let number = |text: &str, line: &str, nth: usize| -> Option<u64> {
        text.lines().find(|found| found.starts_with(line))?.split_whitespace().nth(nth)?.parse().ok()
    };
    let df = Command::new("df").args(["-Pk", "/dev/shm"]).output();
    let shared = df.ok().and_then(|df| number(&String::from_utf8_lossy(&df.stdout), "tmpfs", 3));
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|info| number(&info, "MemAvailable:", 1));
    let plenty = [shared, memory].iter().all(|kib| kib.is_some_and(|kib| kib >= PLENTY_KIB));
    if plenty && !durable { PathBuf::from("/dev/shm") } else { std::env::temp_dir() }
}

/// The processes whose parent this is.
fn children(parent: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let of_parent = |number: &String| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // The name may have spaces and brackets in it; the parent is the second word behind it.
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(parent)
    };
    numbers.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(of_parent).collect()
}

/// The newest PostgreSQL on this machine that is new enough.
fn binaries() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let versions = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let debian = versions.max().filter(|&version| version >= OLDEST);
        let path = std::env::var_os("PATH").unwrap_or_default();
        debian
            .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")))
            .or_else(|| std::env::split_paths(&path).find(|directory| directory.join("postgres").is_file()))
            .expect("PostgreSQL 15 or newer is needed; `make deps` installs it")
    })
}

/// Whom the server runs as when we are root, whom PostgreSQL refuses.
struct ServerUser {
    uid: u32,
    gid: u32,
}

/// None when we are not root: then the server runs as we do.
fn server_user() -> Option<&'static ServerUser> {
    static USER: OnceLock<Option<ServerUser>> = OnceLock::new();
    let user = USER.get_or_init(|| {
        if id(&["-u"])? != 0 {
            return None;
        }
        let name = ["postgres", "nobody"].into_iter().find(|name| id(&["-u", name]).is_some());
        let name = name.expect("a user to run PostgreSQL, which refuses root");
        Some(ServerUser { uid: id(&["-u", name])?, gid: id(&["-g", name])? })
    });
    user.as_ref()
}

/// One number from `id`.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// A command that runs as the server's user.
fn as_server_user(program: &Path) -> Command {
    let Some(user) = server_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid), "--clear-groups".to_owned()]);
    command.arg("--").arg(program);
    command
}
