//! A real Chromium, driven over the WebDriver protocol (W3C WebDriver 2) by `chromedriver`.
//!
//! Browser, driver and profile go when the value is dropped, and also when this process dies: a shell that waits for the
//! end of its input does the killing, of the processes that carry this browser's mark and of no other.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};

/// How long a page may take.
const BOUND: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
const MISSING: &str =
    "needs a Chromium and its chromedriver: `make deps` installs them, or `apt-get install chromium chromium-driver`";

/// Starts the driver, waits for the end of the input, then ends whatever bears the mark.
const KEEPER: &str = r#"
"$DRIVER" --port=0 --log-level=SEVERE </dev/null &
cat >/dev/null
for round in 1 2 3; do
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [ "$pid" = $$ ] && continue
        if grep -qsz -- "$MARK" "$process/environ" "$process/cmdline"; then kill -9 "$pid" 2>/dev/null; fi
    done
done
rm -rf "$PROFILE"
"#;

/// A key by which an element is named in answers (WebDriver section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A Chromium with one window.
pub struct Chromium {
    keeper: Child,
    http: reqwest::Client,
    /// The driver's address of the session.
    session: String,
}

impl Chromium {
    pub async fn start() -> Self {
        let driver = program(&["chromedriver"]);
        let browser = program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);
        let mark = format!("chancery-browser-{}", chancery::secret::uuid_v4());
        let profile = std::env::temp_dir().join(&mark);
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .envs([("DRIVER", driver.as_os_str()), ("PROFILE", profile.as_os_str()), ("MARK", mark.as_ref())])
            .env("XDG_CONFIG_HOME", &profile)
            .env("XDG_CACHE_HOME", &profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let mut lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let port = tokio::task::spawn_blocking(move || {
            let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            });
            // Read on in the background: a full pipe would stop the driver.
            std::thread::spawn(move || lines.for_each(drop));
            port
        });
        let port = tokio::time::timeout(BOUND, port).await.expect("chromedriver starts in time").unwrap();
        let at = format!("http://127.0.0.1:{}", port.expect("chromedriver tells its port"));
        let http = reqwest::Client::builder().no_proxy().timeout(BOUND * 2).build().unwrap();
        let mut chromium = Self { keeper, http, session: at.clone() };
        let begun = chromium.post("/session", &capabilities(&browser, &profile)).await;
        chromium.session = format!("{at}/session/{}", begun["sessionId"].as_str().expect("a session"));
        chromium
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.tried(path, body).await.unwrap_or_else(|why| panic!("POST {path} {body}: {why}"))
    }

    async fn tried(&self, path: &str, body: &Value) -> Result<Value, String> {
        answer(self.http.post(format!("{}{path}", self.session)).json(body)).await
    }

    async fn get(&self, path: &str) -> Value {
        answer(self.http.get(format!("{}{path}", self.session))).await.unwrap_or_else(|why| panic!("GET {path}: {why}"))
    }

    pub async fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    pub async fn back(&self) {
        self.post("/back", &json!({})).await;
    }

    pub async fn url(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    /// Runs a script's body and gives what it returns.
    pub async fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": [] })).await
    }

    /// Runs a script's body until what it waits for is there, and gives that.
    pub async fn until(&self, what: &str, condition: &str) {
        let there = async {
            let asked = json!({ "script": format!("return Boolean({condition})"), "args": [] });
            while self.tried("/execute/sync", &asked).await != Ok(Value::Bool(true)) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(BOUND * 3, there).await.is_err() {
            panic!("{what}: not on {}: {}", self.url().await, self.body().await);
        }
    }

    /// Clicks what changes the page it stands on.
    pub async fn click(&self, id: &str) {
        let element = self.element(id).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// The cookie of that name for this address that a server set past all scripts, as the browser keeps it.
    pub async fn cookie(&self, address: &str, name: &str) -> Option<Value> {
        let all = self.devtools("Network.getCookies", json!({ "urls": [address] })).await;
        all["cookies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|cookie| cookie["name"] == name && cookie["httpOnly"] == true)
            .cloned()
    }

    /// The element of that id, once the page has it.
    async fn element(&self, id: &str) -> String {
        let find = json!({ "using": "css selector", "value": format!("[id=\"{id}\"]") });
        let found = async {
            loop {
                if let Ok(found) = self.tried("/element", &find).await {
                    return found[ELEMENT].as_str().unwrap().to_owned();
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(BOUND, found).await {
            Ok(element) => element,
            Err(_) => panic!("no #{id} on {}: {}", self.url().await, self.body().await),
        }
    }

    /// Whether the page, as it is now, has an element of that id.
    pub async fn has(&self, id: &str) -> bool {
        let find = json!({ "using": "css selector", "value": format!("[id=\"{id}\"]") });
        !self.post("/elements", &find).await.as_array().unwrap().is_empty()
    }

    /// What a person reads in that element.
    pub async fn text(&self, id: &str) -> String {
        let element = self.element(id).await;
        self.get(&format!("/element/{element}/text")).await.as_str().unwrap().to_owned()
    }

    /// What a person reads on the whole page.
    pub async fn body(&self) -> String {
        self.script("return document.body ? document.body.innerText : ''").await.as_str().unwrap_or_default().to_owned()
    }

    /// Types into a field what it shall hold.
    pub async fn fill(&self, id: &str, text: &str) {
        let element = self.element(id).await;
        self.post(&format!("/element/{element}/clear"), &json!({})).await;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    /// Clicks what leads to another page, and waits until that is there.
    pub async fn press(&self, id: &str) {
        self.mark().await;
        let element = self.element(id).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
        self.arrived(id).await;
    }

    /// Marks the page that is there, so that its successor can be told from it.
    pub async fn mark(&self) {
        self.script("window.seenBefore = true").await;
    }

    /// Waits for a whole page that bears no mark.
    pub async fn arrived(&self, why: &str) {
        let there = async {
            let asked =
                json!({ "script": "return !window.seenBefore && document.readyState === 'complete'", "args": [] });
            // Between two pages there is nothing that could answer.
            while self.tried("/execute/sync", &asked).await != Ok(Value::Bool(true)) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(BOUND, there).await.is_err() {
            panic!("{why} led nowhere from {}: {}", self.url().await, self.body().await);
        }
    }

    /// The windows there are, and a new one after them.
    pub async fn new_tab(&self) -> [String; 2] {
        let first = self.get("/window").await.as_str().unwrap().to_owned();
        let second = self.post("/window/new", &json!({ "type": "tab" })).await;
        [first, second["handle"].as_str().unwrap().to_owned()]
    }

    pub async fn switch(&self, window: &str) {
        self.post("/window", &json!({ "handle": window })).await;
    }

    pub async fn close_tab(&self) {
        answer(self.http.delete(format!("{}/window", self.session))).await.expect("the tab closes");
    }

    /// What the console has said since it was last asked.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" })).await;
        let said =
            |entry: &Value| format!("{}: {}", entry["level"].as_str().unwrap(), entry["message"].as_str().unwrap());
        entries.as_array().unwrap().iter().map(said).collect()
    }

    /// A command of the browser's own protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    /// Makes the window as wide as `width`, by day or by night.
    pub async fn show(&self, width: u32, scheme: &str) {
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
        let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// A picture of the whole page.
    pub async fn picture(&self, width: u32) -> Vec<u8> {
        let height = self.script("return Math.max(document.documentElement.scrollHeight, 800)").await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let shot =
            self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "clip": clip })).await;
        base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// How far the page is wider than its window.
    pub async fn overflow(&self) -> i64 {
        let script = "const e = document.documentElement; return e.scrollWidth - e.clientWidth";
        self.script(script).await.as_i64().unwrap()
    }

    /// Ends what `show` changed.
    pub async fn as_it_was(&self) {
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let ended = self.keeper.wait();
        if !std::thread::panicking() {
            ended.expect("the browser's keeper ends");
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let good = answer.status().is_success();
    let mut body: Value = answer.json().await.map_err(|error| error.to_string())?;
    if good { Ok(body["value"].take()) } else { Err(body["value"]["message"].to_string()) }
}

fn capabilities(browser: &Path, profile: &Path) -> Value {
    let arguments = [
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--no-proxy-server".to_owned(),
        "--lang=en-GB".to_owned(),
        format!("--user-data-dir={}", profile.display()),
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        // Logos come by https, here from a server whose certificate nobody knows.
        "acceptInsecureCerts": true,
        "goog:chromeOptions": { "binary": browser, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}

/// Where the first of these programs is.
fn program(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.find(|file| file.is_file()).unwrap_or_else(|| panic!("{}: {MISSING}", names[0]))
}
