//! `GET /gateway/revocations` through its route: snapshot, delta, long poll, and every refusal.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use axum::{Router, response::Response};
use chancery::app::{App, Parts};
use chancery::config::{Config, Sources};
use chancery::event::Caller;
use chancery::fetch::{Fetch, KeySets};
use chancery::gateway::{Stopping, feed};
use chancery::http::assets::Assets;
use chancery::keyring::{Alg, Keyring, KeyringOptions, SealingKeys};
use chancery::live::LiveView;
use chancery::secret;
use chancery::throttle::{AuditRate, Beginnings, DeviceRequests, Failures, Permits, Registrations, RevocationRate};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

use super::{Ground, LONGEST, open};

const ISSUER: &str = "http://127.0.0.1:7600";
const NOTHING: [i64; 0] = [];
/// Well below the 30 s a poll may wait.
const SOON: Duration = Duration::from_secs(20);
const PATH: &str = "/gateway/revocations";

/// A node that serves the feed alone.
pub(super) struct Node {
    pub app: App,
    pub view: LiveView,
    stop: Arc<watch::Sender<bool>>,
    routes: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Node {
    /// A node whose view has been read.
    pub async fn on(ground: &Ground) -> Self {
        let view = ground.view().await;
        let store = open(&ground.url).await;
        let config = Config::load(Sources::default().with_variable("CHANCERY_ISSUER", ISSUER)).unwrap();
        let directory = ground.home.path().join("keys");
        let sealing = SealingKeys::load(&directory).or_else(|_| SealingKeys::init(&directory)).unwrap();
        let life = Duration::from_secs(LONGEST.unsigned_abs());
        let options = KeyringOptions { rsa_bits: 2048, ..KeyringOptions::new(life) };
        let keyring = Keyring::open(sealing, store.clone(), ground.clock.clone(), options).await.unwrap();
        let assets = Assets::of(&config.brand).unwrap();
        let fetch = Fetch::new(&config.fetch).unwrap();
        let (clock, live) = (ground.clock.clone(), view.clone());
        let (hashing, failures, beginnings) = (Permits::new(1, 1), Failures::new(60), Beginnings::new(60));
        let (revocation_rate, audit_rate) = (RevocationRate::default(), AuditRate::default());
        let key_sets = KeySets::new(fetch.clone(), clock.clone());
        let app = App::new(Parts {
            config,
            store,
            clock,
            keyring,
            live,
            hashing,
            revocation_rate,
            audit_rate,
            failures,
            beginnings,
            registrations: Registrations::new(60),
            documents: Beginnings::new(60),
            device_requests: DeviceRequests::new(60),
            assets,
            fetch,
            outbox: chancery::outbox::Outbox::default(),
            key_sets,
        });
        let (stop, stopping) = watch::channel(false);
        let routes = Router::new()
            .route(PATH, get(feed::revocations))
            .layer(Extension(Caller::default()))
            .layer(Extension(Stopping::when(stopping)))
            .with_state(app.clone());
        Self { app, view, stop: Arc::new(stop), routes }
    }

    /// A signed access token of a service client.
    pub fn token(&self, client: uuid::Uuid, claims: Value) -> String {
        let now = self.app.clock.now().timestamp();
        let mut all = json!({
            "iss": ISSUER, "aud": ISSUER, "iat": now, "exp": now + LONGEST, "jti": secret::uuid_v4(), "sub": client,
            "client_id": client, "scope": "chancery:feed", "rev_seq": self.view.cursor().unwrap().seq,
        });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.app.keyring.sign(Alg::Es256, "at+jwt", &all).unwrap().compact
    }

    pub async fn ask(&self, query: &str, token: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(format!("{PATH}{query}"));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn get_with(&self, query: &str, headers: &[(&str, &str)]) -> Told {
        let token = self.token(secret::uuid_v4(), json!({}));
        told(self.ask(query, &token, headers).await).await
    }

    async fn get(&self, query: &str) -> Told {
        self.get_with(query, &[]).await
    }

    pub fn stop(&self) {
        self.stop.send(true).unwrap();
    }
}

async fn told(response: Response) -> Told {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Told { status: parts.status, headers: parts.headers, body }
}

impl Told {
    fn seqs(&self) -> Vec<i64> {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.body["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect()
    }

    fn cursor(&self) -> &str {
        self.body["cursor"].as_str().unwrap()
    }

    /// A problem says what it is, and is kept by nobody.
    fn is_problem(&self, status: u16, word: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["type"], format!("urn:chancery:problem:{word}"), "{self:?}");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers.contains_key("retry-after"), status == 503, "{self:?}");
    }
}

#[tokio::test]
async fn a_snapshot_tells_all_that_stands() {
    for ground in Ground::both().await {
        let node = Node::on(&ground).await;
        let empty = node.get("").await;
        assert_eq!(
            (&empty.body["as_of"], &empty.body["entries"], &empty.body["stale_after"]),
            (&json!(0), &json!([]), &json!(5))
        );
        let user = ground.kill("user", "someone").await;
        let key = ground.kill_at("key", "kid-1", "access", ground.clock.now()).await;
        node.view.poll_once().await.unwrap();
        let full = node.get("").await;
        assert_eq!(full.body["as_of"], 2);
        assert_eq!(full.cursor(), node.view.cursor().unwrap().to_string());
        let (at, until) = (user.at.timestamp(), user.until.timestamp_micros().unsigned_abs().div_ceil(1_000_000));
        let expected = json!([
            { "seq": 1, "at": at, "kind": "user", "value": "someone", "reach": "lineage", "until": until },
            { "seq": 2, "at": key.at.timestamp(), "kind": "key", "value": "kid-1", "reach": "access", "until": null },
        ]);
        assert_eq!(full.body["entries"], expected);
        assert_eq!(full.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn a_snapshot_is_not_sent_twice() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    let first = node.get("").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    let strong = tag.trim_start_matches("W/").to_owned();
    for known in [tag.clone(), strong, format!("\"other\", {tag}"), "*".to_owned()] {
        let again = node.get_with("", &[("if-none-match", &known)]).await;
        assert_eq!((again.status, &again.body), (StatusCode::NOT_MODIFIED, &Value::Null), "{known}");
        assert_eq!(again.headers["etag"], tag.as_str());
    }
    ground.kill("user", "someone").await;
    node.view.poll_once().await.unwrap();
    let changed = node.get_with("", &[("if-none-match", &tag)]).await;
    assert_eq!(changed.seqs(), [1]);
    assert_ne!(changed.headers["etag"], tag.as_str());
}

#[tokio::test]
async fn a_delta_tells_what_came_after() {
    for ground in Ground::both().await {
        let node = Node::on(&ground).await;
        let start = node.get("").await;
        for value in ["one", "two", "three"] {
            ground.kill("user", value).await;
        }
        node.view.poll_once().await.unwrap();
        let all = node.get(&format!("?after={}", start.cursor())).await;
        assert_eq!(all.seqs(), [1, 2, 3]);
        assert!(!all.headers.contains_key("etag"));
        assert_eq!(node.get("?after=1").await.seqs(), [2, 3], "a number alone is taken, too");
        let none = node.get(&format!("?after={}", all.cursor())).await;
        assert_eq!((none.seqs(), none.cursor()), (vec![], all.cursor()));
        assert_eq!(node.get("?after=").await.seqs(), [1, 2, 3], "an empty parameter counts as left out");
    }
}

#[tokio::test]
async fn a_long_poll_answers_when_there_is_something() {
    for ground in Ground::both().await {
        let node = Arc::new(Node::on(&ground).await);
        let cursor = node.view.cursor().unwrap();
        let query = format!("?after={cursor}&wait=30");
        let asking = tokio::spawn({
            let (node, query) = (node.clone(), query.clone());
            async move { node.get(&query).await }
        });
        // Nothing new: the poll doesn't end the wait.
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.view.poll_once().await.unwrap();
        assert!(!asking.is_finished());
        ground.kill("user", "someone").await;
        node.view.poll_once().await.unwrap();
        let answer = tokio::time::timeout(SOON, asking).await.unwrap().unwrap();
        assert_eq!(answer.seqs(), [1]);
        // There already is something: no wait.
        assert_eq!(tokio::time::timeout(SOON, node.get(&query)).await.unwrap().seqs(), [1]);
        // A server that stops keeps nobody waiting.
        let waiting = format!("?after={}&wait=30", node.view.cursor().unwrap());
        node.stop();
        assert_eq!(tokio::time::timeout(SOON, node.get(&waiting)).await.unwrap().seqs(), NOTHING);
    }
}

#[tokio::test]
async fn a_long_poll_ends_empty_after_its_time() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    let answer = node.get(&format!("?after={}&wait=1", node.view.cursor().unwrap())).await;
    assert_eq!(answer.seqs(), NOTHING);
}

#[tokio::test]
async fn only_a_token_for_the_feed_is_let_in() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    let client = secret::uuid_v4();
    let asked = async |claims: Value| told(node.ask("", &node.token(client, claims), &[]).await).await;
    assert_eq!(asked(json!({})).await.status, StatusCode::OK);
    asked(json!({ "scope": "openid chancery:feeds" })).await.is_problem(403, "insufficient_scope");
    asked(json!({ "aud": "https://api.example" })).await.is_problem(401, "invalid_token");
    asked(json!({ "rev_seq": 7 })).await.is_problem(401, "invalid_token");
    let now = ground.clock.now().timestamp();
    asked(json!({ "exp": now, "iat": now - 60 })).await.is_problem(401, "invalid_token");
    asked(json!({ "exp": now + LONGEST + 1 })).await.is_problem(401, "invalid_token");
    let none = told(node.ask("", "", &[]).await).await;
    none.is_problem(401, "invalid_token");
    assert_eq!(none.headers["www-authenticate"], "Bearer realm=\"chancery\"");
    let token = node.token(client, json!({}));
    ground.kill("client", &client.to_string()).await;
    node.view.poll_once().await.unwrap();
    told(node.ask("", &token, &[]).await).await.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_place_of_another_log_is_gone() {
    for ground in Ground::both().await {
        let node = Node::on(&ground).await;
        ground.kill("user", "someone").await;
        node.view.poll_once().await.unwrap();
        let before = node.view.cursor().unwrap();
        for void in ["2", "1.AAAA", "9.AAAA", "4398046511105"] {
            node.get(&format!("?after={void}")).await.is_problem(410, "void_cursor");
        }
        let all = ground.restore(before.seq).await;
        node.view.poll_once().await.unwrap();
        for void in [before.to_string(), "1".to_owned(), "0".to_owned()] {
            node.get(&format!("?after={void}&wait=30")).await.is_problem(410, "void_cursor");
        }
        assert_eq!(node.get("").await.seqs(), [1, all.seq]);
    }
}

#[tokio::test]
async fn a_restore_ends_a_long_poll_as_gone() {
    let ground = Ground::sqlite().await;
    let node = Arc::new(Node::on(&ground).await);
    // A token of the new epoch, so that the place is what is judged.
    let asking = tokio::spawn({
        let node = node.clone();
        let query = format!("?after={}&wait=30", node.view.cursor().unwrap());
        async move { node.get(&query).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    ground.restore(0).await;
    node.view.poll_once().await.unwrap();
    let answer = tokio::time::timeout(SOON, asking).await.unwrap().unwrap();
    // What was issued before a restore is dead, the reader's own token first of all.
    answer.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_reader_ahead_of_this_node_waits_for_it() {
    for ground in Ground::both().await {
        let (ahead, behind) = (Node::on(&ground).await, Arc::new(Node::on(&ground).await));
        // It waits two seconds; a machine that is busy with other tests may need several turns to be quick enough.
        let mut turns = 0;
        let told = loop {
            ground.kill("user", "one").await;
            ahead.view.poll_once().await.unwrap();
            let query = format!("?after={}", ahead.view.cursor().unwrap());
            let asking = tokio::spawn({
                let behind = behind.clone();
                async move { behind.get(&query).await }
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            let two = ground.kill("user", "two").await.seq;
            behind.view.poll_once().await.unwrap();
            let answer = tokio::time::timeout(SOON, asking).await.unwrap().unwrap();
            turns += 1;
            if answer.status == StatusCode::OK || turns == 5 {
                break (answer.seqs(), two);
            }
        };
        assert_eq!(told.0, [told.1]);
        // A node that doesn't come after says so.
        ground.kill("user", "three").await;
        ahead.view.poll_once().await.unwrap();
        let query = format!("?after={}", ahead.view.cursor().unwrap());
        behind.get(&query).await.is_problem(503, "not_ready");
    }
}

#[tokio::test]
async fn a_view_that_is_not_fresh_tells_nothing() {
    for ground in Ground::both().await {
        let node = Node::on(&ground).await;
        ground.kill("user", "one").await;
        node.view.poll_once().await.unwrap();
        ground.clock.advance(Duration::from_secs(3));
        for query in ["", "?after=0", "?after=0&wait=30", "?after=9"] {
            node.get(query).await.is_problem(503, "not_ready");
        }
        node.view.poll_once().await.unwrap();
        assert_eq!(node.get("").await.seqs(), [1]);
        // A log that lost writes: nobody's token can be judged any more, so nothing is told.
        ground.lose_after(0).await;
        assert!(node.view.poll_once().await.is_err());
        node.get("").await.is_problem(503, "temporarily_unavailable");
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_refused() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    for query in [
        "?after=x",
        "?after=-1",
        "?after=0&after=0",
        "?after=0&wait=x",
        "?after=0&wait=-1",
        "?wait=3",
        "?after=%zz",
        "?after=0%00",
    ] {
        node.get(query).await.is_problem(400, "invalid_request");
    }
    assert_eq!(node.get("?colour=red").await.seqs(), NOTHING, "unknown parameters are ignored");
}
