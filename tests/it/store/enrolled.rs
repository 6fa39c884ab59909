//! Clients that registered themselves, and what lets them.

use chancery::store::clients::{self, Client};
use chancery::store::enrolled::{self, Registration};
use chancery::store::initial_tokens::{self, InitialToken, Terms, Used};
use chancery::store::{Error, grants, revocations, rolls};
use chrono::TimeDelta;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Bed, log, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(
    initial_tokens_are_counted,
    one_use_is_taken_once,
    registrations_are_found_by_their_token,
    documents_are_found_by_their_url,
    unused_ones_are_found_and_swept,
    consents_are_taken_back_together,
);

fn initial(uses: i64) -> InitialToken {
    InitialToken {
        id: chancery::secret::uuid_v7(rows::now()),
        digest: rows::digest(),
        name: "build farm".to_owned(),
        terms: Json(Terms { scopes: Some(vec!["openid".to_owned()]), ..Terms::default() }),
        uses,
        uses_left: uses,
        born_seq: 7,
        created_at: rows::now(),
        expires_at: rows::later(60),
        revoked_at: None,
    }
}

async fn inserted(bed: &Bed, token: &InitialToken) {
    let mut tx = bed.store.begin().await.unwrap();
    initial_tokens::insert(&mut tx, token).await.unwrap();
    tx.commit().await.unwrap();
}

async fn taken(bed: &Bed, id: Uuid, seconds: i64) -> Used {
    let mut tx = bed.store.begin().await.unwrap();
    let used = initial_tokens::take(&mut tx, id, rows::later(seconds)).await.unwrap();
    tx.commit().await.unwrap();
    used
}

async fn initial_tokens_are_counted(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (one, other) = (initial(2), initial(5));
    inserted(&bed, &one).await;
    inserted(&bed, &other).await;
    let (read, mark) = initial_tokens::by_digest(&bed.store, &one.digest).await.unwrap().unwrap();
    assert_eq!((format!("{read:?}"), mark), (format!("{one:?}"), 0), "as written, to the microsecond");
    assert!(initial_tokens::by_digest(&bed.store, &rows::digest()).await.unwrap().is_none());
    let mut tx = bed.store.begin().await.unwrap();
    revocations::append(&mut tx, &log::new("all", "", revocations::Mark::Issuer)).await.unwrap();
    tx.commit().await.unwrap();
    let (_, mark) = initial_tokens::by_digest(&bed.store, &one.digest).await.unwrap().unwrap();
    assert!(mark > 0);

    assert_eq!((taken(&bed, one.id, 0).await, taken(&bed, one.id, 59).await), (Used::Now, Used::Now));
    assert_eq!((taken(&bed, one.id, 0).await, taken(&bed, other.id, 60).await), (Used::NoMore, Used::NoMore));
    let mut tx = bed.store.begin().await.unwrap();
    assert_eq!(initial_tokens::revoke(&mut tx, other.id, rows::later(3)).await.unwrap(), Used::Now);
    assert_eq!(initial_tokens::revoke(&mut tx, other.id, rows::later(4)).await.unwrap(), Used::NoMore);
    assert_eq!(initial_tokens::revoke(&mut tx, Uuid::nil(), rows::later(4)).await.unwrap(), Used::NoMore);
    tx.commit().await.unwrap();
    assert_eq!(taken(&bed, other.id, 5).await, Used::NoMore);
    let read = initial_tokens::get(&bed.store, other.id).await.unwrap().unwrap();
    assert_eq!((read.revoked_at, read.uses_left), (Some(rows::later(3)), 5));
    assert_eq!(initial_tokens::list(&bed.store).await.unwrap().len(), 2);
}

async fn one_use_is_taken_once(kind: Kind) {
    let bed = Bed::new(kind).await;
    let token = initial(3);
    inserted(&bed, &token).await;
    let all = futures_util::future::join_all((0..8).map(|_| taken(&bed, token.id, 0))).await;
    assert_eq!(all.iter().filter(|used| **used == Used::Now).count(), 3);
    assert_eq!(initial_tokens::get(&bed.store, token.id).await.unwrap().unwrap().uses_left, 0);
}

fn dynamic() -> Client {
    Client { source: "dynamic".to_owned(), ..rows::client() }
}

async fn client(bed: &Bed, client: &Client) {
    let mut tx = bed.store.begin().await.unwrap();
    clients::insert(&mut tx, client).await.unwrap();
    tx.commit().await.unwrap();
}

async fn registrations_are_found_by_their_token(kind: Kind) {
    let bed = Bed::new(kind).await;
    let token = initial(1);
    inserted(&bed, &token).await;
    let row = dynamic();
    client(&bed, &row).await;
    let registration = Registration {
        client_id: row.id,
        digest: rows::digest(),
        initial_token_id: Some(token.id),
        created_at: rows::now(),
    };
    let mut tx = bed.store.begin().await.unwrap();
    enrolled::insert(&mut tx, &registration).await.unwrap();
    tx.commit().await.unwrap();
    let read = enrolled::by_digest(&bed.store, &registration.digest).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{registration:?}"));
    let mut tx = bed.store.begin().await.unwrap();
    enrolled::remove(&mut tx, row.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(enrolled::by_digest(&bed.store, &registration.digest).await.unwrap().is_none());
}

async fn documents_are_found_by_their_url(kind: Kind) {
    let bed = Bed::new(kind).await;
    let url = "https://tide.test/client.json";
    let id = clients::id_of(url).unwrap();
    let made = || Client { id, source: "document".to_owned(), document: Some(url.to_owned()), ..rows::client() };
    client(&bed, &made()).await;
    assert_eq!(clients::document(&bed.store, id).await.unwrap().as_deref(), Some(url));
    for twice in [made(), Client { id: rows::client().id, ..made() }] {
        let mut tx = bed.store.begin().await.unwrap();
        let refused = clients::insert(&mut tx, &twice).await;
        assert!(matches!(refused, Err(Error::Taken("client" | "document"))), "one at a time: {refused:?}");
    }
    let mut tx = bed.store.begin().await.unwrap();
    enrolled::holds_until(&mut tx, id, rows::later(9)).await.unwrap();
    tx.commit().await.unwrap();
    let read = clients::get(&bed.store, id).await.unwrap().unwrap();
    assert_eq!((read.document_until, read.version), (Some(rows::later(9)), made().version));
    // Read lately, it is in use.
    let unused = async |new: i64| enrolled::unused(&bed.store, rows::later(new), rows::later(0), 9).await.unwrap();
    assert_eq!((unused(9).await, unused(10).await), (vec![], vec![id]));
    // One that an administrator registered is no document.
    let own = rows::client();
    client(&bed, &own).await;
    assert_eq!(clients::document(&bed.store, own.id).await.unwrap(), None);
    assert_eq!(clients::document(&bed.store, Uuid::nil()).await.unwrap(), None);
    // What clients are called outside, in its one spelling.
    let called = own.id.to_string();
    assert_eq!(clients::id_of(&called), Some(own.id));
    for odd in [called.to_uppercase(), own.id.simple().to_string(), "http://tide.test/x".to_owned(), String::new()] {
        assert_eq!(clients::id_of(&odd), None, "{odd}");
    }
    assert_ne!(clients::id_of("https://tide.test/client.jso"), clients::id_of(url));
}

async fn unused_ones_are_found_and_swept(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (fresh, used, own) = (dynamic(), dynamic(), rows::client());
    for row in [&fresh, &used, &own] {
        client(&bed, row).await;
    }
    assert_eq!(enrolled::count(&bed.store, "dynamic").await.unwrap(), 2);
    assert_eq!(enrolled::count(&bed.store, "admin").await.unwrap(), 0, "those aren't counted");
    for id in [used.id, own.id] {
        enrolled::touch(&bed.store, id, rows::later(10), rows::later(9)).await.unwrap();
        enrolled::touch(&bed.store, id, rows::later(20), rows::later(9)).await.unwrap();
    }
    let last = async |id| clients::get(&bed.store, id).await.unwrap().unwrap().last_used_at;
    assert_eq!((last(used.id).await, last(own.id).await), (Some(rows::later(10)), None));
    let unused = async |new: i64, idle: i64, most| {
        enrolled::unused(&bed.store, rows::later(new), rows::later(idle), most).await.unwrap()
    };
    assert!(unused(0, 10, 9).await.is_empty(), "to the microsecond");
    assert_eq!(unused(1, 10, 9).await, [fresh.id]);
    assert_eq!(unused(0, 11, 9).await, [used.id]);
    assert_eq!(unused(1, 11, 1).await.len(), 1);

    // Deleted ones go with nothing hanging on them; the grants of older ones with them.
    let owners = rows::owners(&bed.store).await;
    let mut tx = bed.store.begin().await.unwrap();
    let grant = grants::ensure(&mut tx, chancery::secret::uuid_v7(rows::now()), owners.user_id, used.id, rows::now())
        .await
        .unwrap();
    for row in [&fresh, &used, &own] {
        clients::update(&mut tx, &Client { deleted_at: Some(rows::later(30)), ..(*row).clone() }, rows::later(30))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert!(!grant.is_nil());
    let at = rows::later(30);
    let (past, never) = (at + TimeDelta::microseconds(1), at - TimeDelta::days(1));
    assert_eq!(enrolled::sweep(&bed.store, at, never, 9).await.unwrap(), 0, "nothing goes early");
    assert_eq!(enrolled::sweep(&bed.store, past, never, 9).await.unwrap(), 1);
    assert_eq!(enrolled::sweep(&bed.store, past, past, 9).await.unwrap(), 2, "a grant, and its client");
    assert!(clients::get(&bed.store, own.id).await.unwrap().is_some(), "an administrator's stays");
}

async fn consents_are_taken_back_together(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let mut tx = bed.store.begin().await.unwrap();
    let resources = [("https://api.test".to_owned(), "openid".to_owned())].into();
    grants::consent(&mut tx, owners.grant_id, ("openid", &resources), 1, rows::now()).await.unwrap();
    grants::consent_claims(&mut tx, owners.grant_id, "email").await.unwrap();
    assert_eq!(grants::forget_all(&mut tx, Uuid::nil()).await.unwrap(), 0);
    assert_eq!(grants::forget_all(&mut tx, owners.client_id).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let grant = grants::find(&bed.store, owners.user_id, owners.client_id).await.unwrap().unwrap();
    assert_eq!((grant.scopes.as_str(), grant.resources.is_none(), grant.consented_at), ("", true, None));
    // Nor what was allowed by name: a consent to a device, which says nothing of names, would bring it back.
    let roll = rolls::of_session_at(&bed.store, owners.session_id, owners.client_id).await.unwrap().unwrap();
    assert_eq!(roll.grant.unwrap().grant_claims, "");
}
