//! The feed as an event stream: what it begins with, what it tells, and what ends it.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::response::Response;
use chancery::live::LiveView;
use chancery::secret;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::feed::Node;
use super::{Ground, until};

const SOON: Duration = Duration::from_secs(20);

/// One event.
#[derive(Debug, Default, Clone)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

/// A reader of events.
struct Ear {
    body: BodyDataStream,
    text: String,
}

impl Ear {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let mut read = Event::default();
                for line in event.lines() {
                    match line.split_once(": ").unwrap() {
                        ("event", name) => read.name = name.to_owned(),
                        ("id", id) => read.id = Some(id.to_owned()),
                        ("data", data) => read.data = serde_json::from_str(data).unwrap(),
                        other => panic!("{other:?}"),
                    }
                }
                self.text = rest.to_owned();
                return Some(read);
            }
            let piece = tokio::time::timeout(SOON, self.body.next()).await.expect("a stream that goes on or ends")?;
            self.text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    /// The numbers of the entries up to the next `as_of`, and that.
    async fn batch(&mut self) -> (Vec<i64>, Value) {
        let mut seqs = Vec::new();
        loop {
            let event = self.next().await.expect("an event");
            if event.name == "as_of" {
                assert_eq!(event.id, None);
                return (seqs, event.data);
            }
            assert_eq!(event.name, "entry");
            let seq = event.data["seq"].as_i64().unwrap();
            assert_eq!(event.id, Some(seq.to_string()));
            seqs.push(seq);
        }
    }

    /// Whether the stream ends, whatever it tells before.
    async fn ends(&mut self) -> bool {
        let mut left = 20;
        while left > 0 && self.next().await.is_some() {
            left -= 1;
        }
        left > 0
    }
}

async fn listen(node: &Node, query: &str, last: Option<&str>) -> Ear {
    listen_with(node, query, last, &node.token(secret::uuid_v4(), json!({}))).await
}

async fn listen_with(node: &Node, query: &str, last: Option<&str>, token: &str) -> Ear {
    let mut headers = vec![("accept", "text/event-stream")];
    headers.extend(last.map(|id| ("last-event-id", id)));
    Ear::of(node.ask(query, token, &headers).await)
}

/// Reads on until told to stop, as a running node does: views on a held clock don't follow.
async fn kill(ground: &Ground, view: &LiveView, value: &str) -> i64 {
    let entry = ground.kill("user", value).await;
    view.poll_once().await.unwrap();
    entry.seq
}

#[tokio::test]
async fn it_begins_with_what_stands_and_tells_what_comes() {
    for ground in Ground::both().await {
        let node = Node::on(&ground).await;
        kill(&ground, &node.view, "one").await;
        kill(&ground, &node.view, "two").await;
        let mut ear = listen(&node, "", None).await;
        let (seqs, as_of) = ear.batch().await;
        assert_eq!((seqs, &as_of["as_of"], &as_of["stale_after"]), (vec![1, 2], &json!(2), &json!(5)));
        assert_eq!(as_of["cursor"], node.view.cursor().unwrap().to_string());
        kill(&ground, &node.view, "three").await;
        let (seqs, as_of) = ear.batch().await;
        assert_eq!((seqs, &as_of["as_of"]), (vec![3], &json!(3)));
        // Nothing happens: a sign of life, all the same.
        let (seqs, as_of) = ear.batch().await;
        assert_eq!((seqs, &as_of["as_of"]), (vec![], &json!(3)));
    }
}

#[tokio::test]
async fn it_goes_on_after_a_cursor_and_repeats_after_a_number() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    kill(&ground, &node.view, "one").await;
    let cursor = node.view.cursor().unwrap().to_string();
    kill(&ground, &node.view, "two").await;
    assert_eq!(listen(&node, &format!("?after={cursor}"), None).await.batch().await.0, [2]);
    assert_eq!(listen(&node, "", Some(&cursor)).await.batch().await.0, [2]);
    assert_eq!(listen(&node, "?after=0", Some("1")).await.batch().await.0, [1, 2]);
    for (query, last) in [("?after=7", None), ("", Some("7")), ("", Some("1.AAAA"))] {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last.map(|id| ("last-event-id", id)));
        let refused = node.ask(query, &node.token(secret::uuid_v4(), json!({})), &headers).await;
        assert_eq!(refused.status(), 410, "{query} {last:?}");
    }
}

#[tokio::test]
async fn it_ends_when_the_server_stops() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    let mut ear = listen(&node, "", None).await;
    ear.batch().await;
    node.stop();
    assert!(ear.ends().await);
}

#[tokio::test]
async fn it_ends_when_its_token_expires_or_is_revoked() {
    let ground = Ground::sqlite().await;
    let node = Node::on(&ground).await;
    let client = secret::uuid_v4();
    let now = ground.clock.now().timestamp();
    let mut short = listen_with(&node, "", None, &node.token(client, json!({ "exp": now + 60 }))).await;
    let mut long = listen_with(&node, "", None, &node.token(client, json!({}))).await;
    short.batch().await;
    long.batch().await;
    ground.clock.advance(Duration::from_secs(60));
    node.view.poll_once().await.unwrap();
    assert!(short.ends().await, "expired");
    long.batch().await;
    ground.kill("client", &client.to_string()).await;
    node.view.poll_once().await.unwrap();
    assert!(long.ends().await, "revoked");
}

#[tokio::test]
async fn it_ends_when_the_view_is_not_fresh_or_begins_anew() {
    for ground in Ground::both().await {
        let node = Node::on(&ground).await;
        let mut ear = listen(&node, "", None).await;
        ear.batch().await;
        ground.clock.advance(Duration::from_secs(3));
        assert!(ear.ends().await, "stale");
        node.view.poll_once().await.unwrap();
        let mut ear = listen(&node, "", None).await;
        ear.batch().await;
        ground.restore(0).await;
        node.view.poll_once().await.unwrap();
        assert!(ear.ends().await, "a new epoch");
        let mut ear = listen(&node, "", None).await;
        ear.batch().await;
        ground.lose_after(0).await;
        until("the place to be void", SOON, async || node.view.poll_once().await.is_err()).await;
        assert!(ear.ends().await, "void");
    }
}
