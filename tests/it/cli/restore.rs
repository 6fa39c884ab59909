//! Installing, serving, backing up and restoring by the command line alone: a server process, stopped and started.

use serde_json::json;

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::{Operator, Server};

on_both!(nothing_issued_before_a_restore_survives_it);

async fn sign_in(server: &Server, rp: &RelyingParty) -> Answer {
    rp.tokens(&mut Browser::at(&server.at), "alice").await
}

async fn dead(rp: &RelyingParty, tokens: &Answer) {
    rp.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(tokens.str("access_token")).await.is(401, "invalid_token");
}

async fn nothing_issued_before_a_restore_survives_it(kind: Kind) {
    let mut server = Server::install(kind).await;
    let operator = server.operator.clone();
    if kind == Kind::Postgres {
        // What PostgreSQL needs before: each is named by what misses it.
        operator.run(&["serve"]).refused("chancery migrate");
        operator.run(&["user", "list"]).refused("chancery migrate");
        operator.run(&["migrate"]).ok();
        operator.run(&["serve"]).refused("chancery key init");
        operator.run(&["key", "init"]).ok();
        operator.run(&["key", "init"]).refused("already");
    }
    server.start();
    operator.user("alice", &[]);
    let rp = operator.client(&server.at, &[]);
    let before = sign_in(&server, &rp).await;
    let file = server.folder.path().join("backup");
    let file = file.to_str().unwrap();
    operator.json(&["backup", file]);
    operator.run(&["backup", file]).refused("a backup is written to a new file");

    // What happens after the backup, the backup doesn't know. Whoever got hold of a key is not to have it back.
    let signing = |operator: &Operator| {
        let keys = operator.json(&["key", "list"]);
        let mut keys = keys.as_array().unwrap().iter();
        keys.find(|key| key["alg"] == "ES256" && key["state"] == "signing").unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let stolen = signing(&operator);
    operator.json(&["key", "revoke", &stolen]);
    let revoked_still = |operator: &Operator| {
        let keys = operator.json(&["key", "list"]);
        keys.as_array().unwrap().iter().any(|key| key["kid"] == stolen.as_str() && key["state"] == "revoked")
    };
    let later = rp.refresh(before.str("refresh_token")).await.ok();
    let revoked = sign_in(&server, &rp).await;
    operator.json(&["revoke", "user", "alice"]);
    let seen = operator.json(&["revoke", "all"])["seq"].as_i64().unwrap();
    let held = sign_in(&server, &rp).await;

    if kind == Kind::Sqlite {
        operator.run(&["restore", file]).refused("stop the server first");
        rp.userinfo(held.str("access_token")).await.ok();
    }
    server.stop();
    let first = operator.json(&["restore", file]);
    assert_eq!((&first["epoch"], &first["kind"]), (&json!(1), &json!("all")));
    assert!(first["seq"].as_i64().unwrap() > seen);
    assert!(revoked_still(&operator), "a restore gives no revoked key back");
    server.start();
    for tokens in [&before, &later, &revoked, &held] {
        dead(&rp, tokens).await;
    }
    let between = sign_in(&server, &rp).await;
    rp.userinfo(between.str("access_token")).await.ok();
    server.stop();

    // The same backup once more: it knows nothing of the first restore, and nothing of that survives either.
    let second = operator.json(&["restore", file]);
    assert_eq!(second["epoch"], 2);
    server.start();
    for tokens in [&before, &held, &between] {
        dead(&rp, tokens).await;
    }
    let now = sign_in(&server, &rp).await;
    rp.userinfo(now.str("access_token")).await.ok();
    let events = operator.json(&["audit", "list", "--limit", "100"]);
    assert_eq!(events.as_array().unwrap().iter().filter(|row| row["event"] == "database.restored").count(), 1);

    // As it stands, under a running server: it begins again by itself.
    let third = operator.json(&["restore"]);
    assert_eq!(third["epoch"], 3);
    let mut alive = true;
    for _ in 0..200 {
        alive = rp.userinfo(now.str("access_token")).await.status == 200;
        if !alive {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!alive, "what was issued before lives on: {}", server.log());
    server.stop();

    // A backup put in place without the command is found out.
    if let (Kind::Sqlite, data) = (kind, server.folder.path().join("data")) {
        std::fs::copy(file, data.join("chancery.db")).unwrap();
        for ending in ["-wal", "-shm"] {
            std::fs::remove_file(data.join(format!("chancery.db{ending}"))).ok();
        }
        operator.run(&["serve"]).refused("chancery restore");
        operator.json(&["restore"]);
        server.start();
        server.stop();
    }
    operator.run(&["restore", "/nowhere/backup"]).refused("/nowhere/backup");
    let log = server.log();
    for tokens in [&before, &later, &revoked, &held, &between, &now] {
        assert!(!log.contains(tokens.str("access_token")) && !log.contains(tokens.str("refresh_token")));
    }
}
