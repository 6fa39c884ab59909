//! What was ended and not told yet is told after whatever happens: by a server that wasn't there, and after `kill -9` in between.

use super::SOON;
use super::receiver::{Answers, Receiver, Validator};
use crate::kit::actors::{Browser, RelyingParty};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Server;

on_both!(a_kill_without_a_server_is_told_by_the_next, killed_between_the_kill_and_the_answer_it_is_told_again);

/// A server process, whose user has signed in at a client that is told here.
async fn scene(kind: Kind, receiver: &Receiver) -> (Server, RelyingParty) {
    let mut server = Server::install(kind).await;
    server.operator =
        server.operator.clone().and("CHANCERY_FETCH__ALLOW_HTTP", "on").and("CHANCERY_FETCH__TIMEOUT", "1s");
    if kind == Kind::Postgres {
        server.operator.run(&["migrate"]).ok();
    }
    server.operator.run(&["key", "init"]);
    server.start();
    server.operator.user("alice", &[]);
    let rp = server.operator.client(&server.at, &["--backchannel-logout-uri", &receiver.uri]);
    rp.tokens(&mut Browser::at(&server.at), "alice").await;
    (server, rp)
}

async fn a_kill_without_a_server_is_told_by_the_next(kind: Kind) {
    let receiver = Receiver::new().await;
    let (mut server, rp) = scene(kind, &receiver).await;
    server.stop();
    server.operator.run(&["user", "disable", "alice"]).ok();
    assert!(server.operator.run(&["client", "logouts", &rp.id.to_string()]).ok().out.contains("none"));
    server.start();
    receiver.posted(1, SOON).await;
    let told = server.operator.json(&["client", "logouts", &rp.id.to_string()]);
    assert_eq!(told.as_array().unwrap().len(), 1, "{told}");
    let metrics = rp.http.get(format!("{}/metrics", server.management)).send().await.unwrap().text().await.unwrap();
    for line in ["chancery_logout_notices_total{outcome=\"delivered\"} 1", "chancery_logout_notices_waiting "] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

async fn killed_between_the_kill_and_the_answer_it_is_told_again(kind: Kind) {
    let receiver = Receiver::that(&[Answers::Never]).await;
    let (mut server, rp) = scene(kind, &receiver).await;
    server.operator.run(&["user", "disable", "alice"]).ok();
    receiver.posted(1, SOON).await;
    server.kill();
    receiver.answer(Answers::Status(200));
    let taken = server.operator.json(&["client", "logouts", &rp.id.to_string()]);
    assert_eq!((&taken[0]["state"], &taken[0]["attempts"]), (&"waiting".into(), &1.into()), "{taken}");
    server.start();
    // What the other took is left to it as long as a request may take, and then some.
    let posts = receiver.posted(2, 3 * SOON).await;
    let told = receiver.told();
    assert_eq!(told[0], told[1], "the same session, by the same `jti`");
    let mut validator = Validator::of(&server.at, &rp.id.to_string()).await;
    validator.validate(&posts[1].token, "ES256", chrono::Utc::now().timestamp()).unwrap();
    let over = async || server.operator.json(&["client", "logouts", &rp.id.to_string()]);
    let mut told = over().await;
    for _ in 0..100 {
        if told[0]["state"] == "delivered" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        told = over().await;
    }
    assert_eq!((&told[0]["state"], &told[0]["attempts"]), (&"delivered".into(), &2.into()), "{told}");
}
