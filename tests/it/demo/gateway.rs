//! What the gateway lets through and what it refuses, in both ways, and while the feed is disturbed.

use chancery::clock::Clock;
use serde_json::json;

use super::Harbour;

const OFFLINE: &str = "/offline/api/shipments";
const INTROSPECT: &str = "/introspect/api/shipments";

#[tokio::test(flavor = "multi_thread")]
async fn only_a_true_access_token_for_this_api_passes() {
    let harbour = Harbour::open().await;
    harbour.until("/readyz", None, 200).await;
    let token = |name: &'static str, value: serde_json::Value| {
        harbour.fake.access_token(move |claims| drop(claims.insert(name.into(), value)))
    };
    let without = |name: &'static str| harbour.fake.access_token(move |claims| drop(claims.remove(name)));
    let good = harbour.fake.access_token(|_| ());
    let (head, rest) = good.split_once('.').unwrap();
    let unsigned = format!(
        "{}.{}.",
        "eyJhbGciOiJub25lIiwia2lkIjoia2V5LTEiLCJ0eXAiOiJhdCtqd3QifQ",
        rest.split('.').next().unwrap()
    );
    let table = [
        (token("aud", json!(["https://x.example", format!("{}/api", harbour.gateway)])), 200, ""),
        (token("aud", json!("https://x.example")), 401, "meant for another resource"),
        (token("aud", json!(format!("{}/api/", harbour.gateway))), 401, "meant for another resource"),
        (token("iss", json!("https://x.example")), 401, "another issuer's"),
        (token("exp", json!(1)), 401, "expired"),
        (without("exp"), 401, "expired"),
        (without("rev_seq"), 401, "lacks a claim"),
        (without("jti"), 401, "lacks a claim"),
        (token("rev_seq", json!("0")), 401, "lacks a claim"),
        (token("cnf", json!({ "jkt": "x" })), 401, "bound to a key"),
        (token("scope", json!("openid shipments:readers")), 403, "insufficient_scope"),
        (without("scope"), 403, "insufficient_scope"),
        (harbour.fake.signed_as("JWT"), 401, "not an access token"),
        (harbour.fake.signed_as("application/at+JWT"), 200, ""),
        (harbour.fake.forged(), 401, "signature does not match"),
        (unsigned, 401, "algorithm is not its key"),
        (format!("{head}.{rest}x"), 401, "not a signed token"),
        ("x".repeat(20_000), 401, "too long"),
        ("a.b.c".into(), 401, "not a signed token"),
    ];
    for (number, (token, status, why)) in table.into_iter().enumerate() {
        let (answered, challenge, body) = harbour.get(&format!("{}{OFFLINE}", harbour.gateway), Some(&token)).await;
        assert_eq!(answered, status, "row {number}: {challenge} {body}");
        assert!(challenge.contains(why), "row {number}: {challenge}");
        if status == 401 {
            assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""), "{challenge}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_token_is_told_how_and_nothing_more() {
    let harbour = Harbour::open().await;
    for path in [OFFLINE, INTROSPECT] {
        let url = format!("{}{path}", harbour.gateway);
        let (status, challenge, _) = harbour.get(&url, None).await;
        assert_eq!((status, challenge.as_str()), (401, "Bearer realm=\"shipments\""));
        let token = harbour.fake.access_token(|_| ());
        let (status, _, _) = harbour.get(&format!("{url}?access_token={token}"), None).await;
        assert_eq!(status, 401, "a token in the query was taken");
        let twice = harbour.http.get(&url).bearer_auth(&token).bearer_auth(&token).send().await.unwrap();
        assert_eq!(twice.status(), 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_is_checked_too() {
    let harbour = Harbour::open().await;
    let url = format!("{}{INTROSPECT}", harbour.gateway);
    let table = [
        ("aud", json!("https://x.example"), 401),
        ("token_type", json!("refresh_token"), 401),
        ("iss", json!("https://x.example"), 401),
        ("exp", json!(1), 401),
        ("cnf", json!({ "jkt": "x" }), 401),
        ("scope", json!("openid"), 403),
        ("scope", json!("shipments:read"), 200),
    ];
    for (name, value, status) in table {
        let token = harbour.fake.access_token(|claims| drop(claims.insert(name.into(), value.clone())));
        let (answered, challenge, body) = harbour.get(&url, Some(&token)).await;
        assert_eq!(answered, status, "{name} {value}: {challenge} {body}");
    }
    let token = harbour.fake.access_token(|_| ());
    harbour.fake.strings().introspects = false;
    assert_eq!(harbour.get(&url, Some(&token)).await.0, 503, "an issuer that does not answer is no yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_brings_a_revocation_to_the_right_tokens() {
    let harbour = Harbour::open().await;
    harbour.until("/readyz", None, 200).await;
    let (dead, other) = (
        harbour.fake.access_token(|_| ()),
        harbour.fake.access_token(|claims| drop(claims.insert("sub".into(), json!("b")))),
    );
    harbour.until(OFFLINE, Some(&dead), 200).await;
    let seq = harbour.fake.revoke("user", "user-1");
    let (challenge, _) = harbour.until(OFFLINE, Some(&dead), 401).await;
    assert!(challenge.contains(&format!("revoked: entry {seq}, kind user")), "{challenge}");
    harbour.until(OFFLINE, Some(&other), 200).await;
    let later = harbour.fake.access_token(|_| ());
    harbour.until(OFFLINE, Some(&later), 200).await;
    let asked = harbour.fake.strings().feed_requests.clone();
    assert_eq!(asked[0], "application/json after=None wait=None");
    assert_eq!(asked[1], "text/event-stream after=Some(0) wait=None");
    assert_eq!(asked.len(), 2, "one stream does it: {asked:?}");
    let status = harbour.get(&harbour.gateway, None).await.2;
    assert!(status.contains("The feed is fresh") && status.contains("<code>user-1</code>"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream_long_polls_do() {
    let harbour = Harbour::open().await;
    harbour.fake.strings().streams = false;
    harbour.until("/readyz", None, 200).await;
    let token = harbour.fake.access_token(|_| ());
    harbour.until(OFFLINE, Some(&token), 200).await;
    harbour.fake.revoke("jti", "somebody else's");
    harbour.fake.revoke("family", "family-1");
    harbour.until(OFFLINE, Some(&token), 401).await;
    let asked = harbour.fake.strings().feed_requests.clone();
    assert!(asked.iter().any(|line| line == "application/json after=Some(0) wait=Some(0)"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_closes_the_gateway_and_a_word_opens_it() {
    let clock = Clock::held(Clock::system().now());
    let harbour = Harbour::open_with(clock.clone()).await;
    let token = harbour.fake.access_token(|_| ());
    harbour.until(OFFLINE, Some(&token), 200).await;
    harbour.fake.strings().feed_down = true;
    harbour.until("/readyz", None, 200).await;
    // The stream has ended and every new attempt is refused: from here on only the clock matters.
    let before = harbour.fake.strings().feed_requests.len();
    let asked_again = async {
        while harbour.fake.strings().feed_requests.len() <= before {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(super::BOUND, asked_again).await.expect("the reader asks again");
    clock.advance(std::time::Duration::from_secs(3));
    harbour.until(OFFLINE, Some(&token), 200).await;
    clock.advance(std::time::Duration::from_millis(10));
    let (_, body) = harbour.until(OFFLINE, Some(&token), 503).await;
    assert!(body.contains("the revocation feed is not fresh"), "{body}");
    harbour.until("/readyz", None, 503).await;
    harbour.fake.strings().feed_down = false;
    harbour.until(OFFLINE, Some(&token), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_position_closes_the_gateway_until_a_new_snapshot() {
    let harbour = Harbour::open().await;
    let token = harbour.fake.access_token(|_| ());
    harbour.until(OFFLINE, Some(&token), 200).await;
    {
        let mut strings = harbour.fake.strings();
        (strings.void, strings.base) = (true, 1 << 40);
        strings.log.clear();
    }
    harbour.fake.revoke("all", "");
    // The snapshot needs no position: it is answered although the old one is void.
    let (challenge, _) = harbour.until(OFFLINE, Some(&token), 401).await;
    assert!(challenge.contains("kind all"), "{challenge}");
    let asked = harbour.fake.strings().feed_requests.clone();
    assert!(asked.iter().filter(|line| line.contains("after=None")).count() >= 2, "{asked:?}");
    harbour.fake.strings().void = false;
    let reborn = harbour.fake.access_token(|_| ());
    harbour.until(OFFLINE, Some(&reborn), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_both_samples() {
    let harbour = Harbour::open().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = chancery::demo::GatewayConfig {
        issuer: harbour.fake.issuer.clone(),
        client_id: "gateway".into(),
        client_secret: "another".into(),
        resource: "http://127.0.0.1:1/api".into(),
        listen: listener.local_addr().unwrap(),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(chancery::demo::gateway(config, listener, async move { drop(stopped.await) }));
    stop.send(()).unwrap();
    tokio::time::timeout(super::BOUND, served).await.expect("it stops").unwrap().unwrap();
}
