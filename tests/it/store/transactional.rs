//! What was not committed never was; a cause and its kill are one.

use chancery::store::locks::{Owner, lock};
use chancery::store::revocations::{self, Mark};
use chancery::store::{Error, Tx, audit, clients, codes, grants, interactions, resources, sessions, users};

use chancery::event::Event;

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::raw::differences;

on_both!(
    a_rollback_leaves_nothing,
    a_dropped_transaction_leaves_nothing,
    a_failed_statement_takes_all_with_it,
    a_cause_and_its_kill_are_one,
    readers_see_only_what_is_committed,
);

/// A bit of everything that a transaction can write.
async fn write_much(tx: &mut Tx, owners: codes::Owners) {
    let (user, client) = (rows::user("ghost"), rows::client());
    users::insert(tx, &user).await.unwrap();
    users::set_password(tx, user.id, "hash", rows::now()).await.unwrap();
    clients::insert(tx, &client).await.unwrap();
    clients::add_secret(tx, &rows::secret_of(client.id)).await.unwrap();
    resources::insert(tx, &rows::resource("https://ghost.test")).await.unwrap();
    sessions::insert(tx, &rows::session(user.id)).await.unwrap();
    grants::ensure(tx, user.id, user.id, client.id, rows::now()).await.unwrap();
    interactions::insert(tx, &rows::interaction(client.id)).await.unwrap();
    codes::insert(tx, &rows::code(), owners).await.unwrap();
    audit::insert(tx, &rows::record(Event::UserCreated)).await.unwrap();
    lock(tx, &[Owner::User(owners.user_id)]).await.unwrap();
    revocations::append(tx, &log::new("user", "ghost", Mark::User(owners.user_id))).await.unwrap();
}

async fn a_rollback_leaves_nothing(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let before = bed.raw().await.dump().await;
    let mut tx = bed.store.begin().await.unwrap();
    write_much(&mut tx, owners).await;
    tx.rollback().await.unwrap();
    assert_eq!(differences(&before, &bed.raw().await.dump().await), [""; 0]);
    // The number that was given back is given again: no gap.
    let mut tx = bed.store.begin().await.unwrap();
    let entry = revocations::append(&mut tx, &log::new("jti", "x", Mark::None)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(entry.seq, 1);
}

async fn a_dropped_transaction_leaves_nothing(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let before = bed.raw().await.dump().await;
    let mut tx = bed.store.begin().await.unwrap();
    write_much(&mut tx, owners).await;
    drop(tx);
    // A cancelled future drops its transaction half way: the same.
    let store = bed.store.clone();
    let cancelled = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        write_much(&mut tx, owners).await;
        std::future::pending::<()>().await;
    });
    while !cancelled.is_finished() {
        cancelled.abort();
        tokio::task::yield_now().await;
    }
    assert!(cancelled.await.unwrap_err().is_cancelled());
    // The write connection is free again and holds nothing of it.
    let mut tx = bed.store.begin().await.unwrap();
    users::insert(&mut tx, &rows::user("ghost")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(differences(&before, &bed.raw().await.dump().await), [""; 0]);
}

async fn a_failed_statement_takes_all_with_it(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    rows::owners(&bed.store).await;
    let before = bed.raw().await.dump().await;
    let mut tx = bed.store.begin().await.unwrap();
    write_much(&mut tx, owners).await;
    let twin = users::User { email_key: None, ..rows::user("ghost") };
    let taken = users::insert(&mut tx, &twin).await;
    assert!(matches!(taken, Err(Error::Taken("username"))), "{taken:?}");
    drop(tx);
    assert_eq!(differences(&before, &bed.raw().await.dump().await), [""; 0]);
}

async fn a_cause_and_its_kill_are_one(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let mut user = users::get(&bed.store, owners.user_id).await.unwrap().unwrap();
    user.disabled_at = Some(rows::now());
    for commits in [false, true] {
        let mut tx = bed.store.begin().await.unwrap();
        lock(&mut tx, &[Owner::User(user.id)]).await.unwrap();
        users::update(&mut tx, &user, rows::now()).await.unwrap();
        revocations::append(&mut tx, &log::new("user", "x", Mark::User(user.id))).await.unwrap();
        if commits {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        let read = users::get(&bed.store, user.id).await.unwrap().unwrap();
        let entries = revocations::after(&bed.store, 0, 10).await.unwrap().len();
        assert_eq!((read.disabled_at.is_some(), read.revoked_seq == 1, entries == 1), (commits, commits, commits));
    }
}

async fn readers_see_only_what_is_committed(kind: Kind) {
    let bed = Bed::new(kind).await;
    let mut tx = bed.store.begin().await.unwrap();
    users::insert(&mut tx, &rows::user("early")).await.unwrap();
    assert!(users::by_key(&bed.store, "early").await.unwrap().is_none(), "another connection does not see it");
    assert!(users::by_key(&mut tx, "early").await.unwrap().is_some(), "its own does");
    tx.commit().await.unwrap();
    assert!(users::by_key(&bed.store, "early").await.unwrap().is_some());
}
