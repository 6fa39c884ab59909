//! No secret that could be presented is written down: neither in the database, nor in the log at its most talkative, nor in what
//! commands, metrics and error pages tell. Every kind is issued, used rightly, and sent wherever it doesn't belong.

mod hunt;
mod issued;
mod lines;
mod misplaced;

use std::fmt::Write as _;
use std::path::Path;

use reqwest::StatusCode;

use crate::kit::actors::http;
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::operator::Server;
use crate::kit::raw::Raw;
use crate::kit::scan;
use hunt::Hunt;
use issued::Issued;

on_both!(no_secret_is_written_down, the_logs_of_all_tests_are_read);

/// The password of the database, where it has one.
const DATABASE_PASSWORD: &str = "the-database-opens-to-this-word";

async fn no_secret_is_written_down(kind: Kind) {
    let mut server = Server::install(kind).await;
    let url = server.database.replace("postgres://chancery@", &format!("postgres://chancery:{DATABASE_PASSWORD}@"));
    server.operator = server
        .operator
        .clone()
        .and("CHANCERY_DATABASE_URL", url)
        .and("CHANCERY_LOG__LEVEL", "trace")
        .and("CHANCERY_THROTTLE__ENDPOINT_FAILURES", "1000000")
        .and("CHANCERY_THROTTLE__NETWORK_FAILURES", "1000000");
    let mut told = String::new();
    if kind == Kind::Postgres {
        for command in [["migrate"].as_slice(), &["key", "init"]] {
            let ran = server.operator.run(command).ok();
            told += &(ran.out + &ran.err);
        }
    }
    let mut hunt = Hunt::default();
    hunt.text("password of the database", DATABASE_PASSWORD);
    for format in ["json", "text"] {
        server.operator = server.operator.clone().and("CHANCERY_LOG__FORMAT", format);
        server.start();
        if format == "json" {
            sealing_keys(&mut hunt, &server.folder.path().join("keys"));
        }
        let mut issued = Issued::all(&server, &mut hunt, format).await;
        told += &misplaced::everywhere(&server, &issued, if format == "json" { 1 } else { 4 }).await;
        told += &std::mem::take(&mut issued.told);
        told += &metrics(&server).await;
        told += &commands(&server, &issued);
        server.stop();
    }
    let log = server.log();
    let kinds = ["DEBUG", "INFO", "client authentication failed", "a step of a sign-in was refused"];
    assert!(kinds.iter().all(|kind| log.contains(kind)), "it said all it has to say: {}", log.len());
    hunt.nothing_in("the log", log.as_bytes());
    hunt.nothing_in("what was answered", told.as_bytes());
    let dump = Raw::open(&server.database).await.dump().await;
    let dump: String = dump.iter().map(|(table, rows)| format!("{table}\n{}\n", rows.join("\n"))).collect();
    hunt.nothing_in("the database", dump.as_bytes());
    assert!(dump.contains("client.refused") && dump.contains("refresh.reused") && dump.contains("signin.refused"));
    let mut files = beside_the_keys(&server.folder.path().join("keys"));
    if kind == Kind::Sqlite {
        files.extend(files_of(&server.folder.path().join("data")));
    }
    for (name, content) in &files {
        hunt.nothing_in(name, content);
    }
    figure(&format!(
        "secrets, {kind:?}: {} secrets in none of {} KiB of log, {} KiB of database, {} KiB of answers, {} files",
        hunt.names.len(),
        log.len() / 1024,
        dump.len() / 1024,
        told.len() / 1024,
        files.len(),
    ));
    finds_what_is_planted(&server, &mut hunt).await;
}

/// The hunt itself: a secret put into the database is found there.
async fn finds_what_is_planted(server: &Server, hunt: &mut Hunt) {
    let planted = "a-planted-secret-of-a-fair-length";
    hunt.text("planted", planted);
    let mut raw = Raw::open(&server.database).await;
    assert_eq!(raw.run(&format!("UPDATE counter SET tip = CAST('{planted}' AS {})", raw.bytes())).await, 1);
    let dump = raw.dump().await;
    assert_eq!(hunt.found(dump["counter"].concat().as_bytes()).len(), 1, "{:?}", dump["counter"]);
}

fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    files.map(|file| (file.path().display().to_string(), std::fs::read(file.path()).unwrap())).collect()
}

fn is_key(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "key")
}

/// The keys are looked for as well; they stand in their own files and nowhere else.
fn sealing_keys(hunt: &mut Hunt, folder: &Path) {
    let keys: Vec<_> = files_of(folder).into_iter().filter(|(name, _)| is_key(name)).collect();
    assert_eq!(keys.len(), 1);
    for (_, content) in keys {
        let text = String::from_utf8(content).unwrap();
        hunt.text("sealing key", text.trim_end());
        hunt.bytes("sealing key", &issued::decoded(text.trim_end()));
    }
}

/// Such as `highwater`.
fn beside_the_keys(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let beside: Vec<_> = files_of(folder).into_iter().filter(|(name, _)| !is_key(name)).collect();
    assert!(beside.iter().any(|(name, _)| name.ends_with("highwater")), "{beside:?}");
    beside
}

async fn metrics(server: &Server) -> String {
    let answer = http().get(format!("{}/metrics", server.management)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

/// What the operator reads.
fn commands(server: &Server, issued: &Issued) -> String {
    let mut out = String::new();
    let listings: [&[&str]; 9] = [
        &["config", "show"],
        &["user", "show", &issued.user],
        &["user", "sessions", &issued.user],
        &["client", "list"],
        &["client", "show", &issued.client],
        &["key", "list"],
        &["key", "export"],
        &["lineage", "show", &issued.user],
        &["audit", "list", "--json"],
    ];
    for command in listings {
        let ran = server.operator.run(command).ok();
        write!(out, "{}{}", ran.out, ran.err).unwrap();
    }
    for secret in issued.held.iter().step_by(3).map(|(_, secret)| secret.as_str()).chain(["no token at all"]) {
        for command in [["lineage", "show", "-"], ["revoke", "token", "-"]] {
            let ran = server.operator.run_with(&command, &format!("{secret}\n"));
            write!(out, "{}{}", ran.out, ran.err).unwrap();
        }
    }
    out
}

/// What servers of this very process log is read along in all tests; here that this is so.
async fn the_logs_of_all_tests_are_read(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let before = scan::lines_read();
    rp.refresh("ch_rt_of_nobody").await.is(400, "invalid_grant");
    assert!(scan::lines_read() > before, "a refusal is logged, and the line is read");
    issuer.stop().await;
}
