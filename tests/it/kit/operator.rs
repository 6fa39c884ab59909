//! The operator: the real binary, with the settings of one issuer; and a server that is a process of its own.

use std::ffi::OsString;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::actors::RelyingParty;
use super::issuer::{Issuer, Kind};
use super::{actors, postgres, wait_until};

/// Whoever holds the command line of an issuer.
#[derive(Debug, Clone)]
pub struct Operator {
    environment: Vec<(String, OsString)>,
}

/// What a command answered.
#[derive(Debug, Clone)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// What was printed, as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let ran = self.ok();
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
    }

    /// Refused with this on standard error, and nothing on standard output.
    #[track_caller]
    pub fn refused(self, says: &str) -> Self {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{}", self.err);
        assert!(self.err.contains(says), "{:?} is not in {}", says, self.err);
        self
    }
}

impl Operator {
    /// Of an issuer of these tests.
    pub fn of(issuer: &Issuer) -> Self {
        Self::with(&issuer.name, &issuer.database, issuer.keys().to_str().unwrap())
    }

    fn with(name: &str, database: &str, keys: &str) -> Self {
        let cheap = [("MEMORY_KIB", "7168"), ("ITERATIONS", "1")];
        let operator = Self { environment: Vec::new() }
            .and("CHANCERY_ISSUER", name)
            .and("CHANCERY_MANAGEMENT", "off")
            .and("CHANCERY_DATABASE_URL", database)
            .and("CHANCERY_KEYS", keys);
        cheap
            .into_iter()
            .fold(operator, |op, (name, value)| op.and(&format!("CHANCERY_LOGIN__PASSWORD__{name}"), value))
    }

    /// The address of its database.
    pub fn database(&self) -> String {
        let mut named = self.environment.iter().filter(|(name, _)| name == "CHANCERY_DATABASE_URL");
        named.next().unwrap().1.to_str().unwrap().to_owned()
    }

    /// With one more variable.
    pub fn and(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The binary with these arguments and nothing of this process's own settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).envs(self.environment.iter().cloned());
        command.args(arguments).current_dir(std::env::temp_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs a command that is given something on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).spawn().unwrap();
        // A command that doesn't read is no fault.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) }
    }

    /// Runs `arguments --json` and reads the answer.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).json()
    }

    /// A user with the usual password, made by the command.
    #[track_caller]
    pub fn user(&self, name: &str, more: &[&str]) -> Value {
        let email = format!("{name}@example.test");
        let arguments = [&["user", "create", name, "--email", &email, "--password-stdin", "--json"], more].concat();
        self.run_with(&arguments, &format!("{}\n", actors::PASSWORD)).json()
    }

    /// A client made by the command, talking to a node at this address.
    #[track_caller]
    pub fn client(&self, at: &str, more: &[&str]) -> RelyingParty {
        let redirect = "https://rp.test/cb";
        let usual = ["client", "create", "--name", "Harbour Dashboard", "--redirect-uri", redirect];
        let consent = if more.contains(&"--consent") { [].as_slice() } else { &["--consent", "skip"] };
        let made = self.json(&[&usual, consent, more].concat());
        RelyingParty {
            id: made["client_id"].as_str().unwrap().parse().unwrap(),
            secret: made["client_secret"].as_str().map(str::to_owned),
            method: if made["client_secret"].is_string() { "client_secret_basic" } else { "none" }.to_owned(),
            redirect: redirect.to_owned(),
            scope: "openid profile email groups offline_access".to_owned(),
            at: at.to_owned(),
            http: actors::http(),
        }
    }
}

/// A server process and its operator, over a database of its own.
pub struct Server {
    pub operator: Operator,
    pub at: String,
    /// Where health and metrics are.
    pub management: String,
    pub database: String,
    pub folder: TempDir,
    process: Option<Child>,
}

impl Server {
    /// Everything as a first installation does it; not started yet.
    pub async fn install(kind: Kind) -> Self {
        let folder = TempDir::new().unwrap();
        let database = match kind {
            Kind::Sqlite => format!("sqlite://{}", folder.path().join("data/chancery.db").display()),
            Kind::Postgres => postgres::database().await,
        };
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (listen, management) = (port(), port());
        let at = format!("http://{listen}");
        let operator = Operator::with(&at, &database, folder.path().join("keys").to_str().unwrap())
            .and("CHANCERY_LISTEN", listen.to_string())
            .and("CHANCERY_MANAGEMENT", management.to_string());
        Self { operator, at, management: format!("http://{management}"), database, folder, process: None }
    }

    /// Starts the server and waits until it says that it is ready.
    pub fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.operator.command(&["serve"]);
        self.process = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        wait_until("the server to be ready", Duration::from_secs(30), || {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {}", self.log());
            self.operator.run(&["healthcheck"]).code == 0
        });
    }

    /// Stops it as an init system does; it must end by itself, well.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let killed = Command::new("kill").arg(process.id().to_string()).status().unwrap();
        assert!(killed.success());
        assert!(process.wait().unwrap().success(), "{}", self.log());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
