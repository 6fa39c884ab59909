//! `chancery demo`, the real program: what it prints, what it leaves alone, what it leaves behind.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::BOUND;
use crate::kit::actors::http;

const FREE: [&str; 6] = ["--issuer-port", "0", "--dashboard-port", "0", "--gateway-port", "0"];

/// A place to run the program in: settings of a real server lie about, and its temporary folder is our own.
struct Place {
    here: TempDir,
    temporary: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { here: TempDir::new().unwrap(), temporary: TempDir::new().unwrap() };
        std::fs::write(place.here.path().join("chancery.toml"), "issuer = \"https://real.example\"\nbroken = 1\n")
            .unwrap();
        place
    }

    fn chancery(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
        command.args(arguments).current_dir(self.here.path()).env("TMPDIR", self.temporary.path());
        command
            .env("CHANCERY_ISSUER", "https://real.example")
            .env("CHANCERY_DATABASE_URL", "postgres://localhost:1/real");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What is left in the temporary folder.
    fn left(&self) -> usize {
        std::fs::read_dir(self.temporary.path()).unwrap().count()
    }
}

/// A running demo; killed if a test fails.
struct Running(Child);

impl Running {
    /// Starts it, and gives what it prints up to the line that holds this.
    fn start(mut command: Command, last: &str) -> (Self, String) {
        let mut running = Self(command.spawn().unwrap());
        let mut output = BufReader::new(running.0.stdout.as_mut().unwrap());
        let mut said = String::new();
        while !said.contains(last) {
            assert_ne!(output.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
        (running, said)
    }

    /// Sends this signal and waits for the end.
    fn stop(mut self, signal: &str) -> Output {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
        crate::kit::wait_until(signal, BOUND, || self.0.try_wait().unwrap().is_some());
        let status = self.0.wait().unwrap();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.0.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        self.0.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Output { status, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds(file: &Path, text: &str) -> bool {
    std::fs::read(file).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn it_serves_all_three_and_leaves_nothing_behind() {
    let place = Place::new();
    let (running, line) = Running::start(place.chancery(&[&["demo", "--json"], &FREE[..]].concat()), "\n");
    let told: Value = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
    let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{name}: {told}"));
    let metadata = http().get(format!("{}/.well-known/openid-configuration", text("issuer"))).send().await.unwrap();
    assert_eq!(metadata.json::<Value>().await.unwrap()["issuer"], text("issuer"));
    assert!(http().get(text("dashboard")).send().await.unwrap().text().await.unwrap().contains("Harbour Dashboard"));
    let heard = async {
        while http().get(format!("{}/readyz", text("gateway"))).send().await.unwrap().status() != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(BOUND, heard).await.expect("the gateway hears the feed");

    // The other commands work on it by the settings it wrote.
    let mut list = place.chancery(&["--config", text("config"), "user", "list", "--json"]);
    let listed = list.env_clear().output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap_or_else(|why| panic!("{why}: {listed:?}"));
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["username"], text("username"));

    let all = files(place.temporary.path());
    assert!(all.len() > 3, "{all:?}");
    assert!(all.iter().all(|file| !holds(file, text("password"))), "the password is written down");
    let ended = running.stop("-INT");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(place.left(), 0);
    assert_eq!(files(place.here.path()).len(), 1, "nothing but the real server's settings, which were not read");
}

#[test]
fn it_prints_what_to_try_and_keeps_a_named_folder() {
    let place = Place::new();
    let data = place.here.path().join("kept");
    let arguments = [&["demo", "--data", data.to_str().unwrap()], &FREE[..]].concat();
    let (running, said) = Running::start(place.chancery(&arguments), "Ctrl-C");
    for part in ["Making keys", "Dashboard   http://127.0.0.1:", "Sign in as  ada", "Password    ", "lineage show ada"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains(data.to_str().unwrap()), "{said}");
    let ended = running.stop("-HUP");
    assert!(ended.status.success(), "{ended:?}");
    assert!(data.exists() && place.left() == 0);
    // A demo starts clean: what was kept is never gone on with.
    let again = place.chancery(&arguments).output().unwrap();
    let says = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(1), "{says}");
    assert!(says.contains("--data") && says.contains("is not empty"), "{says}");
}

#[test]
fn a_taken_port_is_told_with_the_flag_that_chooses_another() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (at, flag) in [(1, "--issuer-port"), (3, "--dashboard-port"), (5, "--gateway-port")] {
        let mut ports = FREE;
        ports[at] = &port;
        let refused = place.chancery(&[&["demo"], &ports[..]].concat()).output().unwrap();
        let says = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{says}");
        assert!(says.contains(&format!("127.0.0.1:{port}")) && says.contains(flag), "{says}");
        assert_eq!(place.left(), 0);
    }
    let refused = place.chancery(&["--set", "listen=127.0.0.1:1", "demo"]).output().unwrap();
    let says = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && says.contains("settings of its own"), "{says}");
}
