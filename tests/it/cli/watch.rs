//! Following the audit trail while a server writes it, and handing over from one signing key to the next.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    what_happens_is_told_as_it_happens,
    the_announced_key_takes_over,
    a_third_algorithm_comes_when_it_is_asked_for
);

async fn what_happens_is_told_as_it_happens(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    operator.user("before", &[]);
    let mut follow = operator.command(&["audit", "follow", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut told = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    // It tells what comes after it began; users are made until it has begun.
    let (mut made, mut first) = (0, None);
    std::thread::scope(|scope| {
        let heard = scope.spawn(&mut told);
        while !heard.is_finished() {
            made += 1;
            operator.user(&format!("user{made}"), &[]);
        }
        first = Some(heard.join().unwrap());
    });
    let first = first.unwrap();
    assert_eq!(first["event"], "user.created");
    let mut seen = vec![first["id"].clone()];
    operator.json(&["user", "disable", "before"]);
    // Rows of one moment come in any order.
    let (mut disabled, mut revoked) = (None, None);
    while disabled.is_none() || revoked.is_none() {
        let row = told();
        assert!(!seen.contains(&row["id"]), "told twice: {row}");
        seen.push(row["id"].clone());
        match row["event"].as_str().unwrap() {
            "user.disabled" => disabled = Some(row),
            "revocation.written" => revoked = Some(row),
            other => assert_eq!(other, "user.created"),
        }
    }
    let disabled = disabled.unwrap();
    assert_eq!((&disabled["actor"], &disabled["outcome"]), (&json!("operator"), &json!("ok")));
    assert_eq!(revoked.unwrap()["user_id"], disabled["user_id"]);
    follow.kill().unwrap();
    follow.wait().unwrap();
    // Page by page, newest first, nothing left out and nothing twice.
    let all = operator.json(&["audit", "list", "--limit", "1000"]);
    let all: Vec<_> = all.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let mut paged = Vec::new();
    while paged.len() < all.len() {
        let before: Vec<String> =
            paged.last().map(|id: &String| vec!["--before".to_owned(), id.clone()]).unwrap_or_default();
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let page = operator.json(&[&["audit", "list", "--limit", "2"], &before[..]].concat());
        let page = page.as_array().unwrap();
        assert!(!page.is_empty());
        paged.extend(page.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(paged, all);
    issuer.stop().await;
}

async fn the_announced_key_takes_over(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    operator.user("alice", &[]);
    let rp = operator.client(&issuer.at, &[]);
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let state = |kid: &str| {
        let keys = operator.json(&["key", "list"]);
        let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone();
        key["state"].as_str().unwrap().to_owned()
    };
    let done = operator.json(&["key", "rotate", "--alg", "ES256"]);
    let (from, to) = (done[0]["from"].as_str().unwrap(), done[0]["to"].as_str().unwrap());
    assert_eq!((state(from), state(to)), ("retiring".to_owned(), "signing".to_owned()));
    // A running server takes it up when it next looks at its keys; what the former signed stays good.
    issuer.app.keyring.maintain().await.unwrap();
    let next = rp.refresh(tokens.str("refresh_token")).await.ok();
    let kid = |jwt: &str| claims(&format!("x.{}", jwt.split('.').next().unwrap()))["kid"].clone();
    assert_eq!((kid(tokens.str("access_token")), kid(next.str("access_token"))), (json!(from), json!(to)));
    for answer in [&tokens, &next] {
        rp.userinfo(answer.str("access_token")).await.ok();
    }
    let export = |more: &[&str]| operator.run(&[&["key", "export", to], more].concat()).ok().out;
    assert_eq!(serde_json::from_str::<Value>(&export(&[])).unwrap()["kid"], to);
    assert!(export(&["--format", "pem"]).starts_with("-----BEGIN PUBLIC KEY-----"));
    assert!(export(&["--format", "certificate"]).starts_with("-----BEGIN CERTIFICATE-----"));
    operator.json(&["key", "revoke", from]);
    assert_eq!(state(from), "revoked");
    operator.run(&["key", "revoke", from]).refused("revoked already");
    operator.run(&["key", "rotate", "--alg", "none"]).refused("none");
    issuer.stop().await;
}

/// Ed25519 is there where the settings say so, and RSA keys have the size they say.
async fn a_third_algorithm_comes_when_it_is_asked_for(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    operator.run(&["key", "rotate", "--alg", "EdDSA"]).refused("EdDSA");
    let algs = |operator: &Operator| {
        let keys = operator.json(&["key", "list"]);
        keys.as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(!algs(&operator).contains(&"EdDSA".to_owned()));
    let operator = operator.and("CHANCERY_KEYS__ED25519", "on").and("CHANCERY_KEYS__RSA_BITS", "2048");
    let set: Value = serde_json::from_str(&operator.run(&["key", "export"]).ok().out).unwrap();
    let octets = |key: &&Value| key["kty"] == "OKP" && key["crv"] == "Ed25519" && key["alg"] == "EdDSA";
    assert_eq!(set["keys"].as_array().unwrap().iter().filter(octets).count(), 2, "one signs, one is announced");
    let done = operator.json(&["key", "rotate", "--alg", "EdDSA"]);
    assert!(done[0]["from"].is_string() && done[0]["to"] != done[0]["from"]);
    operator.run(&["key", "list"]).ok();
    let rotated = operator.json(&["key", "rotate", "--alg", "RS256"]);
    assert!(rotated[0]["to"].is_string());
    // Its successor was made under the new setting: 2048 bits are 256 bytes, 342 characters.
    let set: Value = serde_json::from_str(&operator.run(&["key", "export"]).ok().out).unwrap();
    assert!(set["keys"].as_array().unwrap().iter().any(|key| key["n"].as_str().is_some_and(|n| n.len() == 342)));
    operator.and("CHANCERY_KEYS__RSA_BITS", "1024").run(&["key", "list"]).refused("keys.rsa_bits");
    issuer.stop().await;
}
