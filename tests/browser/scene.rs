//! A demo on free ports with a browser before it: what all journeys do, and the pictures.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use chancery::demo::run::{Addresses, Demo, Ports};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::driver::Chromium;

/// A demo, a browser, and where pictures go.
pub struct Scene {
    pub browser: Chromium,
    pub at: Addresses,
    pub username: &'static str,
    pub password: String,
    settings: PathBuf,
    pictures: Option<PathBuf>,
    taken: u32,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Scene {
    pub async fn open() -> Self {
        let demo = Demo::open(Ports::take([0, 0, 0]).unwrap(), None).await.unwrap();
        let (at, username, password) = (demo.at.clone(), demo.username, demo.password.clone());
        let settings = demo.settings.clone();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            demo.serve(stopped).await.unwrap();
        });
        let pictures = std::env::var_os("CHANCERY_SCREENSHOTS").map(PathBuf::from);
        let browser = Chromium::start().await;
        Self { browser, at, username, password, settings, pictures, taken: 0, stop, served }
    }

    /// Ends the demo, which stops within its grace although a browser holds connections.
    pub async fn close(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(Duration::from_secs(10), self.served).await.expect("the demo stops in time").unwrap();
    }

    /// Looks at the page at hand by day and by night, narrow and wide: nothing stands out at the side. Saves what it sees,
    /// if pictures are wanted.
    pub async fn picture(&mut self, name: &str) {
        self.taken += 1;
        for (width, scheme) in [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")] {
            self.browser.show(width, scheme).await;
            let wider = self.browser.overflow().await;
            assert_eq!(wider, 0, "{name} is wider than {width} px: {}", self.browser.url().await);
            if let Some(folder) = &self.pictures {
                std::fs::create_dir_all(folder).unwrap();
                let file = folder.join(format!("{:02}-{name}-{width}-{scheme}.png", self.taken));
                std::fs::write(file, self.browser.picture(width).await).unwrap();
            }
        }
        self.browser.as_it_was().await;
    }

    /// Opens the dashboard and goes to the sign-in page.
    pub async fn to_sign_in(&self) {
        self.browser.go(&self.at.dashboard).await;
        self.browser.press("sign-in").await;
        assert!(self.browser.has("login-submit").await, "no sign-in page: {}", self.browser.body().await);
    }

    /// Types the sample sign-in, with this password, and sends it.
    pub async fn sign_in_with(&self, password: &str) {
        self.browser.fill("username", self.username).await;
        self.browser.fill("password", password).await;
        self.browser.press("login-submit").await;
    }

    /// Presses a button of the dashboard that tells a result, and gives it.
    pub async fn result(&self, button: &str) -> String {
        self.browser.press(button).await;
        self.browser.text("result").await
    }

    /// Presses until the result holds this, for at most a second and what the last press itself takes.
    pub async fn within_a_second(&self, button: &str, says: &str) {
        let since = Instant::now();
        let mut told = self.result(button).await;
        while !told.contains(says) {
            assert!(since.elapsed() < Duration::from_secs(1), "not within a second: {says}\n{told}");
            told = self.result(button).await;
        }
    }

    /// Looks at the dashboard until it shows nobody: the issuer has told it that the session ended.
    pub async fn is_told(&self) {
        let since = Instant::now();
        self.browser.go(&self.at.dashboard).await;
        while self.browser.has("who").await {
            assert!(since.elapsed() < Duration::from_secs(10), "the dashboard is not told");
            self.browser.go(&self.at.dashboard).await;
        }
    }

    /// Types a command in another terminal, as the demo's start suggests, and gives what it prints.
    pub fn terminal(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
        let done = command.env_clear().arg("--config").arg(&self.settings).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// A further user, with the sample user's password.
    pub fn newcomer(&self, name: &str, full: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
        command.env_clear().arg("--config").arg(&self.settings);
        command.args(["user", "create", name, "--name", full, "--password-stdin"]);
        let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(running.stdin.take().unwrap(), "{}", self.password).unwrap();
        assert!(running.wait_with_output().unwrap().status.success(), "{name} is not created");
    }

    /// The console has said nothing but, for pages with an error status, that.
    pub async fn quiet(&self, expected: &[&str]) {
        let said = self.browser.console().await;
        let other: Vec<_> =
            said.iter().filter(|line| !expected.iter().any(|expected| line.contains(expected))).collect();
        assert!(other.is_empty(), "the console: {other:#?}");
    }
}
