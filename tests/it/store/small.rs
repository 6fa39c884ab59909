//! Signing keys, budgets, audit rows, the schema's state, and connections aside.

use std::time::Duration;

use chancery::event::Event;
use chancery::store::jti::{self, Once, Presented};
use chancery::store::migrate::Schema;
use chancery::store::revocations::{self, Mark};
use chancery::store::signing_keys::{self, SealingCheck, SigningKey};
use chancery::store::{Error, Store, Tx, audit, issuer, locks, throttle};
use chrono::TimeDelta;
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    signing_keys_by_ordinal,
    budgets,
    audit_rows,
    what_is_presented_once,
    the_schema_is_judged,
    a_missing_table_is_told_from_other_faults,
    word_of_an_entry_travels,
);

fn key(kid: &str, ordinal: i64) -> SigningKey {
    SigningKey {
        kid: kid.to_owned(),
        alg: "ES256".to_owned(),
        ordinal,
        sealing_key_id: b"sealing1".to_vec(),
        sealed: rows::digest(),
        public_jwk: Json(json!({"kty": "EC …"})),
        announced_at: rows::now(),
        signs_from: rows::later(1),
        signs_until: rows::later(2),
        gone_at: rows::later(3),
        revoked_at: None,
    }
}

async fn signing_keys_by_ordinal(kind: Kind) {
    let bed = Bed::new(kind).await;
    let check = SealingCheck { id: b"sealing1".to_vec(), check_value: rows::digest() };
    signing_keys::add_sealing_check(&bed.store, &check, rows::now()).await.unwrap();
    let other = SealingCheck { check_value: rows::digest(), ..check.clone() };
    signing_keys::add_sealing_check(&bed.store, &other, rows::now()).await.unwrap();
    let known = signing_keys::sealing_checks(&bed.store).await.unwrap();
    assert_eq!((known.len(), &known[0].id, &known[0].check_value), (1, &check.id, &check.check_value));

    let mut first = key("one", 0);
    let mut tx = bed.store.begin().await.unwrap();
    signing_keys::insert(&mut tx, &first).await.unwrap();
    signing_keys::insert(&mut tx, &key("two", 1)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bed.store.begin().await.unwrap();
    let taken = signing_keys::insert(&mut tx, &key("three", 1)).await;
    assert!(matches!(taken, Err(Error::Taken("ordinal"))), "{taken:?}");
    tx.rollback().await.unwrap();
    let mut tx = bed.store.begin().await.unwrap();
    let unsealed = SigningKey { sealing_key_id: b"unknown".to_vec(), ..key("four", 4) };
    assert!(signing_keys::insert(&mut tx, &unsealed).await.is_err(), "sealed by a key nobody has");
    tx.rollback().await.unwrap();

    (first.announced_at, first.signs_from) = (rows::later(10), rows::later(11));
    (first.signs_until, first.gone_at) = (rows::later(12), rows::later(13));
    let mut tx = bed.store.begin().await.unwrap();
    signing_keys::reschedule(&mut tx, &first).await.unwrap();
    signing_keys::revoke(&mut tx, "one", rows::later(20)).await.unwrap();
    signing_keys::revoke(&mut tx, "one", rows::later(30)).await.unwrap();
    tx.commit().await.unwrap();
    let listed = signing_keys::list(&bed.store).await.unwrap();
    first.revoked_at = Some(rows::later(20));
    assert_eq!(format!("{:?}", listed[0]), format!("{first:?}"), "revoked once, at the first time");
    assert_eq!((listed.len(), listed[1].kid.as_str(), listed[1].revoked_at), (2, "two", None));
}

async fn budgets(kind: Kind) {
    let bed = Bed::new(kind).await;
    let floor = rows::now() - TimeDelta::seconds(60);
    let mut counts = Vec::new();
    for second in [0, 1, 2] {
        let at = rows::later(second);
        counts.push(throttle::charge(&bed.store, "n", at, floor, rows::later(60)).await.unwrap().charged);
    }
    let read = throttle::get(&bed.store, "n").await.unwrap().unwrap();
    assert_eq!((counts, read.since, read.last_at), (vec![1, 2, 3], rows::now(), rows::later(2)));
    let anew = throttle::charge(&bed.store, "n", rows::later(100), rows::later(50), rows::later(160)).await.unwrap();
    assert_eq!((anew.charged, anew.since), (1, rows::later(100)), "an old count begins anew");
    assert!(throttle::get(&bed.store, "other").await.unwrap().is_none());

    let times = (rows::later(5), rows::later(500));
    assert!(throttle::charge_seen(&bed.store, "a", None, false, times).await.unwrap());
    assert!(!throttle::charge_seen(&bed.store, "a", None, false, times).await.unwrap(), "it is there already");
    let seen = throttle::get(&bed.store, "a").await.unwrap();
    assert!(throttle::charge_seen(&bed.store, "a", seen.as_ref(), false, times).await.unwrap());
    assert!(!throttle::charge_seen(&bed.store, "a", seen.as_ref(), false, times).await.unwrap(), "it has moved");
    let seen = throttle::get(&bed.store, "a").await.unwrap().unwrap();
    assert_eq!(seen.charged, 2);
    let much_later = (rows::later(90), rows::later(500));
    assert!(throttle::charge_seen(&bed.store, "a", Some(&seen), true, much_later).await.unwrap());
    let fresh = throttle::get(&bed.store, "a").await.unwrap().unwrap();
    assert_eq!((fresh.charged, fresh.since), (1, rows::later(90)));

    let mut tx = bed.store.begin().await.unwrap();
    throttle::give_back(&mut tx, "n").await.unwrap();
    throttle::give_back(&mut tx, "n").await.unwrap();
    throttle::clear(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(throttle::get(&bed.store, "n").await.unwrap().unwrap().charged, 0, "never below nothing");
    assert!(throttle::get(&bed.store, "a").await.unwrap().is_none());

    let all = ["d:a:1", "d:a:2", "d:b:1", "D:a:1", "d_a:1", "xd:a:1"];
    for key in all {
        throttle::charge(&bed.store, key, rows::now(), floor, rows::later(60)).await.unwrap();
    }
    let mut tx = bed.store.begin().await.unwrap();
    throttle::clear_beginning(&mut tx, "d:a:").await.unwrap();
    tx.commit().await.unwrap();
    for (nth, key) in all.into_iter().enumerate() {
        assert_eq!(throttle::get(&bed.store, key).await.unwrap().is_some(), nth >= 2, "{key}");
    }
}

/// V022: one thing in another's place is another thing.
async fn what_is_presented_once(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (digest, other) = (rows::digest(), rows::digest());
    let once = Once { purpose: "one", client_id: Uuid::nil(), digest: &digest, expires_at: rows::later(60) };
    assert_eq!(jti::present(&bed.store, &once).await.unwrap(), Presented::First);
    for expires_at in [once.expires_at, rows::later(-60), rows::later(6000)] {
        let again = Once { expires_at, ..once };
        assert_eq!(jti::present(&bed.store, &again).await.unwrap(), Presented::Again);
    }
    for another in
        [Once { purpose: "another", ..once }, Once { client_id: Uuid::max(), ..once }, Once { digest: &other, ..once }]
    {
        assert_eq!(jti::present(&bed.store, &another).await.unwrap(), Presented::First, "{another:?}");
    }
    assert_eq!(bed.raw().await.count("jti", "true").await, 4);
}

async fn audit_rows(kind: Kind) {
    let bed = Bed::new(kind).await;
    let mut first = rows::record(Event::TokenIssued).user(Uuid::max()).client(Uuid::nil()).outcome("refused");
    first.at = rows::later(1);
    let mut second = rows::record(Event::Revoked).session(Uuid::max()).family(Uuid::nil());
    second.at = rows::later(2);
    audit::append(&bed.store, &first).await.unwrap();
    let mut tx = bed.store.begin().await.unwrap();
    audit::insert(&mut tx, &second).await.unwrap();
    tx.commit().await.unwrap();

    let all = audit::newest(&bed.store, None, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all[0].id > all[1].id, "newest first");
    let before = audit::newest(&bed.store, Some(all[0].id), 10).await.unwrap();
    assert_eq!(before.iter().map(|row| row.id).collect::<Vec<_>>(), [all[1].id]);
    let since = audit::since(&bed.store, rows::later(2), 10).await.unwrap();
    assert_eq!(since.iter().map(|row| row.id).collect::<Vec<_>>(), [second.id]);
    let row = all.iter().find(|row| row.id == first.id).unwrap();
    assert_eq!((row.event.as_str(), row.outcome.as_str(), row.actor.as_str()), ("token.issued", "refused", "system"));
    assert_eq!((row.user_id, row.client_id, row.session_id), (Some(Uuid::max()), Some(Uuid::nil()), None));
    assert_eq!((row.address.as_deref(), row.user_agent.as_deref()), (Some("192.0.2.7"), Some("tests/1")));
    assert_eq!((row.at, &row.detail.0), (rows::later(1), &json!({"why": "a test"})));
}

async fn the_schema_is_judged(kind: Kind) {
    let bed = Bed::new(kind).await;
    assert_eq!(bed.store.schema().await.unwrap(), Schema::Current);
    bed.store.migrate().await.unwrap();
    bed.raw().await.run("UPDATE _sqlx_migrations SET version = 9000 WHERE version = 1").await;
    assert_eq!(bed.store.schema().await.unwrap(), Schema::Ahead);
    assert!(bed.store.migrate().await.is_err(), "a newer program's database is left alone");
    bed.raw().await.run("DELETE FROM _sqlx_migrations").await;
    assert!(matches!(bed.store.schema().await.unwrap(), Schema::Behind { applied: 0, known: 1.. }));
    bed.raw().await.run("DROP TABLE _sqlx_migrations").await;
    assert!(matches!(bed.store.schema().await.unwrap(), Schema::Behind { applied: 0, known: 1.. }));
    assert_eq!(bed.store.is_embedded(), kind == Kind::Sqlite);
    bed.store.close().await;
    assert!(bed.store.begin().await.is_err(), "closed is closed");
}

async fn a_missing_table_is_told_from_other_faults(kind: Kind) {
    let bed = Bed::new(kind).await;
    bed.raw().await.run("ALTER TABLE signing_key RENAME COLUMN revoked_at TO was").await;
    let altered = signing_keys::list(&bed.store).await.unwrap_err();
    assert!(!altered.is_missing_table() && !altered.is_damage(), "{altered}");
    bed.raw().await.run("DROP TABLE signing_key").await;
    let missing = signing_keys::list(&bed.store).await.unwrap_err();
    assert!(missing.is_missing_table() && !missing.is_damage(), "{missing}");
}

/// PostgreSQL is told when a session of ours is to give up, on every connection.
#[tokio::test]
async fn sessions_know_when_to_give_up() {
    const TOLD: [(&str, &str); 6] = [
        ("idle_in_transaction_session_timeout", "15s"),
        ("lock_timeout", "4s"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "20000"),
    ];
    let bed = Bed::new(Kind::Postgres).await;
    let setting = async |store: &Store, name: &str| -> String {
        let Store::Postgres(pool) = store else { panic!("PostgreSQL") };
        sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(pool).await.unwrap()
    };
    for store in [&bed.store, &bed.store.aside(1)] {
        for (name, value) in TOLD {
            assert_eq!(setting(store, name).await, value, "{name}");
        }
    }
    let own = format!("{}?options=-c%20lock_timeout%3D7s", bed.url);
    let own = Store::postgres(&own, 1).unwrap();
    assert_eq!(setting(&own, "lock_timeout").await, "7s", "the operator's word counts");
    assert_eq!(setting(&own, "idle_in_transaction_session_timeout").await, "15s");
}

/// Whoever idled too long in a transaction, or waited too long for a lock, is told to come again.
#[tokio::test]
async fn a_session_that_gave_up_is_told_to_come_again() {
    let bed = Bed::new(Kind::Postgres).await;
    let told = async |tx: &mut Tx, setting: &'static str| {
        let Tx::Postgres(tx) = tx else { panic!("PostgreSQL") };
        sqlx::query(setting).execute(&mut **tx).await.unwrap();
    };
    let mut holder = bed.store.begin().await.unwrap();
    locks::lock(&mut holder, &[locks::Owner::Issuer]).await.unwrap();
    let mut waiting = bed.store.begin().await.unwrap();
    told(&mut waiting, "SET LOCAL lock_timeout = '50ms'").await;
    let late = locks::lock(&mut waiting, &[locks::Owner::Issuer]).await.unwrap_err();
    assert!(late.is_passing(), "{late:?}");
    told(&mut holder, "SET LOCAL idle_in_transaction_session_timeout = '50ms'").await;
    // The server lets go of what the idle one held.
    let mut next = bed.store.begin().await.unwrap();
    locks::lock(&mut next, &[locks::Owner::Issuer]).await.unwrap();
    let ended = locks::lock(&mut holder, &[locks::Owner::Issuer]).await.unwrap_err();
    assert!(ended.is_passing(), "{ended:?}");
}

async fn word_of_an_entry_travels(kind: Kind) {
    let bed = Bed::new(kind).await;
    let aside = bed.store.aside(1);
    let heard = aside.listen("chancery_revocation").await.unwrap();
    assert_eq!(heard.is_some(), kind == Kind::Postgres);
    let mut tx = bed.store.begin().await.unwrap();
    locks::lock(&mut tx, &[locks::Owner::Resource(Uuid::nil()), locks::Owner::Session(Uuid::nil())]).await.unwrap();
    let seq = revocations::append(&mut tx, &log::new("jti", "x", Mark::None)).await.unwrap().seq;
    tx.commit().await.unwrap();
    if let Some(mut ear) = heard {
        let word = tokio::time::timeout(Duration::from_secs(5), ear.heard()).await;
        assert!(word.expect("a word within 5 s").unwrap());
    }
    assert_eq!(revocations::after(&aside, 0, 10).await.unwrap()[0].seq, seq, "the same database");
}

/// Other processes' connections are counted, one's own are not.
#[tokio::test]
async fn other_servers_are_counted() {
    let bed = Bed::new(Kind::Postgres).await;
    let others = async |store: &Store| issuer::others_connected(store).await.unwrap();
    assert_eq!(others(&bed.store.aside(1)).await, Some(1), "the bed's own");
    let Store::Postgres(pool) = &bed.store else { panic!("PostgreSQL") };
    let held = pool.acquire().await.unwrap();
    let another = pool.acquire().await.unwrap();
    assert_eq!(others(&bed.store.aside(1)).await, Some(2));
    drop((held, another));
    assert_eq!(others(&Bed::new(Kind::Sqlite).await.store).await, None, "it can't be told");
}
