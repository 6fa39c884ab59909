//! Two nodes ending things in turn, and a node whose clock is wrong.

use std::collections::BTreeSet;
use std::net::TcpListener;

use chancery::clock::Clock;
use chancery::jobs::{build, serve};
use chancery::keyring::SealingKeys;
use chancery::live::Tuning;
use chancery::secret;
use chancery::store::revocations;
use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::browsing::afresh;
use super::probes::{Gateway, bearing};
use crate::assertions::{TYPE, by_key};
use crate::kit::actors::{Answer, Browser, PASSWORD, http, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup};
use crate::kit::signer::{Signer, good_claims};

const SCOPE: &str = "chancery:revocations:write";

/// Two hundred, in turn and then side by side: the log has no gap, both views hold all of it, and a gateway that reads on at
/// either node misses none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_end_in_turn_and_none_is_missed() {
    let here = Issuer::start(Kind::Postgres).await;
    let there = here.another_node(Setup::default()).await;
    let admin = here.service(SCOPE, &[]).await;
    let token = admin.own_token(SCOPE).await;
    let kill = async |node: &Issuer| {
        let ask = json!({ "kind": "jti", "value": secret::uuid_v4() });
        let request = http().post(node.url("/admin/v1/revocations")).bearer_auth(&token).json(&ask);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json["seq"].as_i64().unwrap()
    };
    let mut readers = [Gateway::beside(&here).await, Gateway::beside(&there).await];
    let mut places = Vec::new();
    for reader in &mut readers {
        places.push(reader.ask("").await.ok().str("cursor").to_owned());
    }
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    let mut written = Vec::new();
    for turn in 0..100 {
        if turn < 50 {
            written.push(kill(&here).await);
            written.push(kill(&there).await);
        } else {
            let (one, other) = tokio::join!(kill(&here), kill(&there));
            written.extend([one, other]);
        }
        for at in 0..2 {
            let told = readers[at].ask(&format!("?after={}", places[at])).await.ok();
            places[at] = told.str("cursor").to_owned();
            seen[at]
                .extend(told.json["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()));
        }
    }
    for turn in 50..100 {
        // Side by side: who comes first is theirs to settle.
        written[2 * turn..2 * turn + 2].sort_unstable();
    }
    assert_eq!(written, (1..=200).collect::<Vec<i64>>(), "numbered without a gap, in the order of their ends");
    let log = revocations::after(&here.app.store, 0, 1000).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.seq).collect::<Vec<_>>(), written);
    for (at, node) in [&here, &there].into_iter().enumerate() {
        node.until("the view has all", async |node| node.app.live.cursor().is_some_and(|cursor| cursor.seq == 200))
            .await;
        let held = node.app.live.snapshot().unwrap();
        assert_eq!(held.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), written, "the view of node {at}");
        for (kept, stored) in held.entries.iter().zip(&log) {
            assert_eq!((&kept.tip, &kept.value), (&stored.tip, &stored.value));
        }
        let told = readers[at].ask(&format!("?after={}", places[at])).await.ok();
        seen[at].extend(told.json["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()));
        assert_eq!(seen[at].iter().copied().collect::<Vec<_>>(), written, "what the gateway at node {at} read");
    }
}

/// A node of the same issuer whose clock is wrong. It serves, as far as it may.
struct Wrong {
    at: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Wrong {
    async fn by(issuer: &Issuer, shift: TimeDelta) -> Self {
        let config = issuer.app.config.clone();
        let store = build::open_store(&config).await.unwrap();
        let sealing = SealingKeys::ready(&config.keys, &store).await.unwrap();
        let clock = Clock::shifted(shift);
        let app = build::assemble(config, clock, (store, sealing), Tuning::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            serve::serve(app, listener, stopped).await.unwrap();
        });
        Self { at, stop, task }
    }
}

#[track_caller]
fn is_later(answer: &Answer) {
    answer.is(503, "temporarily_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_wrong_issues_and_judges_nothing_and_ends_as_well_as_any() {
    let issuer = Issuer::start(Kind::Postgres).await;
    issuer.user("alice").await;
    let rp = issuer.client_with(|row| row.grants.0.push("client_credentials".to_owned())).await;
    let mut browser = Browser::new(&issuer);
    let key = Signer::new("ES256", "first");
    let set = key.set();
    let keyed = issuer.client_with(|row| by_key(row, Some(set), None)).await;
    // The last is so far behind that what it ended would have been over before anyone read of it.
    for shift in [TimeDelta::minutes(5), TimeDelta::minutes(-5), TimeDelta::minutes(-45)] {
        let wrong = Wrong::by(&issuer, shift).await;
        let there = crate::kit::actors::RelyingParty { at: wrong.at.clone(), ..rp.clone() };
        let ready = http().get(format!("{}/readyz", wrong.at)).send().await.unwrap();
        assert_eq!((ready.status().as_u16(), ready.headers().contains_key("retry-after")), (503, true));
        assert_eq!(ready.text().await.unwrap(), "not ready\n", "why is for the operator");

        is_later(&there.token(&[("grant_type", "client_credentials")]).await);
        let flow = rp.flow(&[]);
        let (code, _) = afresh(&mut browser, &flow, ("alice", PASSWORD)).await;
        is_later(&there.redeem(&flow, &code).await);
        let tokens = rp.redeem(&flow, &code).await.ok();
        is_later(&there.refresh(tokens.str("refresh_token")).await);
        let tokens = rp.refresh(tokens.str("refresh_token")).await.ok();
        // Nor can it tell what has expired.
        is_later(&there.introspect(tokens.str("access_token")).await);
        is_later(&there.userinfo(tokens.str("access_token")).await);
        is_later(&there.revoke(tokens.str("access_token")).await);
        // Nor whether an assertion that looks good by its own time is still one.
        let claims = good_claims(&issuer.name, keyed.id, issuer.app.clock.now() + shift);
        let proof = key.sign(&claims);
        let proof = [("token", "x"), ("client_assertion_type", TYPE), ("client_assertion", &proof)];
        for path in ["/oauth2/introspect", "/oauth2/revoke"] {
            is_later(
                &crate::kit::actors::RelyingParty { at: wrong.at.clone(), ..keyed.clone() }.post(path, &proof).await,
            );
        }
        rp.userinfo(tokens.str("access_token")).await.ok();
        let answer = browser.get(&there.flow(&[]).url).await;
        if let Some(to) = location(&answer) {
            assert_eq!(parameter(&to, "code"), None, "no code either: {to}");
        }

        // Ending is not issuing: what it acknowledges holds everywhere.
        there.revoke(tokens.str("refresh_token")).await.ok();
        issuer
            .until("what it ended is over", async |_| {
                rp.introspect(tokens.str("access_token")).await.ok().json["active"] == false
            })
            .await;
        rp.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
        let entries = Gateway::beside(&issuer).await.entries().await.unwrap();
        assert!(entries.iter().any(|entry| entry.covers(&bearing(tokens.str("access_token")))), "{shift}: the feed");
        let _ = wrong.stop.send(());
        wrong.task.await.unwrap();
    }
}
