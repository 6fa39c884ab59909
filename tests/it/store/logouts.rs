//! The outbox: written with a kill, made into notices, taken by one at a time, and gone through again by whoever comes after a
//! crash.

use std::collections::BTreeSet;

use chancery::secret;
use chancery::store::logouts::{self, Ended, Kind as Of, Notice};
use chancery::store::revocations::{self, Mark};
use chancery::store::sweep::{self, Horizon};
use chancery::store::{Store, sessions};
use chrono::TimeDelta;
use uuid::Uuid;

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    what_has_ended_is_held_by_one,
    the_sessions_that_it_ended_and_no_others,
    a_notice_is_written_once_and_taken_by_one,
    notices_are_swept_when_they_are_done,
);

fn ended(owner_id: Option<Uuid>) -> Ended {
    Ended { id: secret::uuid_v7(rows::now()), owner_id, at: rows::now(), told_up_to: Uuid::nil() }
}

fn notice(client_id: Uuid, session_id: Uuid, user_id: Uuid) -> Notice {
    Notice {
        id: secret::uuid_v7(rows::now()),
        client_id,
        session_id,
        user_id,
        ended_at: rows::now(),
        attempts: 0,
        due_at: rows::now(),
        said: None,
        outcome: None,
        done_at: None,
    }
}

async fn write(store: &Store, kind: Of, ended: &Ended, due: i64) {
    let mut tx = store.begin().await.unwrap();
    logouts::insert(&mut tx, kind, ended, rows::later(due)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_has_ended_is_held_by_one(kind: Kind) {
    let bed = Bed::new(kind).await;
    let session = Uuid::from_u128(7);
    let (first, second) = (ended(Some(session)), ended(None));
    write(&bed.store, Of::Session, &first, 0).await;
    write(&bed.store, Of::All, &second, 5).await;
    assert_eq!(logouts::waiting(&bed.store).await.unwrap(), 2);
    let due = async |seconds| logouts::is_due(&bed.store, rows::later(seconds)).await.unwrap();
    assert_eq!((due(-1).await, due(0).await), (false, true));

    let mut tx = bed.store.begin().await.unwrap();
    assert_eq!(logouts::hold_due(&mut tx, rows::later(9)).await.unwrap(), Some((Of::Session, first)));
    if kind == Kind::Postgres {
        // On SQLite the other waits for the whole transaction instead.
        let mut other = bed.store.begin().await.unwrap();
        assert_eq!(logouts::hold_of_session(&mut other, session).await.unwrap(), None, "held by another");
        assert_eq!(logouts::hold_due(&mut other, rows::later(9)).await.unwrap(), Some((Of::All, second)));
        other.rollback().await.unwrap();
    }
    tx.rollback().await.unwrap();

    let mut tx = bed.store.begin().await.unwrap();
    assert_eq!(logouts::hold_due(&mut tx, rows::later(-1)).await.unwrap(), None, "nobody before its time");
    assert_eq!(logouts::hold_of_session(&mut tx, session).await.unwrap(), Some(first), "but whoever knows it");
    logouts::remove(&mut tx, first.id).await.unwrap();
    logouts::told_up_to(&mut tx, second.id, session).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bed.store.begin().await.unwrap();
    assert_eq!(
        logouts::hold_due(&mut tx, rows::later(9)).await.unwrap(),
        Some((Of::All, Ended { told_up_to: session, ..second }))
    );
    assert_eq!(logouts::hold_of_session(&mut tx, session).await.unwrap(), None);
}

async fn the_sessions_that_it_ended_and_no_others(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (one, other) = (rows::owners(&bed.store).await, rows::owners(&bed.store).await);
    let mut more = BTreeSet::from([one.session_id]);
    let mut tx = bed.store.begin().await.unwrap();
    for _ in 0..4 {
        let session = rows::session(one.user_id);
        sessions::insert(&mut tx, &session).await.unwrap();
        more.insert(session.id);
    }
    let gone = *more.last().unwrap();
    more.remove(&gone);
    revocations::append(&mut tx, &log::new("session", "x", Mark::Session(gone))).await.unwrap();
    revocations::append(&mut tx, &log::new("user", "x", Mark::User(one.user_id))).await.unwrap();
    // Begun by whoever changed the password, under the number of the kill itself: it lives.
    let fresh = sessions::Session { born_seq: 2, ..rows::session(one.user_id) };
    sessions::insert(&mut tx, &fresh).await.unwrap();
    let user = Ended { id: Uuid::from_u128(1), ..ended(Some(one.user_id)) };
    let mut found = Vec::new();
    let mut at = user;
    loop {
        let some = logouts::sessions(&mut tx, Of::User, &at, 3).await.unwrap();
        let Some((last, _)) = some.last() else { break };
        at.told_up_to = *last;
        found.extend(some);
    }
    assert!(found.iter().all(|(_, user)| *user == one.user_id));
    assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), more.iter().copied().collect::<Vec<_>>());
    let session = logouts::sessions(&mut tx, Of::Session, &ended(Some(gone)), 9).await.unwrap();
    assert_eq!(session, [(gone, one.user_id)]);
    let alive = logouts::sessions(&mut tx, Of::Session, &ended(Some(other.session_id)), 9).await.unwrap();
    assert_eq!(alive, [], "whatever the outbox says, that one stands");
    assert_eq!(logouts::sessions(&mut tx, Of::All, &ended(None), 9).await.unwrap(), [], "not everything has ended");
    revocations::append(&mut tx, &log::new("all", "", Mark::Issuer)).await.unwrap();
    let all: BTreeSet<Uuid> =
        logouts::sessions(&mut tx, Of::All, &ended(None), 99).await.unwrap().into_iter().map(|(id, _)| id).collect();
    more.extend([other.session_id, fresh.id]);
    assert_eq!(all, more, "all but the one that ended by itself");
    tx.commit().await.unwrap();

    // Who holds a code is on the way to tokens.
    assert!(logouts::clients_of(&bed.store, one.session_id).await.unwrap().is_empty());
    rows::coded(&bed.store, one).await;
    rows::family(&bed.store, one).await;
    assert_eq!(logouts::clients_of(&bed.store, one.session_id).await.unwrap(), [one.client_id]);
    rows::coded(&bed.store, other).await;
    assert_eq!(logouts::clients_of(&bed.store, other.session_id).await.unwrap(), [other.client_id]);
}

async fn a_notice_is_written_once_and_taken_by_one(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let first = notice(owners.client_id, owners.session_id, owners.user_id);
    let mut tx = bed.store.begin().await.unwrap();
    assert!(logouts::add_notice(&mut tx, &first).await.unwrap());
    let again = notice(owners.client_id, owners.session_id, owners.user_id);
    assert!(!logouts::add_notice(&mut tx, &again).await.unwrap(), "one for each session and client");
    for n in 1..20_u128 {
        let other = notice(owners.client_id, Uuid::from_u128(n), owners.user_id);
        assert!(logouts::add_notice(&mut tx, &other).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!(logouts::waiting(&bed.store).await.unwrap(), 20);
    assert!(logouts::clients_due(&bed.store, rows::later(-1)).await.unwrap().is_empty());
    assert_eq!(logouts::clients_due(&bed.store, rows::now()).await.unwrap(), [owners.client_id]);

    // Ten take at once, three each: nobody takes what another has.
    let (now, until) = (rows::now(), rows::later(60));
    let takers = (0..10).map(|_| {
        let store = bed.store.clone();
        tokio::spawn(async move { logouts::take(&store, owners.client_id, now, until, 3).await.unwrap() })
    });
    let mut taken = Vec::new();
    for taker in takers.collect::<Vec<_>>() {
        taken.extend(taker.await.unwrap());
    }
    taken.extend(logouts::take(&bed.store, owners.client_id, now, until, 99).await.unwrap());
    assert!(taken.iter().all(|notice| (notice.attempts, notice.due_at) == (1, until)));
    assert_eq!((taken.len(), taken.iter().map(|notice| notice.id).collect::<BTreeSet<_>>().len()), (20, 20));
    assert!(logouts::take(&bed.store, owners.client_id, now, until, 99).await.unwrap().is_empty());

    let mut tx = bed.store.begin().await.unwrap();
    logouts::again(&mut tx, taken[0].id, rows::later(5), "HTTP 503").await.unwrap();
    assert!(logouts::done(&mut tx, taken[1].id, rows::later(1), "delivered", "HTTP 200").await.unwrap());
    assert!(!logouts::done(&mut tx, taken[1].id, rows::later(2), "refused", "HTTP 400").await.unwrap());
    logouts::again(&mut tx, taken[1].id, rows::later(5), "later").await.unwrap();
    tx.commit().await.unwrap();
    let due = logouts::take(&bed.store, owners.client_id, rows::later(5), until, 99).await.unwrap();
    assert_eq!(due.iter().map(|notice| (notice.id, notice.attempts)).collect::<Vec<_>>(), [(taken[0].id, 2)]);
    assert_eq!(due[0].said.as_deref(), Some("HTTP 503"));
    let listed = logouts::of_client(&bed.store, owners.client_id, 99).await.unwrap();
    let done = listed.iter().find(|notice| notice.id == taken[1].id).unwrap();
    assert_eq!(
        (done.outcome.as_deref(), done.said.as_deref(), done.done_at),
        (Some("delivered"), Some("HTTP 200"), Some(rows::later(1)))
    );
    assert_eq!((listed.len(), logouts::of_client(&bed.store, owners.client_id, 2).await.unwrap().len()), (20, 2));
    // Whoever took the rest has vanished: when the time is up, they are there again.
    assert_eq!(logouts::take(&bed.store, owners.client_id, until, rows::later(99), 99).await.unwrap().len(), 19);
}

async fn notices_are_swept_when_they_are_done(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let (done, open) = (
        notice(owners.client_id, Uuid::from_u128(1), owners.user_id),
        notice(owners.client_id, Uuid::from_u128(2), owners.user_id),
    );
    let mut tx = bed.store.begin().await.unwrap();
    for one in [&done, &open] {
        logouts::add_notice(&mut tx, one).await.unwrap();
    }
    logouts::done(&mut tx, done.id, rows::later(10), "delivered", "HTTP 200").await.unwrap();
    tx.commit().await.unwrap();
    for (seconds, left) in [(10, 2), (11, 1), (1_000_000, 1)] {
        let at = rows::later(seconds);
        let horizon =
            Horizon { now: rows::now(), log: rows::now(), codes: rows::now() - TimeDelta::days(1), lineage: at };
        sweep::batch(&bed.store, &horizon).await.unwrap();
        assert_eq!(bed.raw().await.count("logout_notice", "true").await, left, "{seconds}");
    }
}
