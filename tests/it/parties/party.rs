//! A relying party as a process: started with its packages, talked with in JSON, a line each way, and never waited for
//! without a bound.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{OnceCell, mpsc};

/// How long a party may take for its next word.
const BOUND: Duration = Duration::from_secs(60);

/// Where the packages are.
struct Packages {
    node: PathBuf,
    modules: PathBuf,
    python: PathBuf,
}

/// Has them fetched, once a process; whoever comes meanwhile waits.
async fn packages() -> &'static Packages {
    static PACKAGES: OnceCell<Packages> = OnceCell::const_new();
    PACKAGES
        .get_or_init(async || {
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/parties.sh");
            let run = move || Command::new(script).env("CARGO_TARGET_DIR", target).stdin(Stdio::null()).output();
            let done = tokio::task::spawn_blocking(run).await.unwrap().expect("a shell");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            let told = String::from_utf8(done.stdout).unwrap();
            let told: BTreeMap<_, _> = told.lines().filter_map(|line| line.split_once('=')).collect();
            Packages { node: told["node"].into(), modules: told["modules"].into(), python: told["python"].into() }
        })
        .await
}

/// A running party. It ends with this value, and by itself when this process dies.
pub struct Party {
    script: &'static str,
    process: Child,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
    folder: TempDir,
}

impl Party {
    /// Starts a script of tests/parties and gives it its settings.
    pub async fn start(script: &'static str, settings: &Value) -> Self {
        let packages = packages().await;
        let folder = tempfile::Builder::new().prefix("party-").tempdir().unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parties");
        // Node looks for packages beside the script, so the scripts come to the packages.
        for file in std::fs::read_dir(scripts).unwrap().map(|entry| entry.unwrap().path()) {
            if file.is_file() {
                std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
            }
        }
        std::os::unix::fs::symlink(&packages.modules, folder.path().join("node_modules")).unwrap();
        let program = if script.ends_with(".py") { &packages.python } else { &packages.node };
        let errors = std::fs::File::create(folder.path().join("stderr")).unwrap();
        let mut process = Command::new(program)
            .arg(script)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .envs([("PYTHONDONTWRITEBYTECODE", "1"), ("NO_PROXY", "*")])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (told, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        let mut party = Self { script, process, input, lines, folder };
        party.hears(settings);
        party
    }

    /// Tells it something.
    pub fn hears(&mut self, what: &Value) {
        let line = format!("{what}\n");
        let told = self.input.as_mut().unwrap().write_all(line.as_bytes());
        told.unwrap_or_else(|error| panic!("{} does not listen ({error}):\n{}", self.script, self.errors()));
    }

    /// Its next word: what is said, and what of it.
    pub async fn says(&mut self) -> (String, Value) {
        let line = match tokio::time::timeout(BOUND, self.lines.recv()).await {
            Ok(Some(line)) => line,
            Ok(None) => panic!("{} ended:\n{}", self.script, self.errors()),
            Err(_) => panic!("{} said nothing for {BOUND:?}:\n{}", self.script, self.errors()),
        };
        match serde_json::from_str(&line) {
            Ok(Value::Object(said)) if said.len() == 1 => said.into_iter().next().unwrap(),
            _ => panic!("{} said {line:?}:\n{}", self.script, self.errors()),
        }
    }

    /// Its next word, which is to be this one.
    pub async fn must_say(&mut self, word: &str) -> Value {
        match self.says().await {
            (said, what) if said == word => what,
            (said, what) => panic!("{} said {said} {what}, not {word}:\n{}", self.script, self.errors()),
        }
    }

    /// What it complained of.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
