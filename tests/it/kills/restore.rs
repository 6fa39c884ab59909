//! What a database that forgot does to those who remember, and how `chancery restore` sets it right: under running nodes.

use chancery::clock::Clock;
use chancery::jobs::build;
use chancery::live::highwater;
use chancery::store::{Store, issuer};
use sqlx::{Connection, SqliteConnection};

use super::browsing::{afresh, held};
use super::causes::admin;
use super::probes::Gateway;
use crate::kit::actors::{Browser, PASSWORD, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::{Operator, Server};

on_both!(
    a_restore_under_running_nodes_ends_everything_there,
    a_database_that_forgot_stops_every_node_until_restored,
    a_crash_forgets_no_rotation,
);

async fn nodes(kind: Kind) -> (Issuer, Option<Issuer>) {
    let here = Issuer::start(kind).await;
    let there = if kind == Kind::Postgres { Some(here.another_node(Setup::default()).await) } else { None };
    (here, there)
}

/// Whether a node says that a token is active.
async fn active(rp: &RelyingParty, node: &Issuer, token: &str) -> bool {
    rp.through(node).introspect(token).await.json["active"] == true
}

async fn a_restore_under_running_nodes_ends_everything_there(kind: Kind) {
    let (here, there) = nodes(kind).await;
    let there = there.as_ref().unwrap_or(&here);
    here.user("alice").await;
    let (rp, operator) = (here.client().await, Operator::of(&here));
    let mut browser = Browser::new(&here);
    admin(&here, "user", &here.user("bob").await.sub.to_string()).await;
    // Twice: what came between the two is ended by the second.
    for epoch in 1..=2 {
        let tokens = rp.tokens(&mut browser, "alice").await;
        let flow = rp.flow(&[]);
        let (code, _) = afresh(&mut browser, &flow, ("alice", PASSWORD)).await;
        let mut readers = [Gateway::beside(&here).await, Gateway::beside(there).await];
        let mut stale = Vec::new();
        for reader in &mut readers {
            stale.push(reader.ask("").await.ok().str("cursor").to_owned());
        }
        let restored = operator.json(&["restore"]);
        assert_eq!(restored["epoch"], epoch);
        let seq = restored["seq"].as_i64().unwrap();
        for (at, node) in [&here, there].into_iter().enumerate() {
            node.until("the node begins anew", async |node| {
                node.app.live.cursor().is_some_and(|cursor| cursor.seq >= seq)
            })
            .await;
            assert!(!active(&rp, node, tokens.str("access_token")).await);
            rp.through(node).refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
            let gone = readers[at].ask(&format!("?after={}", stale[at])).await;
            assert_eq!(gone.status, 410, "a place of the former epoch: {}", gone.text);
            let now = readers[at].ask("").await.ok();
            assert!(now.json["as_of"].as_i64().unwrap() >= seq);
            let kinds: Vec<_> = now.json["entries"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
            assert!(kinds.contains(&&serde_json::json!("all")), "{kinds:?}");
        }
        rp.redeem(&flow, &code).await.is(400, "invalid_grant");
        assert!(held(&here, &browser).await.is_none(), "sessions end, too");
    }
    let anew = rp.tokens(&mut browser, "alice").await;
    for node in [&here, there] {
        assert!(active(&rp, node, anew.str("access_token")).await, "who signs in again goes on");
        let next = rp.through(node).refresh(anew.str("refresh_token")).await.ok();
        assert!(active(&rp, node, next.str("access_token")).await);
    }
}

/// The database as a failover to a lagging copy leaves it: the last ends never happened there.
async fn forget(issuer: &Issuer, back_to: &issuer::Position) {
    const COUNTER: &str = "UPDATE counter SET seq = $1, tip = $2 WHERE id = 1";
    const LOG: &str = "DELETE FROM revocation WHERE seq > $1";
    match &issuer.app.store {
        Store::Postgres(pool) => {
            sqlx::query(COUNTER).bind(back_to.seq).bind(&back_to.tip).execute(pool).await.unwrap();
            sqlx::query(LOG).bind(back_to.seq).execute(pool).await.unwrap();
        }
        Store::Sqlite(_) => {
            let mut other = SqliteConnection::connect(&issuer.database).await.unwrap();
            sqlx::query(COUNTER).bind(back_to.seq).bind(&back_to.tip).execute(&mut other).await.unwrap();
            sqlx::query(LOG).bind(back_to.seq).execute(&mut other).await.unwrap();
            other.close().await.unwrap();
        }
    }
}

async fn a_database_that_forgot_stops_every_node_until_restored(kind: Kind) {
    let (here, there) = nodes(kind).await;
    let there = there.as_ref().unwrap_or(&here);
    let (alice, rp) = (here.user("alice").await, here.client().await);
    let mut browser = Browser::new(&here);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let before = issuer::position(&here.app.store).await.unwrap().unwrap();
    admin(&here, "user", &alice.sub.to_string()).await;
    let noted = here.keys().join("highwater");
    here.until("the node has noted how far it saw", async |_| {
        highwater::read(&noted).unwrap().is_some_and(|noted| noted.seq == 1)
    })
    .await;
    for node in [&here, there] {
        node.until("it is over", async |node| !active(&rp, node, tokens.str("access_token")).await).await;
    }
    forget(&here, &before).await;
    for node in [&here, there] {
        node.until("the node finds out", async |node| node.app.live.issuing_allowed().is_err()).await;
        let rp = rp.through(node);
        for answer in [
            rp.introspect(tokens.str("access_token")).await,
            rp.userinfo(tokens.str("access_token")).await,
            rp.refresh(tokens.str("refresh_token")).await,
        ] {
            assert_eq!(answer.status, 503, "neither active nor revoked: {}", answer.text);
            assert!(answer.headers.contains_key("retry-after"));
            assert_eq!(answer.json.get("active"), None);
        }
        let ready = crate::kit::actors::http().get(node.url("/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 503);
    }
    let refused = build::build(here.app.config.clone(), Clock::system()).await.unwrap_err();
    assert!(refused.0.contains("chancery restore"), "{refused}");

    Operator::of(&here).json(&["restore"]);
    for node in [&here, there] {
        node.until("the node goes on", async |node| node.app.live.issuing_allowed().is_ok()).await;
        assert!(!active(&rp, node, tokens.str("access_token")).await, "what was forgotten stays ended");
        rp.through(node).refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
    }
    let anew = rp.tokens(&mut browser, "alice").await;
    assert!(active(&rp, there, anew.str("access_token")).await);
    let again = build::build(here.app.config.clone(), Clock::system()).await.unwrap();
    again.store.close().await;
}

/// Rotated three times; then the process dies and another takes its place: old generations are what they were.
async fn a_crash_forgets_no_rotation(kind: Kind) {
    let mut server = Server::install(kind).await;
    if kind == Kind::Postgres {
        server.operator.run(&["migrate"]).ok();
        server.operator.run(&["key", "init"]).ok();
    }
    server.start();
    server.operator.user("alice", &[]);
    let rp = server.operator.client(&server.at, &[]);
    let mut families = Vec::new();
    for _ in 0..2 {
        let mut generations = vec![rp.tokens(&mut Browser::at(&server.at), "alice").await];
        for _ in 0..3 {
            let last = generations.last().unwrap().str("refresh_token").to_owned();
            generations.push(rp.refresh(&last).await.ok());
        }
        families.push(generations);
    }
    server.kill();
    server.start();
    for (old, generations) in families.iter().enumerate() {
        rp.refresh(generations[old].str("refresh_token")).await.is(400, "invalid_grant");
        // A copy is in use: whoever holds the live one is stopped, too.
        rp.refresh(generations[3].str("refresh_token")).await.is(400, "invalid_grant");
        rp.userinfo(generations[3].str("access_token")).await.is(401, "invalid_token");
    }
    server.stop();
}
