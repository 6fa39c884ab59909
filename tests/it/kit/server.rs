//! The real program as a process of its own: started, asked, signalled, killed. It never outlives its test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::issuer::Issuer;

/// A running `chancery`, its standard error in a file.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `chancery serve` with just these variables, in `folder`; its log goes to `server.log` there.
    pub fn start<'a>(folder: &Path, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_chancery")).arg("serve"), folder, variables)
    }

    /// The same, with no more than so many files open at once.
    pub fn start_with_files<'a>(
        files: u32,
        folder: &Path,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let limited = format!("ulimit -n {files}; exec \"$0\" serve");
        Self::spawn(Command::new("/bin/sh").args(["-c", &limited, env!("CARGO_BIN_EXE_chancery")]), folder, variables)
    }

    fn spawn<'a>(
        command: &mut Command,
        folder: &Path,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let log = folder.join("server.log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = command
            .env_clear()
            .envs(variables)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// A process beside an issuer of these tests: the same database and keys.
    pub fn beside(issuer: &Issuer, port: u16) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let keys = issuer.keys();
        let variables = [
            ("CHANCERY_ISSUER", issuer.name.as_str()),
            ("CHANCERY_LISTEN", &listen),
            ("CHANCERY_MANAGEMENT", "off"),
            ("CHANCERY_DATABASE_URL", &issuer.database),
            ("CHANCERY_KEYS", keys.to_str().unwrap()),
        ];
        Self::start(keys.parent().unwrap(), variables)
    }

    /// Waits until it answers that it is ready; how long that took.
    pub async fn ready(&mut self, at: &str) -> Duration {
        let (http, from) = (super::actors::http(), Instant::now());
        while from.elapsed() < Duration::from_secs(20) {
            if http.get(format!("{at}/readyz")).send().await.is_ok_and(|answer| answer.status() == 200) {
                return from.elapsed();
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the server was not ready within 20 s:\n{}", self.log());
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end, up to a bound.
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        let from = Instant::now();
        while from.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server had not ended after {within:?}:\n{}", self.log());
    }

    /// Resident memory, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
