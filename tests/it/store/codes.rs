//! Codes: spent once, and with their family, its first lineage row and the audit row, or not at all.

use chancery::store::codes::{self, Burnt, Spent};
use chancery::store::{families, lineage, rolls};

use super::{Bed, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(a_code_becomes_a_family_once, a_burnt_code_is_spent, a_code_needs_its_owners);

async fn a_code_becomes_a_family_once(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let code = rows::coded(&bed.store, owners).await;
    let (read, snapshot) = rolls::of_code(&bed.store, &code.digest).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{code:?}"));
    assert_eq!(snapshot.client.unwrap().client_id, owners.client_id);
    assert_eq!(snapshot.user.unwrap().user_id, owners.user_id);
    assert_eq!(snapshot.session.unwrap().session_id, owners.session_id);
    assert!(rolls::of_code(&bed.store, b"another digest").await.unwrap().is_none());
    assert!(families::owners(&bed.store, code.family_id).await.unwrap().is_none(), "no family before it is spent");

    assert_eq!(rows::redeem(&bed.store, &code).await, Spent::Now);
    assert_eq!(rows::redeem(&bed.store, &code).await, Spent::Before);
    let (read, _) = rolls::of_code(&bed.store, &code.digest).await.unwrap().unwrap();
    assert_eq!((read.spent_at, read.burnt_at), (Some(rows::now()), None));
    let (family, _) = rolls::of_family(&bed.store, code.family_id).await.unwrap().unwrap();
    assert_eq!((read.claims.as_ref(), family.claims.as_ref()), (code.claims.as_ref(), code.claims.as_ref()));
    assert_eq!((family.generation, family.ordinal, family.scopes.as_str()), (0, 0, "openid"));
    assert_eq!((family.resources, family.amr, family.acr), (code.resources, code.amr, code.acr));
    assert_eq!((family.created_at, family.expires_at), (rows::now(), rows::later(7200)));
    assert_eq!(family.network.as_deref(), Some("192.0.2.0/24"));
    assert_eq!(lineage::of_family(&bed.store, code.family_id, -1, 10).await.unwrap().len(), 1);
    let mut raw = bed.raw().await;
    assert_eq!(raw.count("audit", "event = 'code.redeemed'").await, 1, "the second wrote none");
    assert_eq!(rows::redeem(&bed.store, &rows::code()).await, Spent::Before, "one that never was");
    assert_eq!(raw.count("family", "true").await, 1);
}

async fn a_burnt_code_is_spent(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let (burnt, spent) = (rows::coded(&bed.store, owners).await, rows::coded(&bed.store, owners).await);
    assert_eq!(rows::redeem(&bed.store, &spent).await, Spent::Now);
    let mut tx = bed.store.begin().await.unwrap();
    let burns = [(&burnt, 1, Burnt::Now), (&burnt, 2, Burnt::Before), (&spent, 2, Burnt::Before)];
    for (code, at, outcome) in burns {
        assert_eq!(codes::burn(&mut tx, &code.digest, rows::later(at)).await.unwrap(), outcome);
    }
    tx.commit().await.unwrap();
    assert_eq!(rows::redeem(&bed.store, &burnt).await, Spent::Before);
    let (read, _) = rolls::of_code(&bed.store, &burnt.digest).await.unwrap().unwrap();
    assert_eq!((read.spent_at, read.burnt_at), (None, Some(rows::later(1))), "the first time stays");
    let (read, _) = rolls::of_code(&bed.store, &spent.digest).await.unwrap().unwrap();
    assert_eq!(read.burnt_at, None, "what is spent can't burn");
}

async fn a_code_needs_its_owners(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let nobody = uuid::Uuid::nil();
    for broken in [
        codes::Owners { client_id: nobody, ..owners },
        codes::Owners { user_id: nobody, ..owners },
        codes::Owners { grant_id: nobody, ..owners },
        codes::Owners { session_id: nobody, ..owners },
    ] {
        let mut tx = bed.store.begin().await.unwrap();
        assert!(codes::insert(&mut tx, &rows::code(), broken).await.is_err(), "{broken:?}");
    }
    let mut tx = bed.store.begin().await.unwrap();
    let (first, mut second) = (rows::code(), rows::code());
    second.family_id = first.family_id;
    codes::insert(&mut tx, &first, owners).await.unwrap();
    assert!(codes::insert(&mut tx, &second, owners).await.is_err(), "two codes would share a family");
}
