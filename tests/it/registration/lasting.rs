//! How long clients stay that registered themselves: unused ones are deleted by the kill path, and what is left of them is swept.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery::clock::Clock;
use chancery::config::{Config, RegistrationMode};
use chancery::oauth::enrol;
use chancery::store::{audit, clients};
use chrono::Utc;
use serde_json::json;

use super::{Registered, modest, with};
use crate::kit::actors::Browser;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;
use crate::kit::raw::Raw;

on_both!(what_goes_unused_is_deleted, what_is_deleted_is_swept, the_server_does_it_by_itself);

const DAY: Duration = Duration::from_hours(24);

async fn held(kind: Kind) -> (Issuer, Clock) {
    let clock = Clock::held(Utc::now());
    let change = |config: &mut Config| {
        config.registration.mode = RegistrationMode::Open;
        config.registration.idle_after = DAY * 10;
        config.lineage.keep = DAY;
        config.tokens.family_absolute = DAY * 2;
    };
    let setup = Setup { change: Box::new(change), ..Setup::held(&clock) };
    (Issuer::start_with(kind, setup).await, clock)
}

async fn alive(issuer: &Issuer, client: &Registered) -> bool {
    clients::get(&issuer.app.store, client.id).await.unwrap().is_some_and(|row| row.deleted_at.is_none())
}

async fn what_goes_unused_is_deleted(kind: Kind) {
    let (issuer, clock) = held(kind).await;
    issuer.user("alice").await;
    let own = issuer.client().await;
    let body = with(json!({ "grant_types": ["authorization_code", "refresh_token"] }));
    let [unused, used, disabled] = [
        Registered::at(&issuer, &modest()).await,
        Registered::at(&issuer, &body).await,
        Registered::at(&issuer, &modest()).await,
    ];
    let mut browser = Browser::new(&issuer);
    used.party(&issuer).tokens(&mut browser, "alice").await;
    let last = async || clients::get(&issuer.app.store, used.id).await.unwrap().unwrap().last_used_at;
    issuer.until("its use is noted", async |_| last().await.is_some()).await;
    Operator::of(&issuer).run(&["client", "disable", &disabled.id.to_string()]).ok();

    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 0, "nothing goes early");
    clock.advance(DAY - Duration::from_secs(60));
    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 0);
    clock.advance(Duration::from_secs(120));
    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 1);
    assert!(!alive(&issuer, &unused).await && alive(&issuer, &used).await && alive(&issuer, &disabled).await);
    unused.get().await.is(401, "invalid_token");
    let told = audit::newest(&issuer.app.store, None, 20).await.unwrap();
    let row = told.iter().find(|row| row.event == "client.deleted").unwrap();
    assert_eq!(
        (row.actor.as_str(), row.client_id, &row.detail.0["why"]),
        ("system", Some(unused.id), &json!("unused"))
    );
    assert!(
        told.iter().any(|row| row.event == "revocation.written" && row.client_id == Some(unused.id)),
        "by the kill path"
    );

    // Use counts, to the day, and is written once a day.
    let first = last().await;
    clock.advance(DAY * 8);
    let mut again = Browser::new(&issuer);
    let tokens = used.party(&issuer).tokens(&mut again, "alice").await;
    issuer.until("its use is noted again", async |_| last().await > first).await;
    let second = last().await;
    clock.advance(Duration::from_hours(1));
    used.party(&issuer).refresh(tokens.str("refresh_token")).await.ok();
    clock.advance(DAY * 9);
    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 0);
    assert_eq!(last().await, second);
    clock.advance(DAY * 2);
    assert_eq!(enrol::expire_unused(&issuer.app).await.unwrap(), 1);
    assert!(!alive(&issuer, &used).await);
    assert!(
        clients::get(&issuer.app.store, own.id).await.unwrap().unwrap().deleted_at.is_none(),
        "an administrator's stays"
    );
    issuer.stop().await;
}

async fn what_is_deleted_is_swept(kind: Kind) {
    let (issuer, clock) = held(kind).await;
    issuer.user("alice").await;
    let (never, used) = (Registered::at(&issuer, &modest()).await, Registered::at(&issuer, &modest()).await);
    used.party(&issuer).tokens(&mut Browser::new(&issuer), "alice").await;
    for client in [&never, &used] {
        assert_eq!(client.delete().await.status, 204);
    }
    let there = async |client: &Registered| clients::get(&issuer.app.store, client.id).await.unwrap().is_some();
    enrol::sweep(&issuer.app).await.unwrap();
    assert!(there(&never).await, "a token of it could live for an hour");
    clock.advance(Duration::from_hours(3));
    enrol::sweep(&issuer.app).await.unwrap();
    assert!(!there(&never).await && there(&used).await, "lineage needs its mark");
    // Once its lineage is swept it goes, with what users had allowed it.
    clock.advance(DAY * 4);
    for _ in 0..4 {
        let horizon = chancery::jobs::upkeep::horizon(&issuer.app).unwrap();
        chancery::store::sweep::batch(&issuer.app.store, &horizon).await.unwrap();
    }
    enrol::sweep(&issuer.app).await.unwrap();
    assert!(!there(&used).await);
    issuer.stop().await;
}

async fn the_server_does_it_by_itself(kind: Kind) {
    let change = |config: &mut Config| {
        config.registration.mode = RegistrationMode::Open;
        config.registration.unused_after = Duration::from_secs(1);
    };
    let issuer = Issuer::start_with(kind, Setup { change: Box::new(change), ..Setup::patient() }).await;
    let client = Registered::at(&issuer, &modest()).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // A server that starts looks at once.
    let issuer = issuer.restart(Setup { change: Box::new(change), ..Setup::patient() }).await;
    issuer.until("it is deleted", async |issuer| !alive(issuer, &client).await).await;
    issuer.stop().await;
}

/// Whatever comes to point at clients has to be waited for before one is swept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeping_knows_every_table_that_names_clients() {
    let issuer = Issuer::start_with(Kind::Postgres, Setup::patient()).await;
    let tables = |of: &str| {
        format!(
            "SELECT DISTINCT t.relname::text FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
                  JOIN pg_class f ON f.oid = c.confrelid WHERE c.contype = 'f' AND f.relname = '{of}'"
        )
    };
    let text = include_str!("../../../src/store/enrolled.rs");
    for (of, column, least) in [("client", "client_id = c.id", 6), ("grants", "grant_id = g.id", 2)] {
        let named: BTreeSet<String> = Raw::open(&issuer.database).await.texts(&tables(of)).await.into_iter().collect();
        let waited = |table: &String| {
            ('a'..='z').any(|short| text.contains(&format!("FROM {table} {short} WHERE {short}.{column}")))
        };
        let missing: Vec<_> = named.iter().filter(|table| !waited(table)).collect();
        assert!(named.len() >= least && missing.is_empty(), "{of}: {missing:?}");
    }
    issuer.stop().await;
}
