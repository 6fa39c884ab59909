//! Device codes: one user code each, one browser's to answer, one answer, one family.

use chancery::event::Event;
use chancery::secret;
use chancery::store::codes::{Owners, Redemption, Spent};
use chancery::store::device_codes::{self, Approval, Claimed, Decided, DeviceCode, Kept, Noted, Proved, State};
use chancery::store::{Store, families, lineage, rolls};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Bed, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    it_is_found_by_each_of_its_names,
    the_first_answer_stands,
    it_becomes_a_family_once,
    polls_are_noted_one_by_one,
    it_needs_its_owners
);

pub fn code(client_id: Uuid) -> DeviceCode {
    DeviceCode {
        digest: rows::digest(),
        family_id: secret::uuid_v7(rows::now()),
        client_id,
        born_seq: 3,
        scopes: "openid".to_owned(),
        resources: Json(vec!["https://api.test".to_owned()]),
        address: Some("192.0.2.7".to_owned()),
        user_agent: Some("tv/1".to_owned()),
        interval_seconds: 5,
        polls: 0,
        polled_at: None,
        claimed_by: None,
        created_at: rows::now(),
        expires_at: rows::later(600),
        approved_at: None,
        denied_at: None,
        spent_at: None,
    }
}

async fn kept(store: &Store, code: &DeviceCode, user_code: &[u8]) -> Kept {
    let mut tx = store.begin().await.unwrap();
    let kept = device_codes::insert(&mut tx, code, user_code).await.unwrap();
    tx.commit().await.unwrap();
    kept
}

/// A code, written, and its owners.
async fn waiting(bed: &Bed) -> (DeviceCode, Owners) {
    let owners = rows::owners(&bed.store).await;
    let code = code(owners.client_id);
    assert_eq!(kept(&bed.store, &code, &rows::digest()).await, Kept::Kept);
    (code, owners)
}

async fn claims(bed: &Bed, code: &DeviceCode, browser: &[u8]) -> Claimed {
    let mut tx = bed.store.begin().await.unwrap();
    let claimed = device_codes::claim(&mut tx, code.family_id, browser).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn approves(bed: &Bed, code: &DeviceCode, owners: Owners, browser: &[u8], after: i64) -> Decided {
    let proved = Proved { acr: "1".to_owned(), amr: Json(vec!["pwd".to_owned()]), auth_time: rows::now() };
    let at = rows::later(after);
    let approval = Approval { family_id: code.family_id, browser, owners, born_seq: 7, proved, at };
    let mut tx = bed.store.begin().await.unwrap();
    let decided = device_codes::approve(&mut tx, &approval).await.unwrap();
    tx.commit().await.unwrap();
    decided
}

async fn denies(bed: &Bed, code: &DeviceCode, browser: &[u8]) -> Decided {
    let mut tx = bed.store.begin().await.unwrap();
    let decided = device_codes::deny(&mut tx, code.family_id, browser, rows::later(1)).await.unwrap();
    tx.commit().await.unwrap();
    decided
}

async fn read(bed: &Bed, code: &DeviceCode) -> DeviceCode {
    device_codes::by_digest(&bed.store, &code.digest).await.unwrap().unwrap()
}

async fn redeems(bed: &Bed, code: &DeviceCode) -> Spent {
    let (issued, record) = (rows::issued(), rows::record(Event::DeviceRedeemed).family(code.family_id));
    let redemption = Redemption {
        digest: &code.digest,
        born_seq: 7,
        secret_digest: Some(rows::digest()),
        outlives_session: false,
        family_expires_at: rows::later(7200),
        issued: &issued,
        record: &record,
    };
    device_codes::redeem(&bed.store, &redemption).await.unwrap()
}

/// One that was allowed and spent: its family stands.
pub async fn family(bed: &Bed, owners: Owners) -> Uuid {
    let (code, browser) = (code(owners.client_id), rows::digest());
    kept(&bed.store, &code, &rows::digest()).await;
    claims(bed, &code, &browser).await;
    approves(bed, &code, owners, &browser, 1).await;
    assert_eq!(redeems(bed, &code).await, Spent::Now);
    code.family_id
}

async fn it_is_found_by_each_of_its_names(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let (first, second, tag) = (code(owners.client_id), code(owners.client_id), rows::digest());
    assert_eq!(kept(&bed.store, &first, &tag).await, Kept::Kept);
    assert_eq!(kept(&bed.store, &second, &tag).await, Kept::Taken, "one code for each user code");
    assert_eq!(kept(&bed.store, &second, &rows::digest()).await, Kept::Kept);
    for found in [
        device_codes::by_digest(&bed.store, &first.digest).await.unwrap(),
        device_codes::by_user_code(&bed.store, &tag).await.unwrap(),
        device_codes::by_family(&bed.store, first.family_id).await.unwrap(),
    ] {
        assert_eq!(format!("{:?}", found.unwrap()), format!("{first:?}"));
    }
    assert!(device_codes::by_user_code(&bed.store, b"another").await.unwrap().is_none());
    let count =
        async |at, most| device_codes::waiting(&bed.store, owners.client_id, rows::later(at), most).await.unwrap();
    assert_eq!((count(0, 10).await, count(0, 1).await, count(599, 10).await, count(600, 10).await), (2, 1, 2, 0));
    assert_eq!(device_codes::waiting(&bed.store, Uuid::nil(), rows::now(), 10).await.unwrap(), 0);
}

async fn the_first_answer_stands(kind: Kind) {
    let bed = Bed::new(kind).await;
    for yes in [true, false] {
        let owners = rows::owners(&bed.store).await;
        let (code, tag) = (code(owners.client_id), rows::digest());
        kept(&bed.store, &code, &tag).await;
        let (one, two) = (rows::digest(), rows::digest());
        assert_eq!(approves(&bed, &code, owners, &one, 1).await, Decided::Before, "nobody has claimed it");
        assert_eq!(denies(&bed, &code, &one).await, Decided::Before);
        assert_eq!(claims(&bed, &code, &one).await, Claimed::Now);
        assert_eq!(claims(&bed, &code, &two).await, Claimed::Elsewhere);
        assert_eq!(claims(&bed, &code, &one).await, Claimed::Now, "again");
        assert_eq!(approves(&bed, &code, owners, &two, 1).await, Decided::Before);
        assert_eq!(denies(&bed, &code, &two).await, Decided::Before);
        assert_eq!(approves(&bed, &code, owners, &one, 600).await, Decided::Before, "too late");
        let other = Owners { client_id: rows::owners(&bed.store).await.client_id, ..owners };
        assert_eq!(approves(&bed, &code, other, &one, 1).await, Decided::Before, "for another client");
        assert_eq!(read(&bed, &code).await.state(), State::Pending);
        let (first, state) = if yes {
            (approves(&bed, &code, owners, &one, 599).await, State::Approved)
        } else {
            (denies(&bed, &code, &one).await, State::Denied)
        };
        assert_eq!((first, read(&bed, &code).await.state()), (Decided::Now, state));
        assert_eq!(approves(&bed, &code, owners, &one, 2).await, Decided::Before);
        assert_eq!(denies(&bed, &code, &one).await, Decided::Before);
        assert_eq!(claims(&bed, &code, &one).await, Claimed::Elsewhere);
        assert!(device_codes::by_user_code(&bed.store, &tag).await.unwrap().is_none(), "the user code is free again");
        assert_eq!(device_codes::waiting(&bed.store, owners.client_id, rows::now(), 10).await.unwrap(), 0);
    }
}

async fn it_becomes_a_family_once(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (code, owners) = waiting(&bed).await;
    let browser = rows::digest();
    assert_eq!(redeems(&bed, &code).await, Spent::Before, "nobody has allowed it");
    assert!(rolls::of_device_code(&bed.store, &code.digest).await.unwrap().is_none());
    claims(&bed, &code, &browser).await;
    approves(&bed, &code, owners, &browser, 1).await;
    let (row, proved, snapshot) = rolls::of_device_code(&bed.store, &code.digest).await.unwrap().unwrap();
    assert_eq!((row.born_seq, row.approved_at, row.state()), (7, Some(rows::later(1)), State::Approved));
    assert_eq!(
        (proved.acr.as_str(), proved.amr.0.as_slice(), proved.auth_time),
        ("1", ["pwd".to_owned()].as_slice(), rows::now())
    );
    assert_eq!(snapshot.client.unwrap().client_id, owners.client_id);
    assert_eq!(snapshot.user.unwrap().user_id, owners.user_id);
    assert_eq!(snapshot.grant.unwrap().grant_id, owners.grant_id);
    assert_eq!(snapshot.session.unwrap().session_id, owners.session_id);
    assert_eq!(redeems(&bed, &code).await, Spent::Now);
    assert_eq!(redeems(&bed, &code).await, Spent::Before);
    assert_eq!(read(&bed, &code).await.state(), State::Spent);
    let (family, _) = rolls::of_family(&bed.store, code.family_id).await.unwrap().unwrap();
    assert_eq!((family.generation, family.born_seq, family.scopes.as_str()), (0, 7, "openid"));
    assert_eq!((family.resources, family.acr, family.auth_time), (code.resources, proved.acr, proved.auth_time));
    assert_eq!(families::owners(&bed.store, code.family_id).await.unwrap().unwrap().session_id, owners.session_id);
    assert_eq!(lineage::of_family(&bed.store, code.family_id, -1, 10).await.unwrap().len(), 1);
    assert_eq!(bed.raw().await.count("audit", "event = 'device.redeemed'").await, 1, "the second wrote none");
    // One that was denied becomes nothing.
    let (code, _) = waiting(&bed).await;
    claims(&bed, &code, &browser).await;
    denies(&bed, &code, &browser).await;
    assert_eq!(redeems(&bed, &code).await, Spent::Before);
}

async fn polls_are_noted_one_by_one(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (code, owners) = waiting(&bed).await;
    assert_eq!(device_codes::note_poll(&bed.store, &code, 5, rows::later(1)).await.unwrap(), Noted::Noted);
    assert_eq!(device_codes::note_poll(&bed.store, &code, 10, rows::later(2)).await.unwrap(), Noted::Behind);
    let seen = read(&bed, &code).await;
    assert_eq!((seen.polls, seen.polled_at, seen.interval_seconds), (1, Some(rows::later(1)), 5));
    assert_eq!(device_codes::note_poll(&bed.store, &seen, 10, rows::later(2)).await.unwrap(), Noted::Noted);
    let seen = read(&bed, &code).await;
    assert_eq!((seen.polls, seen.polled_at, seen.interval_seconds), (2, Some(rows::later(2)), 10));
    let browser = rows::digest();
    claims(&bed, &code, &browser).await;
    approves(&bed, &code, owners, &browser, 3).await;
    assert_eq!(
        device_codes::note_poll(&bed.store, &seen, 15, rows::later(4)).await.unwrap(),
        Noted::Behind,
        "it is answered"
    );
}

async fn it_needs_its_owners(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (good, owners) = waiting(&bed).await;
    let nobody = Uuid::nil();
    let mut tx = bed.store.begin().await.unwrap();
    assert!(device_codes::insert(&mut tx, &code(nobody), &rows::digest()).await.is_err());
    drop(tx);
    let mut tx = bed.store.begin().await.unwrap();
    let same = DeviceCode { family_id: good.family_id, ..code(owners.client_id) };
    assert!(device_codes::insert(&mut tx, &same, &rows::digest()).await.is_err(), "two codes would share a family");
    drop(tx);
    let browser = rows::digest();
    claims(&bed, &good, &browser).await;
    for broken in [
        Owners { user_id: nobody, ..owners },
        Owners { grant_id: nobody, ..owners },
        Owners { session_id: nobody, ..owners },
    ] {
        let proved = Proved { acr: "1".to_owned(), amr: Json(vec![]), auth_time: rows::now() };
        let approval = Approval {
            family_id: good.family_id,
            browser: &browser,
            owners: broken,
            born_seq: 0,
            proved,
            at: rows::later(1),
        };
        let mut tx = bed.store.begin().await.unwrap();
        assert!(device_codes::approve(&mut tx, &approval).await.is_err(), "{broken:?}");
    }
}
