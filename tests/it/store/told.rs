//! What is told of users: details beside a standing, and the subjects that clients know them by.

use chancery::secret;
use chancery::store::client_metadata::Metadata;
use chancery::store::details::{Address, Details};
use chancery::store::{grants, pairwise, resources, rolls, users};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Bed, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(details_are_read_along, subjects_of_a_sector_are_kept, resources_keep_their_claims);

/// Every column differs from every other.
fn details() -> Details {
    let some = |text: &str| Some(text.to_owned());
    Details {
        middle_name: some("middle"),
        nickname: some("nick"),
        profile: some("profile"),
        picture: some("picture"),
        website: some("website"),
        gender: some("gender"),
        birthdate: some("birthdate"),
        zoneinfo: some("zoneinfo"),
        locale: some("locale"),
        phone_number: some("phone"),
        phone_number_verified: true,
        address: Address {
            formatted: some("1 Quay\nHarbour"),
            street_address: some("street"),
            locality: some("locality"),
            region: some("region"),
            postal_code: some("code"),
            country: some("country"),
        },
        attributes: Json(
            serde_json::from_value(
                json!({ "dept": "Zoë's \"own\"", "teams": ["a", "b"], "level": 3, "share": 0.5, "chief": true }),
            )
            .unwrap(),
        ),
    }
}

async fn details_are_read_along(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let family = rows::family(&bed.store, owners).await;
    let mut user = users::get(&bed.store, owners.user_id).await.unwrap().unwrap();
    assert_eq!(user.details, Details::default(), "a new user has none");
    user.details = details();
    let mut tx = bed.store.begin().await.unwrap();
    users::update(&mut tx, &user, rows::later(1)).await.unwrap();
    let born = users::User { details: details(), ..rows::user("born-with") };
    users::insert(&mut tx, &born).await.unwrap();
    tx.commit().await.unwrap();
    for id in [user.id, born.id] {
        assert_eq!(users::get(&bed.store, id).await.unwrap().unwrap().details, details());
        assert_eq!(rolls::details(&bed.store, id).await.unwrap(), Some(details()));
    }
    assert_eq!(rolls::details(&bed.store, Uuid::nil()).await.unwrap(), None);

    let (lean, snapshot) = rolls::of_family(&bed.store, family).await.unwrap().unwrap();
    assert_eq!(snapshot.user.as_ref().unwrap().details, None, "a refresh carries none about");
    let (told, along, client) = rolls::of_family_told(&bed.store, family).await.unwrap().unwrap();
    assert_eq!(along.user.as_ref().unwrap().details, Some(details()));
    assert_eq!((format!("{lean:?}"), client), (format!("{told:?}"), Metadata::default()));
    assert_eq!((along.counter.as_of, along.session.unwrap().session_id), (snapshot.counter.as_of, owners.session_id));
    assert!(rolls::of_family_told(&bed.store, Uuid::nil()).await.unwrap().is_none());
}

async fn subjects_of_a_sector_are_kept(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let (user, first) = (owners.user_id, secret::uuid_v4());
    let mut tx = bed.store.begin().await.unwrap();
    assert_eq!(pairwise::ensure(&mut tx, (user, "rp.test"), first, rows::now()).await.unwrap(), first);
    let again = pairwise::ensure(&mut tx, (user, "rp.test"), secret::uuid_v4(), rows::later(1)).await.unwrap();
    assert_eq!(again, first, "what was handed out stays");
    let second = pairwise::ensure(&mut tx, (user, "other.test"), secret::uuid_v4(), rows::later(2)).await.unwrap();
    assert_eq!(
        pairwise::of_user(&mut tx, user).await.unwrap(),
        [first, second],
        "read in the transaction that wrote it"
    );
    tx.commit().await.unwrap();
    assert_eq!(pairwise::of_user(&bed.store, Uuid::nil()).await.unwrap(), Vec::<Uuid>::new());

    // No two people are one, in whatever sector.
    let stranger = rows::owners(&bed.store).await;
    let mut tx = bed.store.begin().await.unwrap();
    let refused = pairwise::ensure(&mut tx, (stranger.user_id, "rp.test"), first, rows::now()).await;
    assert!(refused.is_err(), "{refused:?}");
    drop(tx);
    for sub in [first, second] {
        assert_eq!(users::by_sub(&bed.store, sub).await.unwrap().unwrap().id, user);
    }
    assert!(users::by_sub(&bed.store, secret::uuid_v4()).await.unwrap().is_none());

    assert_eq!(grants::known_as(&bed.store, owners.grant_id).await.unwrap(), None);
    let mut tx = bed.store.begin().await.unwrap();
    grants::know_as(&mut tx, owners.grant_id, Some(first)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(grants::known_as(&bed.store, owners.grant_id).await.unwrap(), Some(first));
    assert_eq!(grants::find(&bed.store, user, owners.client_id).await.unwrap().unwrap().sub, Some(first));
    let snapshot = rolls::of_session_at(&bed.store, owners.session_id, owners.client_id).await.unwrap().unwrap();
    assert_eq!(snapshot.grant.unwrap().grant_sub, Some(first));
    let mut tx = bed.store.begin().await.unwrap();
    grants::know_as(&mut tx, owners.grant_id, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(grants::known_as(&bed.store, owners.grant_id).await.unwrap(), None);
    assert_eq!(grants::known_as(&bed.store, Uuid::nil()).await.unwrap(), None);
}

async fn resources_keep_their_claims(kind: Kind) {
    let bed = Bed::new(kind).await;
    let mut resource = rows::resource("https://api.test");
    resource.claims.0.insert("department".to_owned(), "dept".to_owned());
    let mut tx = bed.store.begin().await.unwrap();
    resources::insert(&mut tx, &resource).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(resources::get(&bed.store, resource.id).await.unwrap().unwrap().claims, resource.claims);
    resource.claims.0.clear();
    let mut tx = bed.store.begin().await.unwrap();
    resources::update(&mut tx, &resource, rows::later(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(resources::by_uri(&bed.store, "https://api.test").await.unwrap().unwrap().claims.0.is_empty());
}
