//! The revocation log, its counter and its tail; the marks.

use chancery::store::locks::{Owner, lock};
use chancery::store::revocations::{self, Mark, New};
use chancery::store::{issuer, rolls, sessions, tail, users};
use uuid::Uuid;

use super::{Bed, LONGEST, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(entries_are_numbered_and_mark, the_tail_tells_place_and_entries, the_counter_and_epochs);

pub fn new<'a>(kind: &'static str, value: &'a str, mark: Mark) -> New<'a> {
    let tip = rows::digest();
    New { tip, at: rows::now(), kind, value, reach: "lineage", reason: "test", actor: "system", mark }
}

async fn entries_are_numbered_and_mark(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let family = rows::family(&bed.store, owners).await;
    let marks = [
        Mark::Issuer,
        Mark::Client(owners.client_id),
        Mark::User(owners.user_id),
        Mark::Grant(owners.grant_id),
        Mark::Session(owners.session_id),
        Mark::Family(family),
        Mark::None,
    ];
    for (seq, mark) in (1..).zip(marks) {
        let mut tx = bed.store.begin().await.unwrap();
        lock(&mut tx, &[Owner::Family(family), Owner::User(owners.user_id), Owner::Issuer, Owner::Issuer])
            .await
            .unwrap();
        let wanted = new("kind", "value", mark);
        let entry = revocations::append(&mut tx, &wanted).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((entry.seq, &entry.tip, entry.at), (seq, &wanted.tip, rows::now()));
        assert_eq!(entry.until, rows::later(LONGEST + 300), "it outlives the longest token");
        let read = revocations::get(&bed.store, seq).await.unwrap().unwrap();
        assert_eq!(format!("{read:?}"), format!("{entry:?}"));
    }
    let (read, snapshot) = rolls::of_family(&bed.store, family).await.unwrap().unwrap();
    assert_eq!((snapshot.counter.as_of, snapshot.counter.issuer_mark), (7, 1));
    assert_eq!(snapshot.client.unwrap().client_mark, 2);
    assert_eq!(snapshot.user.unwrap().user_mark, 3);
    assert_eq!(snapshot.grant.unwrap().grant_mark, 4);
    let session = snapshot.session.unwrap();
    assert_eq!((session.session_mark, session.session_ended_at), (5, Some(rows::now())));
    assert_eq!((read.revoked_seq, read.ended_at), (6, Some(rows::now())));
    assert_eq!(read.end_reason.as_deref(), Some("test"));

    // A second kill of the same session raises the mark; when and why it first ended stays.
    let mut tx = bed.store.begin().await.unwrap();
    let again = New { at: rows::later(9), reason: "later", ..new("family", "v", Mark::Family(family)) };
    revocations::append(&mut tx, &again).await.unwrap();
    let again = New { at: rows::later(9), ..new("session", "v", Mark::Session(owners.session_id)) };
    revocations::append(&mut tx, &again).await.unwrap();
    tx.commit().await.unwrap();
    let (read, _) = rolls::of_family(&bed.store, family).await.unwrap().unwrap();
    assert_eq!((read.revoked_seq, read.ended_at), (8, Some(rows::now())));
    assert_eq!(read.end_reason.as_deref(), Some("test"));
    let session = sessions::get(&bed.store, owners.session_id).await.unwrap().unwrap();
    assert_eq!((session.revoked_seq, session.ended_at), (9, Some(rows::now())));
    assert_eq!(users::get(&bed.store, owners.user_id).await.unwrap().unwrap().revoked_seq, 3, "others stay");

    assert_eq!(revocations::after(&bed.store, 3, 2).await.unwrap().len(), 2);
    let found = revocations::find(&bed.store, "kind", "value", "lineage").await.unwrap().unwrap();
    assert_eq!(found.seq, 7, "the newest");
    assert!(revocations::find(&bed.store, "kind", "value", "access").await.unwrap().is_none());
    assert!(revocations::get(&bed.store, 99).await.unwrap().is_none());
}

async fn the_tail_tells_place_and_entries(kind: Kind) {
    let bed = Bed::new(kind).await;
    let empty = tail::after(&bed.store, 0, 10).await.unwrap();
    assert_eq!((empty.position.seq, empty.entries.len(), empty.here), (0, 0, None));
    assert_eq!(empty.database_time.is_some(), kind == Kind::Postgres);
    let mut tips = Vec::new();
    for (kind, value) in [("family", "a"), ("jti", "b"), ("key", "k"), ("family", "a"), ("strange", "z")] {
        let mut tx = bed.store.begin().await.unwrap();
        tips.push(revocations::append(&mut tx, &new(kind, value, Mark::None)).await.unwrap().tip);
        tx.commit().await.unwrap();
    }
    let told = tail::after(&bed.store, 2, 2).await.unwrap();
    assert_eq!((told.position.seq, &told.position.tip), (5, &tips[4]));
    assert_eq!(told.here.as_ref(), Some(&tips[1]));
    assert_eq!(told.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 4]);
    let ahead = tail::after(&bed.store, 77, 10).await.unwrap();
    assert_eq!((ahead.entries.len(), ahead.here, ahead.position.seq), (0, None, 5));

    let names = [("family", "a".to_owned()), ("jti", "x' OR 1=1".to_owned()), ("family", "a".to_owned())];
    let named = tail::named(&bed.store, &names, &["family", "jti", "key"]).await.unwrap();
    let mut newest = named.newest;
    newest.sort();
    assert_eq!(newest, [("family".to_owned(), 4), ("strange".to_owned(), 5)], "and what this program doesn't know");
    assert_eq!(tail::named(&bed.store, &[], &["strange", "family", "jti", "key"]).await.unwrap().newest, []);

    let end = rows::later(LONGEST + 300);
    let kinds = async |at| {
        let standing = revocations::standing(&bed.store, at).await.unwrap();
        standing.into_iter().map(|entry| entry.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(end - chrono::TimeDelta::microseconds(1)).await.len(), 5);
    assert_eq!(kinds(end).await, ["key"], "those of keys never leave");
}

async fn the_counter_and_epochs(kind: Kind) {
    let bed = Bed::new(kind).await;
    // Founding again changes nothing.
    issuer::found(&bed.store, Uuid::max(), b"other", 1, rows::later(1)).await.unwrap();
    let position = issuer::position(&bed.store).await.unwrap().unwrap();
    assert_eq!((position.database_id, position.epoch, position.seq), (Uuid::from_u128(1), 0, 0));
    assert_eq!((position.tip.as_slice(), position.longest_access_seconds), (&b"first tip"[..], LONGEST));
    issuer::raise_longest_access(&bed.store, LONGEST - 1).await.unwrap();
    assert_eq!(issuer::position(&bed.store).await.unwrap().unwrap().longest_access_seconds, LONGEST);
    issuer::raise_longest_access(&bed.store, LONGEST + 1).await.unwrap();
    assert_eq!(issuer::position(&bed.store).await.unwrap().unwrap().longest_access_seconds, LONGEST + 1);
    assert_eq!(issuer::database_time(&bed.store).await.unwrap().is_some(), kind == Kind::Postgres);

    let floor = 3 * issuer::EPOCH + 17;
    let mut tx = bed.store.begin().await.unwrap();
    assert_eq!(issuer::begin_epoch(&mut tx, floor, b"new tip").await.unwrap(), 4);
    let entry = revocations::append(&mut tx, &new("all", "", Mark::Issuer)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(entry.seq > floor && entry.seq == 4 * issuer::EPOCH + 1);
    assert!(entry.seq < 1 << 53, "a JSON number holds it");
    assert_eq!(issuer::position(&bed.store).await.unwrap().unwrap().epoch, 4);
}
