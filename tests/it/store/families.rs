//! Families and their lineage: rotation by compare-and-swap, retries counted, tokens found.

use chancery::event::Event;
use chancery::store::families::{self, Rotated};
use chancery::store::lineage::{self, RETRIES_KEPT};
use chancery::store::revocations::{self, Mark};
use chancery::store::rolls;
use uuid::Uuid;

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(rotation_is_a_compare_and_swap, retries_are_kept_then_counted, contention_is_counted);

async fn rotation_is_a_compare_and_swap(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let family = rows::family(&bed.store, owners).await;
    let kept = families::owners(&bed.store, family).await.unwrap().unwrap();
    assert_eq!((kept.id, kept.client_id, kept.user_id), (family, owners.client_id, owners.user_id));
    assert_eq!((kept.grant_id, kept.session_id), (owners.grant_id, owners.session_id));

    let (first, jti) = rows::rotate(&bed.store, family, 0).await;
    assert_eq!(first, Rotated::Rotated);
    for from in [0, 2, -1, i64::MAX] {
        assert_eq!(rows::rotate(&bed.store, family, from).await.0, Rotated::Moved, "{from}");
    }
    assert_eq!(rows::rotate(&bed.store, Uuid::nil(), 0).await.0, Rotated::Moved);
    let (read, snapshot) = rolls::of_family(&bed.store, family).await.unwrap().unwrap();
    assert_eq!((read.generation, read.ordinal), (1, 1));
    assert_eq!(snapshot.grant.unwrap().grant_id, owners.grant_id);
    let rolled = lineage::of_family(&bed.store, family, -1, 10).await.unwrap();
    assert_eq!(rolled.iter().map(|row| (row.ordinal, row.generation)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    assert_eq!(rolled[1].jti, jti);
    assert_eq!(lineage::of_family(&bed.store, family, 0, 1).await.unwrap().len(), 1, "a page after an ordinal");
    for row in &rolled {
        assert_eq!(lineage::rotated_to(&bed.store, family, row.generation).await.unwrap(), Some(row.at));
    }
    assert_eq!(lineage::rotated_to(&bed.store, family, 99).await.unwrap(), None);
    let place = lineage::find(&bed.store, jti).await.unwrap().unwrap();
    assert_eq!((place.family_id, place.expires_at), (family, rows::later(600)));
    assert!(lineage::find(&bed.store, Uuid::nil()).await.unwrap().is_none());
    assert_eq!(bed.raw().await.count("audit", "event = 'refresh.rotated'").await, 1, "losers write nothing");

    let second = rows::family(&bed.store, owners).await;
    let mut both = families::of_session(&bed.store, owners.session_id).await.unwrap();
    both.sort();
    let mut wanted = [family, second];
    wanted.sort();
    assert_eq!(both, wanted);

    assert_eq!(families::mark(&bed.store, family).await.unwrap(), Some(0));
    let mut tx = bed.store.begin().await.unwrap();
    let entry = revocations::append(&mut tx, &log::new("family", &family.to_string(), Mark::Family(family))).await;
    tx.commit().await.unwrap();
    assert_eq!(families::mark(&bed.store, family).await.unwrap(), Some(entry.unwrap().seq));
    assert_eq!(families::mark(&bed.store, Uuid::nil()).await.unwrap(), None);
    assert_eq!(rows::rotate(&bed.store, family, 1).await.0, Rotated::Moved, "an ended family stays where it is");
}

async fn retries_are_kept_then_counted(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let family = rows::family(&bed.store, owners).await;
    let mut last = Uuid::nil();
    for number in 1..=RETRIES_KEPT + 3 {
        let (issued, record) = (rows::issued(), rows::record(Event::RefreshRetried));
        last = issued.jti;
        assert_eq!(lineage::note_retry(&bed.store, family, 0, &issued, &record).await.unwrap(), number);
        if number == 1 {
            assert_eq!(lineage::find(&bed.store, issued.jti).await.unwrap().unwrap().family_id, family);
        }
    }
    let kept = lineage::retries(&bed.store, family).await.unwrap();
    assert_eq!(i64::try_from(kept.len()).unwrap(), RETRIES_KEPT);
    assert_eq!((kept[0].ordinal, kept[0].number, kept[63].number), (0, 1, RETRIES_KEPT));
    assert!(lineage::find(&bed.store, last).await.unwrap().is_none(), "beyond those it is a count");
    assert_eq!(lineage::of_family(&bed.store, family, -1, 1).await.unwrap()[0].retries, RETRIES_KEPT + 3);
    assert_eq!(bed.raw().await.count("audit", "event = 'refresh.retried'").await, RETRIES_KEPT);
    // A row of a place that is taken is a defect, not a silent second token.
    let mut tx = bed.store.begin().await.unwrap();
    assert!(lineage::insert(&mut tx, family, (0, 0), &rows::issued()).await.is_err());
}

async fn contention_is_counted(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let family = rows::family(&bed.store, owners).await;
    let mut runs = Vec::new();
    for generation in [1, 1, 2, 3, 5, 6] {
        runs.push(families::contended(&bed.store, family, generation).await.unwrap());
    }
    assert_eq!(
        runs,
        [Some(1), None, Some(2), Some(3), Some(1), Some(2)],
        "a gap begins the run anew; the same generation counts once"
    );
}
