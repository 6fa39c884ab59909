//! Late in other ways: waiting for a password hash while the password changes, or with groups that were read before.

use chancery::app::App;
use chancery::change::By;
use chancery::clock::Clock;
use chancery::event::{Actor, Caller};
use chancery::identity::people::{self, Edit};
use chancery::identity::{change, password};
use chancery::jobs::build;
use chancery::keyring::SealingKeys;
use chancery::live::Tuning;
use chancery::revocation::{Reach, Target};
use chancery::session::COOKIE;
use chancery::store::{sessions, users};
use sqlx::types::Json;

use super::barrier::{Barrier, Hold};
use super::browsing::{Page, afresh, give, held, page, submit};
use super::causes::{NEW_PASSWORD, admin};
use crate::kit::actors::{Browser, PASSWORD, claims, location};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(a_sign_in_is_late, groups_that_were_read_are_late);

/// The same issuer in another process: its own hashing, its own connections.
async fn elsewhere(issuer: &Issuer) -> App {
    let config = issuer.app.config.clone();
    let store = build::open_store(&config).await.unwrap();
    let sealing = SealingKeys::ready(&config.keys, &store).await.unwrap();
    build::assemble(config, Clock::system(), (store, sealing), Tuning::default()).await.unwrap()
}

/// A thief knows the password. His sign-in waits in the queue of hashes while the victim gets rid of it.
async fn a_sign_in_is_late(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let (rp, other) = (issuer.client().await, elsewhere(&issuer).await);
    for (what, holds_session) in [
        ("own", false),
        ("own", true),
        ("set", false),
        ("disabled", false),
        ("killed", false),
        ("killed", true),
        ("all", false),
    ] {
        let name = format!("alice-{what}-{holds_session}");
        let alice = issuer.user(&name).await;
        let (mut victim, mut thief) = (Browser::new(&issuer), Browser::new(&issuer));
        afresh(&mut victim, &rp.flow(&[]), (&name, PASSWORD)).await;
        if holds_session {
            // With a session of hers, his sign-in would renew that one.
            afresh(&mut thief, &rp.flow(&[]), (&name, PASSWORD)).await;
        }
        let flow = rp.flow(&[("prompt", "login")]);
        let opened = thief.begin(&flow).await.ok();
        let mut permits = Vec::new();
        for _ in 0..issuer.app.config.login.hash_permits.max(1) {
            permits.push(issuer.app.hashing.acquire().await.unwrap());
        }
        let late = tokio::spawn({
            let (mut thief, url, name) = (thief.clone(), flow.url.clone(), name.clone());
            async move { (submit(&mut thief, &opened, &url, (&name, PASSWORD)).await, thief) }
        });
        issuer.until("the sign-in waits for its hash", async |issuer| issuer.app.hashing.waiting() == 1).await;

        let caller = Caller::default();
        let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
        match what {
            "own" => {
                let session = held(&issuer, &victim).await.unwrap();
                let begun = change::password(&other, &session, PASSWORD, NEW_PASSWORD, &caller).await.unwrap();
                give(&mut victim, &begun.secret);
            }
            "set" => {
                let hash = password::hash(&other, &password::Password::typed(NEW_PASSWORD).unwrap()).await.unwrap();
                people::set_password(&other.store, &by, alice.id, &hash).await.unwrap().settle(&other).await.unwrap();
            }
            "disabled" => {
                people::disable(&other.store, &by, alice.id).await.unwrap().settle(&other).await.unwrap();
                people::enable(&other.store, &by, alice.id).await.unwrap().settle(&other).await.unwrap();
            }
            "all" => admin(&issuer, "all", "").await,
            _ => admin(&issuer, "user", &alice.sub.to_string()).await,
        }
        drop(permits);
        let (answer, mut after) = late.await.unwrap();
        let to = location(&answer).unwrap_or_else(|| panic!("{what}: {} {}", answer.status, answer.text));
        assert!(to.contains("/login?"), "{what}: back to the sign-in, not {to}");
        assert_eq!(
            after.cookies.get(COOKIE),
            thief.cookies.get(COOKIE),
            "{what}: no secret of a dead session is given"
        );
        assert!(held(&issuer, &after).await.is_none(), "{what}: nothing he holds stands");
        let again = after.get(&to).await.ok();
        assert_eq!(page(&again), Page::SignIn);
        let mark = users::get(&issuer.app.store, alice.id).await.unwrap().unwrap().revoked_seq;
        let all = sessions::of_user(&issuer.app.store, alice.id).await.unwrap();
        let living: Vec<_> = all.iter().filter(|session| session.born_seq >= mark && what != "all").collect();
        assert_eq!(living.len(), usize::from(what == "own"), "{what}: whose session stands");
        assert_eq!(held(&issuer, &victim).await.is_some(), what == "own", "who changed it goes on, in that browser");
        // The old password opens nothing any more, where it was changed; elsewhere its owner signs in again.
        let answer = submit(&mut after, &again, &flow.url, (&name, PASSWORD)).await;
        if matches!(what, "own" | "set") {
            assert!(answer.status == 400 && answer.text.contains("id=\"error\""), "{what} {}", answer.text);
        } else {
            assert_eq!(answer.status, 303, "{what}");
            assert!(held(&issuer, &after).await.is_some(), "{what}");
        }
    }
    other.store.close().await;
}

/// A refresh has read the groups; then one is removed; then the token is written.
async fn groups_that_were_read_are_late(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let (alice, rp) = (issuer.user("alice").await, issuer.client().await);
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let mut barrier = Barrier::set(&issuer, Hold::Writing).await;
    let late = tokio::spawn({
        let (rp, token) = (rp.clone(), tokens.str("refresh_token").to_owned());
        async move { rp.refresh(&token).await }
    });
    barrier.waited_for(1).await;
    let mut row = users::get(&mut barrier.tx, alice.id).await.unwrap().unwrap();
    row.groups = Json(vec![]);
    users::update(&mut barrier.tx, &row, issuer.app.clock.now()).await.unwrap();
    let _ = barrier.kill(&Target::User { id: alice.id, sub: alice.sub }, Reach::Access).await;
    barrier.let_go().await;
    let late = late.await.unwrap().ok();
    assert_eq!(claims(late.str("access_token"))["groups"], serde_json::json!(["staff"]), "it was read before");
    issuer
        .until("a token that names the group is dead", async |_| {
            rp.introspect(late.str("access_token")).await.ok().json["active"] == false
        })
        .await;
    let next = rp.refresh(late.str("refresh_token")).await.ok();
    assert_eq!(claims(next.str("access_token")).get("groups"), None);
    assert_eq!(rp.introspect(next.str("access_token")).await.ok().json["active"], true);

    // The same by management: the refresh goes on with what is left.
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
    let edit = Edit { add_groups: vec!["crew".to_owned()], ..Edit::default() };
    people::update(&issuer.app.store, &by, alice.id, &edit).await.unwrap().settle(&issuer.app).await.unwrap();
    assert_eq!(rp.introspect(next.str("access_token")).await.ok().json["active"], true, "a group more ends nothing");
}
