//! Parallel presentation: 64 at once of one refresh token, and of one code, on one node and on two.
//!
//! The row decides, never the process: one rotation, one family, retries answered alike; of a code one success.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::server::{Server, port};

use super::desk::{Hand, at_once, count, enrolled, family, family_of, jti_of, lineage_of, started};

const AT_ONCE: usize = 64;

on_both!(one_refresh_token_at_once, one_code_at_once, no_window_and_a_race, far_behind_and_still_honest);

/// The same over two nodes on one database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes() {
    let first = Issuer::start_with(Kind::Postgres, Setup::patient()).await;
    let second = first.another_node(Setup::patient()).await;
    first.user("alice").await;
    let rp = first.client().await;
    let nodes = [rp.clone(), rp.through(&second)];
    refreshed(&first, &nodes).await;
    redeemed(&first, &nodes).await;
    second.stop().await;
    first.stop().await;
}

/// The same over two server processes on one database, with all the settings as they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes() {
    let issuer = Issuer::start_with(Kind::Postgres, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let ports = [port(), port()];
    let mut servers = ports.map(|port| Server::beside(&issuer, port));
    let nodes = ports.map(|port| RelyingParty { at: format!("http://127.0.0.1:{port}"), ..rp.clone() });
    for (server, node) in servers.iter_mut().zip(&nodes) {
        server.ready(&node.at).await;
    }
    let from = Instant::now();
    refreshed(&issuer, &nodes).await;
    redeemed(&issuer, &nodes).await;
    figure(&format!("parallel: {} presentations over two processes in {:?}", 4 * AT_ONCE, from.elapsed()));
    for mut server in servers {
        server.terminate();
        assert!(server.ended(Duration::from_secs(20)).success(), "{}", server.log());
    }
    issuer.stop().await;
}

async fn one_refresh_token_at_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    refreshed(&issuer, &[issuer.client().await]).await;
    issuer.stop().await;
}

async fn one_code_at_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    redeemed(&issuer, &[issuer.client().await]).await;
    issuer.stop().await;
}

/// How often a client had to come again: what was refused late may have been noted, so that counts are then lower bounds.
static AGAIN: AtomicUsize = AtomicUsize::new(0);

/// A presentation that doesn't take "come again" (the machine is slow, and 64 wait for 16 connections) for an answer.
async fn patient(rp: RelyingParty, form: Vec<(&'static str, String)>) -> Answer {
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    loop {
        let answer = rp.token(&form).await;
        if answer.status != 503 {
            return answer;
        }
        eprintln!("503: the client comes again");
        AGAIN.fetch_add(1, Ordering::Relaxed);
    }
}

fn presenting(nodes: &[RelyingParty], i: usize, token: &str) -> impl Future<Output = Answer> + Send + 'static + use<> {
    let form = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token.to_owned())];
    patient(nodes[i % nodes.len()].clone(), form)
}

/// One rotation and 63 retries; three times over, each time with the successor.
async fn refreshed(issuer: &Issuer, nodes: &[RelyingParty]) {
    let start = started(issuer, nodes[0].clone(), "alice").await;
    let mut token = start.first.str("refresh_token").to_owned();
    let mut jtis = BTreeSet::from([jti_of(&start.first)]);
    let before = AGAIN.load(Ordering::Relaxed);
    let exactly = || AGAIN.load(Ordering::Relaxed) == before;
    for generation in 1..=3 {
        let answers = at_once(AT_ONCE, |i| presenting(nodes, i, &token)).await;
        let answers: Vec<Answer> = answers.into_iter().map(Answer::ok).collect();
        let successors: BTreeSet<&str> = answers.iter().map(|answer| answer.str("refresh_token")).collect();
        assert_eq!(successors.len(), 1, "one successor");
        assert!(!successors.contains(token.as_str()), "and another one than before");
        assert!(answers.iter().all(|answer| family_of(answer) == start.family), "one family");
        jtis.extend(answers.iter().map(jti_of));
        token = (*successors.first().unwrap()).to_owned();

        let row = family(issuer, start.family).await;
        assert_eq!((row.generation, row.ordinal, row.ended_at), (generation, generation, None));
        let (rows, retries) = lineage_of(issuer, start.family).await;
        assert_eq!(rows.len() as i64, generation + 1, "one lineage row a rotation");
        let last = rows.last().unwrap();
        assert_eq!(last.generation, generation);
        assert!(last.retries >= AT_ONCE as i64 - 1);
        if exactly() {
            assert_eq!(last.retries, AT_ONCE as i64 - 1);
            assert_eq!(retries.len() as i64, generation * (AT_ONCE as i64 - 1));
        }
    }
    assert_eq!(jtis.len(), 1 + 3 * AT_ONCE, "every access token is its own");
    assert!(enrolled(issuer, start.family).await.is_superset(&jtis), "and all are enrolled");
    assert_eq!(count(issuer, start.family, "refresh.rotated").await, 3);
    if exactly() {
        assert_eq!(enrolled(issuer, start.family).await, jtis, "and nothing else is");
        assert_eq!(count(issuer, start.family, "refresh.retried").await, 3 * (AT_ONCE - 1));
    }
    for node in 0..nodes.len() {
        token = presenting(nodes, node, &token).await.ok().str("refresh_token").to_owned();
    }
}

/// One success; the others are reuse by the code's own client, so that what came of it ends.
async fn redeemed(issuer: &Issuer, nodes: &[RelyingParty]) {
    let mut browser = Browser::new(issuer);
    let flow = nodes[0].flow(&[]);
    let code = browser.code(&flow, "alice").await;
    let answers = at_once(AT_ONCE, |i| {
        let form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.clone()),
            ("redirect_uri", nodes[0].redirect.clone()),
            ("code_verifier", flow.verifier.clone()),
        ];
        patient(nodes[i % nodes.len()].clone(), form)
    })
    .await;
    let (won, lost): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, AT_ONCE - 1));
    lost.iter().for_each(|answer| answer.is(400, "invalid_grant"));

    let id = family_of(&won[0]);
    let row = family(issuer, id).await;
    assert_eq!((row.generation, row.end_reason.as_deref()), (0, Some("code_reuse")));
    assert_eq!(count(issuer, id, "code.redeemed").await, 1);
    assert_eq!(count(issuer, id, "code.reused").await, 1, "and one alarm");
    assert_eq!(count(issuer, id, "code.refused").await, AT_ONCE - 2);
    assert_eq!(count(issuer, id, "revocation.written").await, 1, "one entry, however many found it out");
    for rp in nodes {
        presenting(std::slice::from_ref(rp), 0, won[0].str("refresh_token")).await.is(400, "invalid_grant");
        // Every node knows, the one that wrote it at once.
        let mut rounds = 0;
        while rp.userinfo(won[0].str("access_token")).await.status != 401 {
            rounds += 1;
            assert!(rounds < 100, "a second has passed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        rp.userinfo(won[0].str("access_token")).await.is(401, "invalid_token");
    }
}

/// Without a window only the losers of the race are honest: all had presented the live generation. Whoever comes after is late.
async fn no_window_and_a_race(kind: Kind) {
    let change = Box::new(|config: &mut chancery::config::Config| {
        config.tokens.retry_window = Duration::ZERO;
        config.database.pool = 80;
    });
    let issuer = Issuer::start_with(kind, Setup { change, ..Setup::patient() }).await;
    issuer.user("alice").await;
    let start = started(&issuer, issuer.client().await, "alice").await;
    let token = start.first.str("refresh_token").to_owned();

    let mut hand = Hand::to(&issuer).await;
    hand.hold(start.family).await;
    let nodes = [start.rp.clone()];
    let burst = tokio::spawn(at_once(AT_ONCE, {
        let token = token.clone();
        move |i| presenting(&nodes, i, &token)
    }));
    hand.waited_for_by(&issuer, start.family, AT_ONCE as i64).await;
    hand.release().await;
    let answers: Vec<Answer> = burst.await.unwrap().into_iter().map(Answer::ok).collect();
    let successors: BTreeSet<&str> = answers.iter().map(|answer| answer.str("refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    assert_eq!(family(&issuer, start.family).await.generation, 1);

    start.rp.refresh(&token).await.is(400, "invalid_grant");
    let row = family(&issuer, start.family).await;
    assert_eq!((row.generation, row.end_reason.as_deref()), (1, Some("late")));
    assert_eq!(count(&issuer, start.family, "refresh.late").await, 1);
    start.rp.refresh(successors.first().unwrap()).await.is(400, "invalid_grant");
    issuer.stop().await;
}

/// Who read the live generation and lost the race is honest however many rotations lie between.
async fn far_behind_and_still_honest(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let start = started(&issuer, issuer.client().await, "alice").await;
    let token = start.first.str("refresh_token").to_owned();

    let mut hand = Hand::to(&issuer).await;
    hand.hold(start.family).await;
    let slow = tokio::spawn({
        let (rp, token) = (start.rp.clone(), token.clone());
        async move { rp.refresh(&token).await }
    });
    hand.waited_for_by(&issuer, start.family, 1).await;
    hand.run("UPDATE family SET generation = generation + 3, ordinal = ordinal + 3 WHERE id = $1", start.family).await;
    hand.run(
        "UPDATE lineage SET generation = generation + 3, ordinal = ordinal + 3 WHERE family_id = $1",
        start.family,
    )
    .await;
    hand.release().await;
    let answer = slow.await.unwrap().ok();
    assert_eq!(family(&issuer, start.family).await.generation, 3, "nothing advanced");
    start.rp.refresh(answer.str("refresh_token")).await.ok();
    assert_eq!(family(&issuer, start.family).await.generation, 4, "what was answered was the live one");
    // The same token, now without a race to have lost, is what it looks like.
    start.rp.refresh(&token).await.is(400, "invalid_grant");
    assert_eq!(family(&issuer, start.family).await.end_reason.as_deref(), Some("reuse"));
    issuer.stop().await;
}
