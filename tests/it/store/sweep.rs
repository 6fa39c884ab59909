//! Expired rows go, all of them, in small batches; nothing goes early.

use chancery::secret;
use chancery::store::jti::{self, Once};
use chancery::store::sweep::{self, BATCH, Horizon, INTERACTIONS};
use chancery::store::{device_codes, interactions, revocations, throttle};
use chrono::{DateTime, TimeDelta, Utc};

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::raw::differences;

on_both!(nothing_goes_early, everything_goes_in_small_batches);

fn horizon(at: DateTime<Utc>) -> Horizon {
    Horizon { now: at, log: at, codes: at - TimeDelta::days(1), lineage: at - TimeDelta::days(30) }
}

async fn furnish(bed: &Bed) -> (uuid::Uuid, chancery::store::codes::Code) {
    let owners = rows::owners(&bed.store).await;
    let family = rows::family(&bed.store, owners).await;
    rows::rotate(&bed.store, family, 0).await;
    let record = rows::record(chancery::event::Event::RefreshRetried);
    chancery::store::lineage::note_retry(&bed.store, family, 1, &rows::issued(), &record).await.unwrap();
    let unspent = rows::coded(&bed.store, owners).await;
    let mut tx = bed.store.begin().await.unwrap();
    interactions::insert(&mut tx, &rows::interaction(owners.client_id)).await.unwrap();
    for kind in ["family", "key", "jti"] {
        revocations::append(&mut tx, &log::new(kind, "x", revocations::Mark::None)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let (waiting, user_code) = (super::device_codes::code(owners.client_id), rows::digest());
    let mut tx = bed.store.begin().await.unwrap();
    device_codes::insert(&mut tx, &waiting, &user_code).await.unwrap();
    tx.commit().await.unwrap();
    super::device_codes::family(bed, owners).await;
    throttle::charge(&bed.store, "n", rows::now(), rows::now(), rows::later(60)).await.unwrap();
    let once = Once { purpose: "p", client_id: owners.client_id, digest: b"x", expires_at: rows::later(300) };
    jti::present(&bed.store, &once).await.unwrap();
    (family, unspent)
}

async fn nothing_goes_early(kind: Kind) {
    let bed = Bed::new(kind).await;
    furnish(&bed).await;
    let before = bed.raw().await.dump().await;
    assert_eq!(sweep::batch(&bed.store, &horizon(rows::now())).await.unwrap(), 0);
    assert_eq!(differences(&before, &bed.raw().await.dump().await), [""; 0]);

    // One after the other, each exactly when its time is over: at its end it still stands.
    let day = 24 * 3600;
    for (end, table, left) in [
        (60, "throttle", 0),
        (300, "jti", 0),
        (900, "revocation", 2), // that of the key, and the newest, which tells where the log stands
        (1800, "interaction", 0),
        (600 + 3600, "device_code", 1), // the one that waited; the spent one stays as long as its family
        (60 + day, "code", 1),          // the unspent one; the spent one stays as long as its family
        (7200 + 30 * day, "family", 0),
    ] {
        let standing = bed.raw().await.count(table, "true").await;
        sweep::batch(&bed.store, &horizon(rows::later(end))).await.unwrap();
        assert_eq!(bed.raw().await.count(table, "true").await, standing, "{table} at its end");
        let past = rows::later(end) + TimeDelta::microseconds(1);
        sweep::batch(&bed.store, &horizon(past)).await.unwrap();
        assert_eq!(bed.raw().await.count(table, "true").await, left, "{table} past its end");
    }
    assert!(bed.raw().await.count("session", "true").await == 0, "with the last family its session");

    // One that was ended goes so long after its end.
    let ended = rows::family(&bed.store, rows::owners(&bed.store).await).await;
    let mut tx = bed.store.begin().await.unwrap();
    revocations::append(&mut tx, &log::new("family", "x", revocations::Mark::Family(ended))).await.unwrap();
    tx.commit().await.unwrap();
    let keep = TimeDelta::days(30);
    for (past, left) in [(0, 1), (1, 0)] {
        let at = rows::now() + keep + TimeDelta::microseconds(past);
        sweep::batch(&bed.store, &horizon(at)).await.unwrap();
        assert_eq!(bed.raw().await.count("family", "true").await, left);
    }
    let mut raw = bed.raw().await;
    for table in ["lineage", "lineage_retry", "code", "device_code", "family"] {
        assert_eq!(raw.count(table, "true").await, 0, "{table}");
    }
    for (table, stay) in [("users", 2), ("client", 2), ("grants", 2), ("session", 1), ("issuer", 1), ("counter", 1)] {
        assert_eq!(raw.count(table, "true").await, stay, "{table} stays");
    }
    assert!(raw.count("audit", "true").await >= 3, "the audit trail stays");
    assert_eq!(revocations::find(&bed.store, "key", "x", "lineage").await.unwrap().unwrap().seq, 2);
}

/// Adds lineage rows beneath a family, many at a time.
async fn fill(bed: &Bed, family: uuid::Uuid, rows: i64) {
    let (numbers, id, family) = match bed.url.starts_with("sqlite") {
        true => (
            format!("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= {rows}) "),
            "randomblob(16)".to_owned(),
            format!("x'{}'", family.simple()),
        ),
        false => (
            format!("WITH n(i) AS (SELECT generate_series(2, {rows} + 1)) "),
            "gen_random_uuid()".to_owned(),
            format!("'{family}'"),
        ),
    };
    let at = "'2026-11-18T00:00:00+00:00'";
    let mut raw = bed.raw().await;
    let lineage = format!(
        "{numbers} INSERT INTO lineage (family_id, ordinal, generation, jti, at, expires_at, rev_seq, scopes, audience, retries) \
         SELECT {family}, i, i, {id}, {at}, {at}, 0, '', '', 0 FROM n"
    );
    let retries = format!(
        "{numbers} INSERT INTO lineage_retry (family_id, ordinal, number, jti, at, expires_at) SELECT {family}, 1, i, {id}, {at}, {at} FROM n"
    );
    assert_eq!(raw.run(&lineage).await, u64::try_from(rows).unwrap());
    assert_eq!(raw.run(&retries).await, u64::try_from(rows).unwrap());
}

async fn everything_goes_in_small_batches(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (family, _) = furnish(&bed).await;
    // One family may hang thousands of rows under it: they don't go in one transaction.
    fill(&bed, family, 5 * BATCH).await;
    let owners = rows::owners(&bed.store).await;
    let mut tx = bed.store.begin().await.unwrap();
    // Interactions cost nobody anything to begin: they go by the thousand.
    for _ in 0..INTERACTIONS + 20 {
        let mut one = rows::interaction(owners.client_id);
        one.id = secret::uuid_v4();
        interactions::insert(&mut tx, &one).await.unwrap();
    }
    tx.commit().await.unwrap();
    let end = horizon(rows::later(60 * 24 * 3600));
    let mut rounds = 0;
    // Expired and ended families are two statements: of those that are both, twice a batch may go.
    loop {
        let mut raw = bed.raw().await;
        let before = [raw.count("lineage", "true").await, raw.count("lineage_retry", "true").await];
        let interactions = raw.count("interaction", "true").await;
        if sweep::batch(&bed.store, &end).await.unwrap() == 0 {
            break;
        }
        rounds += 1;
        assert!(rounds < 20, "it does not end");
        assert!(before[0] - raw.count("lineage", "true").await <= 2 * BATCH);
        assert!(before[1] - raw.count("lineage_retry", "true").await <= 2 * BATCH);
        let left = raw.count("interaction", "true").await;
        assert_eq!(left, (interactions - INTERACTIONS).max(0));
    }
    assert!(rounds >= 3);
    let mut raw = bed.raw().await;
    let swept =
        ["interaction", "throttle", "jti", "code", "device_code", "lineage", "lineage_retry", "family", "session"];
    for table in swept {
        assert_eq!(raw.count(table, "true").await, 0, "{table}");
    }
}
