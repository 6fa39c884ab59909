//! Many at once: each race has one winner, each count is exact, the log has no gaps.

use chancery::store::codes::Spent;
use chancery::store::families::Rotated;
use chancery::store::interactions::{self, Stepped};
use chancery::store::jti::{self, Once, Presented};
use chancery::store::lineage::{self, RETRIES_KEPT};
use chancery::store::locks::{Owner, lock};
use chancery::store::revocations::{self, Mark};
use chancery::store::{Error, Store, clients, codes, grants, rolls, signing_keys, tail, throttle, users};
use sqlx::types::Json;
use tokio::task::JoinSet;

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    one_rotates,
    one_redeems,
    one_steps,
    one_takes_the_ordinal,
    budgets_are_exact,
    the_log_has_no_gaps,
    locks_in_any_order_never_meet,
    a_grant_is_made_once,
    one_presents_first,
);

const MANY: usize = 32;

/// Runs `work` many times at once; the answers.
async fn at_once<T: Send + 'static, F>(store: &Store, work: impl Fn(Store, usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut set = JoinSet::new();
    (0..MANY).for_each(|nth| drop(set.spawn(work(store.clone(), nth))));
    set.join_all().await
}

async fn one_rotates(kind: Kind) {
    let bed = Bed::new(kind).await;
    let family = rows::family(&bed.store, rows::owners(&bed.store).await).await;
    for generation in 0..3 {
        let done = at_once(&bed.store, move |store, _| async move { rows::rotate(&store, family, generation).await.0 });
        let winners = done.await.into_iter().filter(|one| *one == Rotated::Rotated).count();
        assert_eq!(winners, 1, "generation {generation}");
    }
    let (read, _) = rolls::of_family(&bed.store, family).await.unwrap().unwrap();
    assert_eq!((read.generation, read.ordinal), (3, 3));
    assert_eq!(lineage::of_family(&bed.store, family, -1, 100).await.unwrap().len(), 4);
    // Retries side by side are each counted.
    let numbers = at_once(&bed.store, move |store, _| async move {
        let record = rows::record(chancery::event::Event::RefreshRetried);
        lineage::note_retry(&store, family, 3, &rows::issued(), &record).await.unwrap()
    });
    let mut numbers = numbers.await;
    numbers.sort();
    assert_eq!(numbers, (1..=i64::try_from(MANY).unwrap()).collect::<Vec<_>>());
    assert!(i64::try_from(lineage::retries(&bed.store, family).await.unwrap().len()).unwrap() <= RETRIES_KEPT);
}

async fn one_redeems(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let code = rows::coded(&bed.store, owners).await;
    let digest = code.digest.clone();
    let done = at_once(&bed.store, move |store, _| {
        let code = code.clone();
        async move { rows::redeem(&store, &code).await }
    });
    assert_eq!(done.await.into_iter().filter(|one| *one == Spent::Now).count(), 1);
    let mut raw = bed.raw().await;
    for table in ["family", "lineage", "audit"] {
        assert_eq!(raw.count(table, "true").await, 1, "{table}");
    }
    // A code is spent or burnt, never both.
    for _ in 0..4 {
        let code = rows::coded(&bed.store, owners).await;
        let (store, burnt) = (bed.store.clone(), code.digest.clone());
        let burning = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let _outcome = codes::burn(&mut tx, &burnt, rows::now()).await.unwrap();
            tx.commit().await.unwrap();
        });
        let spent = rows::redeem(&bed.store, &code).await;
        burning.await.unwrap();
        let (read, _) = rolls::of_code(&bed.store, &code.digest).await.unwrap().unwrap();
        assert_eq!((read.spent_at.is_some(), read.burnt_at.is_some()), (spent == Spent::Now, spent == Spent::Before));
    }
    assert!(rolls::of_code(&bed.store, &digest).await.unwrap().unwrap().0.spent_at.is_some());
}

async fn one_steps(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let begun = rows::interaction(owners.client_id);
    let mut tx = bed.store.begin().await.unwrap();
    interactions::insert(&mut tx, &begun).await.unwrap();
    tx.commit().await.unwrap();
    let done = at_once(&bed.store, move |store, _| {
        let begun = begun.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            let stepped = interactions::step(&mut tx, &begun, "consent", None, None).await.unwrap();
            tx.commit().await.unwrap();
            stepped
        }
    });
    assert_eq!(done.await.into_iter().filter(|one| *one == Stepped::Moved).count(), 1);
}

async fn one_takes_the_ordinal(kind: Kind) {
    let bed = Bed::new(kind).await;
    let check = signing_keys::SealingCheck { id: b"s".to_vec(), check_value: vec![1] };
    signing_keys::add_sealing_check(&bed.store, &check, rows::now()).await.unwrap();
    let done = at_once(&bed.store, |store, nth| async move {
        let key = signing_keys::SigningKey {
            kid: format!("kid{nth}"),
            alg: "ES256".to_owned(),
            ordinal: 7,
            sealing_key_id: b"s".to_vec(),
            sealed: vec![1],
            public_jwk: Json(serde_json::Value::Null),
            announced_at: rows::now(),
            signs_from: rows::now(),
            signs_until: rows::now(),
            gone_at: rows::now(),
            revoked_at: None,
        };
        let mut tx = store.begin().await.unwrap();
        match signing_keys::insert(&mut tx, &key).await {
            Ok(()) => tx.commit().await.is_ok(),
            Err(Error::Taken("ordinal")) => false,
            Err(other) => panic!("{other:?}"),
        }
    });
    assert_eq!(done.await.into_iter().filter(|one| *one).count(), 1);
}

async fn budgets_are_exact(kind: Kind) {
    let bed = Bed::new(kind).await;
    let many = i64::try_from(MANY).unwrap();
    let charged = at_once(&bed.store, |store, _| async move {
        throttle::charge(&store, "plain", rows::now(), rows::later(-60), rows::later(60)).await.unwrap().charged
    });
    let mut charged = charged.await;
    charged.sort();
    assert_eq!(charged, (1..=many).collect::<Vec<_>>(), "each saw its own number");
    for fresh in [false, true] {
        let seen = throttle::get(&bed.store, "seen").await.unwrap();
        let done = at_once(&bed.store, move |store, _| {
            let seen = seen.clone();
            let times = (if fresh { rows::later(90_000) } else { rows::now() }, rows::later(180_000));
            async move { throttle::charge_seen(&store, "seen", seen.as_ref(), fresh, times).await.unwrap() }
        });
        // From one to one (`fresh`) the count stays the same, and still only one of them may charge.
        assert_eq!(done.await.into_iter().filter(|one| *one).count(), 1, "fresh: {fresh}");
    }
}

async fn the_log_has_no_gaps(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (store, stopped) = (bed.store.clone(), stop.clone());
    // A reader who has seen n has seen everything below it, at every moment.
    let reader = tokio::spawn(async move {
        let mut seen = 0;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let told = tail::after(&store, seen, 1000).await.unwrap();
            for entry in &told.entries {
                assert_eq!(entry.seq, seen + 1, "an entry that was not there before");
                seen = entry.seq;
            }
            assert_eq!(told.position.seq, seen, "position and entries are one snapshot");
        }
        seen
    });
    let numbers = at_once(&bed.store, move |store, nth| async move {
        let mut seqs = Vec::new();
        for round in 0..4 {
            let mut tx = store.begin().await.unwrap();
            lock(&mut tx, &[Owner::User(owners.user_id)]).await.unwrap();
            let entry = revocations::append(&mut tx, &log::new("user", "x", Mark::User(owners.user_id))).await.unwrap();
            if (nth + round) % 3 == 0 {
                tx.rollback().await.unwrap();
            } else {
                tx.commit().await.unwrap();
                seqs.push(entry.seq);
            }
        }
        seqs
    });
    let mut numbers = numbers.await.concat();
    numbers.sort();
    let wanted = i64::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (1..=wanted).collect::<Vec<_>>(), "rolled back numbers are given again");
    assert_eq!(users::get(&bed.store, owners.user_id).await.unwrap().unwrap().revoked_seq, wanted);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(reader.await.unwrap() <= wanted);
}

async fn locks_in_any_order_never_meet(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (one, two) = (rows::owners(&bed.store).await, rows::owners(&bed.store).await);
    let families = [rows::family(&bed.store, one).await, rows::family(&bed.store, two).await];
    let done = at_once(&bed.store, move |store, nth| async move {
        let mut owners = vec![
            Owner::Family(families[0]),
            Owner::User(one.user_id),
            Owner::Session(two.session_id),
            Owner::Client(one.client_id),
            Owner::User(two.user_id),
            Owner::Family(families[1]),
            Owner::Grant(one.grant_id),
            Owner::Issuer,
        ];
        owners.rotate_left(nth % 8);
        let mut tx = store.begin().await?;
        lock(&mut tx, &owners).await?;
        revocations::append(&mut tx, &log::new("user", "x", Mark::User(one.user_id))).await?;
        tx.commit().await
    });
    let refused: Vec<_> = done.await.into_iter().filter_map(chancery::store::Result::err).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

async fn one_presents_first(kind: Kind) {
    let bed = Bed::new(kind).await;
    let done = at_once(&bed.store, |store, _| async move {
        let once = Once { purpose: "p", client_id: uuid::Uuid::nil(), digest: b"x", expires_at: rows::later(60) };
        jti::present(&store, &once).await.unwrap()
    });
    assert_eq!(done.await.into_iter().filter(|one| *one == Presented::First).count(), 1);
}

async fn a_grant_is_made_once(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (user, client) = (rows::user("u"), rows::client());
    let (user_id, client_id) = (user.id, client.id);
    let mut tx = bed.store.begin().await.unwrap();
    users::insert(&mut tx, &user).await.unwrap();
    clients::insert(&mut tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    let ids = at_once(&bed.store, move |store, _| async move {
        let mut tx = store.begin().await.unwrap();
        let id = chancery::secret::uuid_v7(rows::now());
        let id = grants::ensure(&mut tx, id, user_id, client_id, rows::now()).await.unwrap();
        tx.commit().await.unwrap();
        id
    });
    let mut ids = ids.await;
    ids.dedup();
    assert_eq!(ids.len(), 1, "all were told the same one");
}
