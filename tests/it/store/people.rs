//! Users, passwords, sessions, grants.

use chancery::secret;
use chancery::store::{Error, grants, rolls, sessions, signin_rolls, users};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Bed, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(users_and_names, passwords, sessions_are_renewed_and_touched, grants_are_made_once);

async fn users_and_names(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (alice, bob) = (rows::user("Alice"), rows::user("Bob"));
    let mut tx = bed.store.begin().await.unwrap();
    users::insert(&mut tx, &alice).await.unwrap();
    users::insert(&mut tx, &bob).await.unwrap();
    assert!(users::get(&mut tx, alice.id).await.unwrap().is_some(), "read in the transaction that wrote it");
    tx.commit().await.unwrap();

    for found in [
        users::get(&bed.store, alice.id).await.unwrap(),
        users::by_sub(&bed.store, alice.sub).await.unwrap(),
        users::by_key(&bed.store, "alice").await.unwrap(),
        users::by_key(&bed.store, "alice@example.test").await.unwrap(),
    ] {
        assert_eq!(format!("{:?}", found.unwrap()), format!("{alice:?}"), "as written, to the microsecond");
    }
    assert!(users::by_key(&bed.store, "Alice").await.unwrap().is_none(), "keys are compared as they are");
    assert!(users::by_key(&bed.store, "nobody' OR '1'='1").await.unwrap().is_none());
    assert!(users::by_sub(&bed.store, alice.id).await.unwrap().is_none());

    for (change, word) in [
        (users::User { username_key: "alice".to_owned(), email_key: None, ..rows::user("x") }, "username"),
        (users::User { email_key: alice.email_key.clone(), ..rows::user("y") }, "email"),
    ] {
        let mut tx = bed.store.begin().await.unwrap();
        let refused = users::insert(&mut tx, &change).await;
        assert!(matches!(refused, Err(Error::Taken(taken)) if taken == word), "{refused:?}");
    }
    // A name that is somebody else's address: the name's owner comes first.
    let mut other = users::User { username_key: "alice@example.test".to_owned(), ..rows::user("Carol") };
    let mut tx = bed.store.begin().await.unwrap();
    users::insert(&mut tx, &other).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(users::by_key(&bed.store, "alice@example.test").await.unwrap().unwrap().id, other.id);

    other.name = None;
    other.groups = Json(vec![]);
    other.disabled_at = Some(rows::later(5));
    other.deleted_at = Some(rows::later(6));
    let mut tx = bed.store.begin().await.unwrap();
    users::update(&mut tx, &other, rows::later(7)).await.unwrap();
    tx.commit().await.unwrap();
    let read = users::get(&bed.store, other.id).await.unwrap().unwrap();
    assert_eq!((read.disabled_at, read.deleted_at), (other.disabled_at, other.deleted_at));
    let bob = users::User { disabled_at: Some(rows::later(5)), ..bob };
    let mut tx = bed.store.begin().await.unwrap();
    users::update(&mut tx, &bob, rows::later(7)).await.unwrap();
    tx.commit().await.unwrap();
    let mut ended = users::ended(&bed.store).await.unwrap();
    ended.sort_by_key(|(_, deleted)| *deleted);
    assert_eq!(ended, [(bob.id, false), (other.id, true)]);
    assert_eq!((read.created_at, read.updated_at), (rows::now(), rows::later(7)));
    assert_eq!((read.name, read.groups.0.len(), read.sub), (None, 0, other.sub));

    let page = users::list(&bed.store, None, 1).await.unwrap();
    let rest = users::list(&bed.store, Some(page[0].id), 10).await.unwrap();
    let mut listed: Vec<Uuid> = page.iter().chain(&rest).map(|user| user.id).collect();
    listed.sort();
    let mut both = [alice.id, bob.id];
    both.sort();
    assert_eq!((listed.as_slice(), page.len()), (&both[..], 1), "a page after a page; deleted ones are left out");
}

async fn passwords(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let user = owners.user_id;
    assert_eq!(users::password(&bed.store, user).await.unwrap(), None);
    let mut tx = bed.store.begin().await.unwrap();
    users::set_password(&mut tx, user, "first", rows::now()).await.unwrap();
    users::set_password(&mut tx, user, "second", rows::later(1)).await.unwrap();
    assert!(!users::upgrade_password(&mut tx, user, "first", "third").await.unwrap(), "it has changed meanwhile");
    assert!(users::upgrade_password(&mut tx, user, "second", "third").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(users::password(&bed.store, user).await.unwrap().as_deref(), Some("third"));
    let set = users::passwords_set(&bed.store).await.unwrap();
    assert_eq!(set, [(user, rows::later(1))], "newer parameters are no new password");

    let key = users::get(&bed.store, user).await.unwrap().unwrap().username_key;
    let roll = signin_rolls::of_signin(&bed.store, &key).await.unwrap();
    let (found, hash) = roll.user.unwrap();
    assert_eq!((found.user_id, hash.as_deref(), roll.counter.as_of), (user, Some("third"), 0));
    let nobody = signin_rolls::of_signin(&bed.store, "nobody").await.unwrap();
    assert_eq!((nobody.user.is_none(), nobody.counter.as_of), (true, 0));
    let (found, hash, counter) = signin_rolls::of_user(&bed.store, user).await.unwrap().unwrap();
    assert_eq!((found.user_id, hash.as_deref(), counter.issuer_mark), (user, Some("third"), 0));
    assert!(signin_rolls::of_user(&bed.store, Uuid::nil()).await.unwrap().is_none());

    let mut tx = bed.store.begin().await.unwrap();
    users::remove_password(&mut tx, user).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(users::password(&bed.store, user).await.unwrap(), None);
    assert_eq!(signin_rolls::of_signin(&bed.store, &key).await.unwrap().user.unwrap().1, None);
}

async fn sessions_are_renewed_and_touched(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let first = sessions::get(&bed.store, owners.session_id).await.unwrap().unwrap();
    let mut newer = rows::session(owners.user_id);
    newer.created_at = rows::later(1);
    let mut tx = bed.store.begin().await.unwrap();
    sessions::insert(&mut tx, &newer).await.unwrap();
    tx.commit().await.unwrap();
    let of_user = sessions::of_user(&bed.store, owners.user_id).await.unwrap();
    assert_eq!(of_user.iter().map(|session| session.id).collect::<Vec<_>>(), [newer.id, first.id], "newest first");

    let old_secret = newer.secret_digest.clone();
    newer.secret_digest = rows::digest();
    newer.auth_time = rows::later(30);
    newer.proofs.0.push(sessions::Proof { method: "otp".to_owned(), at: rows::later(30), seq: 9 });
    let mut tx = bed.store.begin().await.unwrap();
    sessions::renew(&mut tx, &newer).await.unwrap();
    tx.commit().await.unwrap();
    let read = sessions::get(&bed.store, newer.id).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{newer:?}"));
    assert!(rolls::of_browser(&bed.store, &old_secret).await.unwrap().is_none(), "the former secret finds nothing");
    let snapshot = rolls::of_browser(&bed.store, &newer.secret_digest).await.unwrap().unwrap();
    let session = snapshot.session.unwrap();
    assert_eq!((session.session_id, session.session_proofs.0.len()), (newer.id, 2));
    assert_eq!(snapshot.user.unwrap().user_id, owners.user_id);

    sessions::touch(&bed.store, newer.id, rows::later(40), rows::later(39)).await.unwrap();
    sessions::touch(&bed.store, newer.id, rows::later(35), rows::later(34)).await.unwrap();
    sessions::touch(&bed.store, newer.id, rows::later(41), rows::later(39)).await.unwrap();
    let read = sessions::get(&bed.store, newer.id).await.unwrap().unwrap();
    assert_eq!(read.last_used_at, rows::later(40), "never falls, and moves only when it is older than that");

    // Another session with the same secret would be two sessions in one cookie.
    let twin = sessions::Session { secret_digest: newer.secret_digest.clone(), ..rows::session(owners.user_id) };
    let mut tx = bed.store.begin().await.unwrap();
    assert!(sessions::insert(&mut tx, &twin).await.is_err());
}

async fn grants_are_made_once(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let (user, client) = (owners.user_id, owners.client_id);
    let mut tx = bed.store.begin().await.unwrap();
    let again = grants::ensure(&mut tx, secret::uuid_v7(rows::now()), user, client, rows::now()).await.unwrap();
    assert_eq!(again, owners.grant_id, "the row stays");
    let by_resource = grants::Consented::from([("https://api.test/".to_owned(), "openid".to_owned())]);
    grants::consent(&mut tx, again, ("openid email", &by_resource), 7, rows::later(1)).await.unwrap();
    grants::consent_claims(&mut tx, again, "email name").await.unwrap();
    tx.commit().await.unwrap();
    let grant = grants::find(&bed.store, user, client).await.unwrap().unwrap();
    assert_eq!((grant.scopes.as_str(), grant.consented_seq), ("openid email", 7));
    assert_eq!((grant.consented_at, grant.resources), (Some(rows::later(1)), Some(Json(by_resource.clone()))));
    assert_eq!(grants::of_user(&bed.store, user).await.unwrap().len(), 1);
    assert!(grants::find(&bed.store, client, user).await.unwrap().is_none());

    let digest = sessions::get(&bed.store, owners.session_id).await.unwrap().unwrap().secret_digest;
    for snapshot in [
        rolls::of_browser_at(&bed.store, &digest, client).await.unwrap().unwrap(),
        rolls::of_session_at(&bed.store, owners.session_id, client).await.unwrap().unwrap(),
    ] {
        let roll = snapshot.grant.unwrap();
        assert_eq!((roll.grant_id, roll.grant_scopes.as_str()), (owners.grant_id, "openid email"));
        assert_eq!((roll.grant_resources, roll.grant_claims.as_str()), (by_resource.clone(), "email name"));
        assert_eq!(snapshot.client.unwrap().client_id, client);
    }
    let stranger = rows::owners(&bed.store).await;
    let none = rolls::of_browser_at(&bed.store, &digest, stranger.client_id).await.unwrap().unwrap();
    assert!(none.grant.is_none(), "no grant between these two");
    assert!(rolls::of_session_at(&bed.store, Uuid::nil(), client).await.unwrap().is_none());

    let mut tx = bed.store.begin().await.unwrap();
    grants::forget(&mut tx, owners.grant_id).await.unwrap();
    tx.commit().await.unwrap();
    let grant = grants::find(&bed.store, user, client).await.unwrap().unwrap();
    assert_eq!((grant.scopes.as_str(), grant.resources, grant.consented_at), ("", None, None));
    let roll = rolls::of_session_at(&bed.store, owners.session_id, client).await.unwrap().unwrap().grant.unwrap();
    assert_eq!(roll.grant_claims, "", "forgotten with the rest");
}
