//! A relying party's back-channel endpoint: it validates what it is told as OpenID Connect Back-Channel Logout 1.0, section 2.6,
//! says, by the issuer's published metadata and keys alone, and answers as a script says.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chancery::demo::jwt::KeySet;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::kit::actors::http;

/// How it answers.
#[derive(Clone, Debug)]
pub enum Answers {
    Status(u16),
    /// Sent elsewhere.
    Redirect(String),
    /// Not within the life of a test.
    Never,
    /// A body that is said to be compressed.
    Encoded,
    /// More than anybody wants.
    Endless,
}

/// One post that came.
#[derive(Clone, Debug)]
pub struct Post {
    pub content_type: String,
    pub cookie: bool,
    pub body: String,
    pub token: String,
}

#[derive(Debug)]
struct Inside {
    posts: Vec<Post>,
    /// Taken one by one; the last one stays.
    answers: Vec<Answers>,
}

/// The endpoint, until dropped.
pub struct Receiver {
    pub uri: String,
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub async fn new() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), &[Answers::Status(200)]).await
    }

    pub async fn that(answers: &[Answers]) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), answers).await
    }

    pub async fn at(address: SocketAddr, answers: &[Answers]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Mutex::new(Inside { posts: Vec::new(), answers: answers.to_vec() }));
        let app = Router::new().route("/told", post(told)).with_state(Arc::clone(&inside));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { uri: format!("http://{address}/told"), address, inside, task }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    pub fn posts(&self) -> Vec<Post> {
        self.inside().posts.clone()
    }

    pub fn answer(&self, answers: Answers) {
        self.inside().answers = vec![answers];
    }

    /// The `sid` and `jti` of each post, unverified.
    pub fn told(&self) -> Vec<(String, String)> {
        let claims = |post: &Post| crate::kit::actors::claims(&post.token);
        let said = |claims: &Value, name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        self.posts().iter().map(|post| (said(&claims(post), "sid"), said(&claims(post), "jti"))).collect()
    }

    /// Waits for so many posts.
    pub async fn posted(&self, least: usize, within: Duration) -> Vec<Post> {
        let until = tokio::time::Instant::now() + within;
        while self.posts().len() < least {
            assert!(tokio::time::Instant::now() < until, "{} of {least} posts within {within:?}", self.posts().len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.posts()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn told(State(inside): State<Arc<Mutex<Inside>>>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let token = pairs.iter().find(|(name, _)| name == "logout_token").map(|(_, value)| value.clone());
    let said = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let answers = {
        let mut inside = inside.lock().unwrap();
        inside.posts.push(Post {
            content_type: said(header::CONTENT_TYPE).unwrap_or_default(),
            cookie: headers.contains_key(header::COOKIE),
            body,
            token: token.unwrap_or_default(),
        });
        if inside.answers.len() > 1 { inside.answers.remove(0) } else { inside.answers[0].clone() }
    };
    match answers {
        Answers::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answers::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Answers::Encoded => ([(header::CONTENT_ENCODING, "gzip")], vec![0_u8; 20]).into_response(),
        Answers::Endless => vec![b'x'; 4 * 1024 * 1024].into_response(),
        Answers::Never => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            StatusCode::OK.into_response()
        }
    }
}

/// A relying party that has never seen this server's insides.
pub struct Validator {
    pub issuer: String,
    pub client_id: String,
    keys: KeySet,
    seen: HashSet<String>,
}

impl Validator {
    pub async fn of(issuer: &str, client_id: &str) -> Self {
        let get = async |url: String| http().get(url).send().await.unwrap().text().await.unwrap();
        let metadata: Value =
            serde_json::from_str(&get(format!("{issuer}/.well-known/openid-configuration")).await).unwrap();
        let keys = KeySet::parse(&get(metadata["jwks_uri"].as_str().unwrap().to_owned()).await).unwrap();
        Self { issuer: issuer.to_owned(), client_id: client_id.to_owned(), keys, seen: HashSet::new() }
    }

    /// Section 2.6, step by step, at this time; the claims of a token that passed.
    pub fn validate(&mut self, token: &str, alg: &str, now: i64) -> Result<Map<String, Value>, String> {
        let (head, _) = chancery::demo::jwt::show(token).ok_or("not a JWT")?;
        if head.get("alg").and_then(Value::as_str) != Some(alg) {
            return Err(format!("alg {:?}", head.get("alg")));
        }
        if head.get("typ").and_then(Value::as_str) != Some("logout+jwt") {
            return Err(format!("typ {:?}", head.get("typ")));
        }
        let claims = self.keys.open(token).map_err(|why| why.to_string())?.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let number = |name: &str| claims.get(name).and_then(Value::as_i64);
        if text("iss") != Some(self.issuer.as_str()) {
            return Err("iss".to_owned());
        }
        if text("aud") != Some(self.client_id.as_str()) {
            return Err("aud".to_owned());
        }
        if number("iat").is_none_or(|iat| iat > now + 5 || iat < now - 120) {
            return Err("iat".to_owned());
        }
        // "It is RECOMMENDED that Logout Tokens have a short expiration time, preferably at most two minutes".
        if number("exp").zip(number("iat")).is_none_or(|(exp, iat)| exp <= now || exp - iat > 120) {
            return Err("exp".to_owned());
        }
        if text("sub").is_none() && text("sid").is_none() {
            return Err("neither sub nor sid".to_owned());
        }
        let event =
            claims.get("events").and_then(|events| events.get("http://schemas.openid.net/event/backchannel-logout"));
        if event.and_then(Value::as_object).is_none_or(|event| !event.is_empty()) {
            return Err("events".to_owned());
        }
        if claims.contains_key("nonce") {
            return Err("nonce".to_owned());
        }
        if !self.seen.insert(text("jti").ok_or("no jti")?.to_owned()) {
            return Err("jti seen before".to_owned());
        }
        Ok(claims)
    }
}
