//! Installing, serving, backing up and restoring by the command line alone: a server process, stopped and started.

use serde_json::json;

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::{Operator, Server};
use crate::kit::raw::Raw;

on_both!(
    nothing_issued_before_a_restore_survives_it,
    who_was_disabled_or_deleted_since_stays_so,
    what_can_not_be_read_of_the_former_database_is_told,
);

async fn sign_in(server: &Server, rp: &RelyingParty) -> Answer {
    rp.tokens(&mut Browser::at(&server.at), "alice").await
}

async fn dead(rp: &RelyingParty, tokens: &Answer) {
    rp.refresh(tokens.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(tokens.str("access_token")).await.is(401, "invalid_token");
}

/// Waits until the running server has heard that a key is revoked: what it signed until then is refused like all else of that
/// key.
async fn signs_no_more(server: &Server, kid: &str) {
    for _ in 0..100 {
        let published =
            reqwest::get(format!("{}/.well-known/jwks.json", server.at)).await.unwrap().text().await.unwrap();
        if !published.contains(kid) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{kid} is still published a second later: {}", server.log());
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
    signs_no_more(&server, &stolen).await;
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
        let told = rp.userinfo(held.str("access_token")).await;
        assert_eq!(told.status, 200, "{}\n{}", told.text, server.log());
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

/// An installation that nobody serves, and where its backup goes.
async fn installed(kind: Kind) -> (Server, String) {
    let server = Server::install(kind).await;
    if kind == Kind::Postgres {
        server.operator.run(&["migrate"]).ok();
    }
    server.operator.run(&["key", "init"]).ok();
    let file = server.folder.path().join("backup").to_str().unwrap().to_owned();
    (server, file)
}

async fn who_was_disabled_or_deleted_since_stays_so(kind: Kind) {
    let (server, file) = installed(kind).await;
    let operator = &server.operator;
    for name in ["alice", "bob", "carol", "dave", "erin"] {
        operator.user(name, &[]);
    }
    operator.json(&["user", "disable", "erin"]);
    let clients: Vec<String> = (0..5).map(|_| operator.client(&server.at, &[]).id.to_string()).collect();
    operator.json(&["backup", &file]);

    operator.json(&["user", "disable", "alice"]);
    operator.json(&["user", "delete", "bob"]);
    operator.run_with(&["user", "set-password", "carol", "--password-stdin"], "another pass phrase entirely\n").ok();
    operator.json(&["user", "enable", "erin"]);
    operator.json(&["client", "disable", &clients[0]]);
    operator.json(&["client", "delete", &clients[1]]);
    operator.json(&["client", "rotate-secret", &clients[2]]);
    operator.json(&["client", "rotate-secret", &clients[3], "--revoke-tokens"]);

    let told = operator.run(&["restore", &file]).ok().err;
    let disabled = |what: &str, who: &str| !operator.json(&[what, "show", who])["disabled_at"].is_null();
    assert!(disabled("user", "alice") && disabled("client", &clients[0]), "{told}");
    assert!(disabled("user", "erin"), "as in the backup");
    operator.run(&["user", "show", "bob"]).refused("there is no user");
    operator.run(&["client", "show", &clients[1]]).refused("there is no client");
    for says in [
        "passwords and secrets are as they were",
        "user alice was disabled after this backup was made",
        "user bob was deleted after",
        "the password of carol was changed after",
        &format!("({}) was disabled after", clients[0]),
        &format!("({}) was deleted after", clients[1]),
        &format!("a secret of client {} was given up", clients[2]),
        &format!("a secret of client {} was given up", clients[3]),
    ] {
        assert!(told.contains(says), "{says:?} is not in {told}");
    }
    for quiet in ["dave", "erin", &clients[4], "can't be read"] {
        assert!(!told.contains(quiet), "{quiet:?} is in {told}");
    }
    let ended = operator.json(&["audit", "list", "--limit", "100"]);
    let count = |event: &str| ended.as_array().unwrap().iter().filter(|row| row["event"] == event).count();
    assert_eq!((count("user.disabled"), count("user.deleted")), (2, 1), "erin's is in the backup");
    assert_eq!((count("client.disabled"), count("client.deleted")), (1, 1));

    let still = operator.run(&["restore"]).ok().err;
    assert!(!still.contains("alice") && !still.contains("as they were"), "the database as it stands: {still}");
}

async fn what_can_not_be_read_of_the_former_database_is_told(kind: Kind) {
    let (mut server, file) = installed(kind).await;
    let operator = server.operator.clone();
    operator.user("alice", &[]);
    operator.json(&["backup", &file]);
    operator.json(&["user", "disable", "alice"]);
    let path = server.folder.path().join("data/chancery.db");
    let url = match kind {
        Kind::Sqlite => format!("sqlite://{}", path.display()),
        Kind::Postgres => operator.database(),
    };

    // It says nothing of its keys; of everything else it does.
    Raw::open(&url).await.run("ALTER TABLE signing_key RENAME COLUMN revoked_at TO was").await;
    let told = operator.run(&["restore", &file]).ok().err;
    assert!(told.contains("can't be read") && told.contains("chancery key list"), "{told}");
    assert!(!told.contains("user list") && told.contains("user alice was disabled after"), "{told}");

    // Nothing of ours was ever there.
    match kind {
        Kind::Sqlite => {
            for ending in ["", "-wal", "-shm"] {
                std::fs::remove_file(format!("{}{ending}", path.display())).ok();
            }
        }
        Kind::Postgres => {
            let mut raw = Raw::open(&url).await;
            raw.run("DROP SCHEMA public CASCADE").await;
            raw.run("CREATE SCHEMA public").await;
        }
    }
    let told = operator.run(&["restore", &file]).ok().err;
    assert!(!told.contains("can't be read") && !told.contains("alice"), "{told}");

    // It isn't even a database any more: that is when a backup is wanted most.
    if kind == Kind::Sqlite {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..512].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        let told = operator.run(&["restore", &file]).ok().err;
        assert!(told.contains("is damaged") && told.contains("none may run"), "{told}");
        for by_hand in ["keys/highwater", "key list", "user list", "client list", "set-password", "rotate-secret"] {
            assert!(told.contains(by_hand), "{by_hand:?} is not in {told}");
        }
        server.start();
        server.stop();
    }
}
