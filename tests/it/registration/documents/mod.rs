//! Clients that are metadata documents (draft-ietf-oauth-client-id-metadata-document): what MCP clients use.

mod flow;
mod kept;
mod refused;
mod seams;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::config::Config;
use chancery::secret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::fetch::servers::{Authority, Script, Server, script};
use crate::kit::actors::{Answer, Browser, Flow, http};
use crate::kit::issuer::{Issuer, Setup};

/// A host that serves documents over TLS, and what it says now.
pub struct Host {
    pub server: Server,
    says: Arc<Mutex<Vec<u8>>>,
    folder: TempDir,
}

impl Host {
    pub async fn new() -> Self {
        let says = Arc::<Mutex<Vec<u8>>>::default();
        let said = Arc::clone(&says);
        let answers = script(move |mut wire| {
            let answer = said.lock().unwrap().clone();
            async move {
                wire.write_all(&answer).await?;
                wire.shutdown().await
            }
        });
        Self { says, ..Self::that(answers).await }
    }

    /// One that does what a script says, and nothing else.
    pub async fn that(script: Script) -> Self {
        let (authority, folder) = (Authority::new("ours"), TempDir::new().unwrap());
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::at(at, Some(authority.server("localhost")), script).await;
        Self { server, says: Arc::default(), folder }
    }

    /// The URL of its document, which is a client.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/tide/client.json", self.server.address.port())
    }

    /// What a public client's document says at least.
    pub fn document(&self) -> Value {
        json!({
            "client_id": self.url(), "client_name": "Tide Table", "redirect_uris": ["https://localhost/cb", "http://127.0.0.1/cb"],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "token_endpoint_auth_method": "none", "scope": "openid email",
        })
    }

    /// The same with other members; null takes one away.
    pub fn with(&self, more: Value) -> Value {
        let mut all = self.document();
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        all
    }

    pub fn answer(&self, raw: impl Into<Vec<u8>>) {
        *self.says.lock().unwrap() = raw.into();
    }

    /// From now on it says this.
    pub fn says(&self, document: &Value, headers: &str) {
        let body = document.to_string();
        let length = body.len();
        self.answer(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ));
    }

    /// An issuer at which its documents are clients.
    pub fn setup(&self, setup: Setup) -> Setup {
        let file = self.folder.path().join("ca.pem");
        let before = setup.change;
        let change = move |config: &mut Config| {
            before(config);
            config.registration.documents = true;
            config.fetch.allow = vec!["127.0.0.0/8".parse().unwrap()];
            config.fetch.extra_ca = Some(file);
        };
        Setup { change: Box::new(change), ..setup }
    }
}

/// A flow of the client with this id.
pub fn flow(issuer: &Issuer, client_id: &str, redirect: &str, more: &[(&str, &str)]) -> Flow {
    let [verifier, state] = [(); 2].map(|()| URL_SAFE_NO_PAD.encode(secret::bytes::<32>()));
    let challenge = URL_SAFE_NO_PAD.encode(secret::sha256(&[verifier.as_bytes()]));
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect),
        ("scope", "openid email"),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    pairs.extend_from_slice(more);
    let url = format!("{}/oauth2/authorize?{}", issuer.at, chancery::http::params::encode(pairs));
    Flow { verifier, state, url }
}

pub async fn token(issuer: &Issuer, client_id: &str, form: &[(&str, &str)]) -> Answer {
    let form: Vec<_> = form.iter().copied().chain([("client_id", client_id)]).collect();
    Answer::of(http().post(issuer.url("/oauth2/token")).form(&form).send().await.unwrap()).await
}

/// From the sign-in to the first tokens.
pub async fn tokens(issuer: &Issuer, client_id: &str, redirect: &str, browser: &mut Browser) -> Answer {
    let flow = flow(issuer, client_id, redirect, &[]);
    let code = browser.code(&flow, "alice").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect),
        ("code_verifier", &flow.verifier),
    ];
    token(issuer, client_id, &form).await.ok()
}

/// What the authorization endpoint says to a client, without a browser's patience.
pub async fn asks(issuer: &Issuer, client_id: &str) -> Answer {
    let flow = flow(issuer, client_id, "https://localhost/cb", &[]);
    Answer::of(http().get(&flow.url).send().await.unwrap()).await
}

/// A page that names `client_id`, and leads nowhere.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(!answer.headers.contains_key("location"));
    assert!(answer.text.contains("client_id") && answer.text.contains(says), "{says}: {}", answer.text);
}
