//! The samples: the sign-in's checks, the buttons, the gateway's judgement, its copy of the feed.
//!
//! They run against a small issuer made for these tests, which can be told to lie, and (`whole`) against the real one.

mod command;
mod fake;
mod feed;
mod gateway;
mod journey;
mod refusals;
mod sse;
mod told;
mod whole;

use std::time::Duration;

use chancery::clock::Clock;
use chancery::demo::{DashboardConfig, GatewayConfig};
use tokio::net::TcpListener;

use fake::Fake;

/// The three addresses, all being served, with the issuer's strings to pull.
struct Harbour {
    fake: Fake,
    dashboard: String,
    gateway: String,
    http: reqwest::Client,
}

const BOUND: Duration = Duration::from_secs(10);

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Serves dashboard and gateway (which lives by this clock), each with its client's id and secret.
fn samples(issuer: &str, clients: [(String, String); 2], at: (TcpListener, TcpListener), clock: Clock) {
    let (dashboard, gateway) = at;
    let [(client_id, client_secret), service] = clients;
    let gateway_url = format!("http://{}", gateway.local_addr().unwrap());
    let config = DashboardConfig {
        issuer: issuer.into(),
        client_id,
        client_secret,
        base_url: format!("http://{}", dashboard.local_addr().unwrap()),
        gateway_url: gateway_url.clone(),
        resource: format!("{gateway_url}/api"),
        listen: dashboard.local_addr().unwrap(),
        browser_client_id: None,
    };
    tokio::spawn(chancery::demo::dashboard(config, dashboard, std::future::pending()));
    let config = GatewayConfig {
        issuer: issuer.into(),
        client_id: service.0,
        client_secret: service.1,
        resource: format!("{gateway_url}/api"),
        listen: gateway.local_addr().unwrap(),
    };
    let (app, reader) = chancery::demo::gateway::app(config, clock).unwrap();
    tokio::spawn(reader);
    tokio::spawn(async move { axum::serve(gateway, app).await });
}

impl Harbour {
    async fn open() -> Self {
        Self::open_with(Clock::system()).await
    }

    /// The gateway lives by this clock.
    async fn open_with(clock: Clock) -> Self {
        let (at_dashboard, at_gateway) = (listener().await, listener().await);
        let base = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (dashboard, gateway) = (base(&at_dashboard), base(&at_gateway));
        let fake = Fake::serve(&format!("{gateway}/api"), &format!("{dashboard}/callback")).await;
        let named = |id: &str, secret: &str| (id.to_owned(), secret.to_owned());
        let clients = [named("dashboard", "a secret: with %signs&"), named("gateway", "another")];
        samples(&fake.issuer, clients, (at_dashboard, at_gateway), clock);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { fake, dashboard, gateway, http }
    }

    async fn get(&self, url: &str, token: Option<&str>) -> (u16, String, String) {
        let request = self.http.get(url);
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let answer = request.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge.unwrap_or_default(), answer.text().await.unwrap())
    }

    /// Calls the gateway until it answers with this status.
    async fn until(&self, path: &str, token: Option<&str>, status: u16) -> (String, String) {
        let url = format!("{}{path}", self.gateway);
        let wait = async {
            loop {
                let (answered, challenge, body) = self.get(&url, token).await;
                if answered == status {
                    return (challenge, body);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let answered = tokio::time::timeout(BOUND, wait).await;
        answered.unwrap_or_else(|_| panic!("{path} did not answer {status} within {BOUND:?}"))
    }
}

/// One browser: it keeps a cookie and follows no redirect by itself.
struct Browser<'a> {
    harbour: &'a Harbour,
    cookie: Option<String>,
}

struct Shown {
    status: u16,
    location: Option<String>,
    text: String,
}

impl<'a> Browser<'a> {
    fn new(harbour: &'a Harbour) -> Self {
        Self { harbour, cookie: None }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Shown {
        let request = self.cookie.iter().fold(request, |request, cookie| request.header("cookie", cookie));
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Some(set) = header("set-cookie") {
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        let (status, location) = (answer.status().as_u16(), header("location"));
        Shown { status, location, text: answer.text().await.unwrap() }
    }

    async fn get(&mut self, url: &str) -> Shown {
        let url = if url.starts_with('/') { format!("{}{url}", self.harbour.dashboard) } else { url.to_owned() };
        self.send(self.harbour.http.get(url)).await
    }

    /// Presses a button of the dashboard.
    async fn press(&mut self, path: &str) -> Shown {
        let dashboard = &self.harbour.dashboard;
        let request = self.harbour.http.post(format!("{dashboard}{path}")).header("origin", dashboard);
        self.send(request).await
    }

    /// Presses a button and reads the page it leads to.
    async fn result(&mut self, path: &str) -> String {
        let pressed = self.press(path).await;
        assert_eq!(pressed.status, 303, "{path}: {}", pressed.text);
        let page = self.get(&pressed.location.unwrap()).await;
        assert!(page.text.contains("id=\"result\""), "{path}: {}", page.text);
        page.text
    }

    /// Goes to the issuer and comes back with its answer, not yet shown to the dashboard.
    async fn answer(&mut self) -> String {
        let to_issuer = self.press("/sign-in").await.location.expect("a redirect to the issuer");
        assert!(to_issuer.starts_with(&self.harbour.fake.issuer), "{to_issuer}");
        self.get(&to_issuer).await.location.expect("a redirect back")
    }

    async fn sign_in(&mut self) {
        let answer = self.answer().await;
        let back = self.get(&answer).await;
        assert_eq!(back.status, 303, "{}", back.text);
    }
}
