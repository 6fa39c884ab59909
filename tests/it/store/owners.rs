//! Clients and their secrets, resources, interactions.

use chancery::store::client_metadata::Delivery;
use chancery::store::clients::Known;
use chancery::store::interactions::Stepped;
use chancery::store::{Error, clients, interactions, resources, rolls};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Bed, rows};
use crate::kit::issuer::{Kind, on_both};

on_both!(clients_and_versions, origins_of_clients_that_live, secrets_come_and_go, resources_by_uri, interactions_step);

async fn clients_and_versions(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (mut first, second) = (rows::client(), rows::client());
    let mut tx = bed.store.begin().await.unwrap();
    clients::insert(&mut tx, &first).await.unwrap();
    clients::insert(&mut tx, &second).await.unwrap();
    tx.commit().await.unwrap();
    let read = clients::get(&bed.store, first.id).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{first:?}"));
    assert!(clients::get(&bed.store, Uuid::nil()).await.unwrap().is_none());

    first.name = "Renamed".to_owned();
    first.redirect_uris = Json(vec![]);
    first.disabled_at = Some(rows::later(1));
    first.revoked_seq = 99;
    first.metadata.jwks_uri = Some("https://rp.test/jwks".to_owned());
    first.metadata.unknown.insert("later".to_owned(), json!([1]));
    let mut tx = bed.store.begin().await.unwrap();
    clients::update(&mut tx, &first, rows::later(2)).await.unwrap();
    tx.commit().await.unwrap();
    let read = clients::get(&bed.store, first.id).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.version, read.updated_at), ("Renamed", 2, rows::later(2)));
    assert_eq!(read.revoked_seq, 0, "only the log writes marks");
    assert_eq!(read.metadata, first.metadata);
    assert_eq!(Value::Object(read.metadata.members()), json!({ "jwks_uri": "https://rp.test/jwks", "later": [1] }));
    let roll = rolls::of_client(&bed.store, first.id).await.unwrap().unwrap().client.unwrap();
    assert_eq!((roll.client_version, roll.client_disabled_at), (2, first.disabled_at));
    assert!(rolls::of_client(&bed.store, Uuid::nil()).await.unwrap().is_none());

    let mut gone = second.clone();
    gone.deleted_at = Some(rows::later(3));
    let mut tx = bed.store.begin().await.unwrap();
    clients::update(&mut tx, &gone, rows::later(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(clients::ended(&bed.store).await.unwrap().iter().find(|(id, _)| *id == gone.id), Some(&(gone.id, true)));
    let listed = clients::list(&bed.store, None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|client| client.id).collect::<Vec<_>>(), [first.id]);
    assert!(clients::list(&bed.store, Some(first.id), 10).await.unwrap().is_empty());
    assert!(clients::get(&bed.store, second.id).await.unwrap().is_some(), "a deleted one can still be read");
}

async fn origins_of_clients_that_live(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (mut client, other) = (rows::client(), rows::client());
    client.origins = Json(vec!["https://a.test".to_owned(), "https://b.test".to_owned()]);
    let mut tx = bed.store.begin().await.unwrap();
    clients::insert(&mut tx, &client).await.unwrap();
    clients::insert(&mut tx, &other).await.unwrap();
    tx.commit().await.unwrap();
    let known = async |origin| clients::of_origin(&bed.store, origin).await.unwrap();
    for origin in ["https://a.test", "https://b.test"] {
        assert_eq!(known(origin).await, Known::Plainly, "{origin}");
    }
    for stranger in ["https://c.test", "https://a.tes", "", "https://a.test\", \"https://b.test", "%"] {
        assert_eq!(known(stranger).await, Known::Not, "{stranger}");
    }
    // One of several is enough, and only its own origins count.
    let mut by_cookie = rows::client();
    by_cookie.origins = Json(vec!["https://b.test".to_owned()]);
    by_cookie.metadata.0.refresh_token_delivery = Delivery::Cookie;
    let mut tx = bed.store.begin().await.unwrap();
    clients::insert(&mut tx, &by_cookie).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((known("https://a.test").await, known("https://b.test").await), (Known::Plainly, Known::ByCookie));
    for (disabled, deleted) in [(Some(rows::later(1)), None), (None, Some(rows::later(1)))] {
        (client.disabled_at, client.deleted_at) = (disabled, deleted);
        let mut tx = bed.store.begin().await.unwrap();
        clients::update(&mut tx, &client, rows::later(2)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(known("https://a.test").await, Known::Not);
    }
}

async fn secrets_come_and_go(kind: Kind) {
    let bed = Bed::new(kind).await;
    let (client, other) = (rows::client(), rows::client());
    let (first, second) = (rows::secret_of(client.id), rows::secret_of(client.id));
    let mut tx = bed.store.begin().await.unwrap();
    clients::insert(&mut tx, &client).await.unwrap();
    clients::insert(&mut tx, &other).await.unwrap();
    clients::add_secret(&mut tx, &first).await.unwrap();
    clients::add_secret(&mut tx, &second).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(clients::secrets(&bed.store, client.id).await.unwrap().len(), 2);
    assert!(clients::secrets(&bed.store, other.id).await.unwrap().is_empty());
    let mut all = clients::all_secrets(&bed.store).await.unwrap();
    all.retain(|(_, id, _)| id.is_none_or(|id| id == second.id));
    assert_eq!(all.len(), 2);
    assert!(all.contains(&(client.id, Some(second.id), second.expires_at)) && all.contains(&(other.id, None, None)));

    let mut tx = bed.store.begin().await.unwrap();
    clients::remove_secret(&mut tx, other.id, first.id).await.unwrap();
    clients::expire_secret(&mut tx, other.id, second.id, rows::now()).await.unwrap();
    clients::expire_secret(&mut tx, client.id, second.id, rows::later(9)).await.unwrap();
    tx.commit().await.unwrap();
    let left = clients::secrets(&bed.store, client.id).await.unwrap();
    assert_eq!(left.len(), 2, "not through another client's id");
    let ends: Vec<_> = left.iter().filter_map(|secret| secret.expires_at).collect();
    assert_eq!(ends, [rows::later(9)]);

    let mut tx = bed.store.begin().await.unwrap();
    clients::remove_secret(&mut tx, client.id, first.id).await.unwrap();
    tx.commit().await.unwrap();
    let left = clients::secrets(&bed.store, client.id).await.unwrap();
    assert_eq!((left.len(), left[0].id, &left[0].digest), (1, second.id, &second.digest));
    let version = clients::get(&bed.store, client.id).await.unwrap().unwrap().version;
    assert_eq!(version, 5, "each change of the secrets is a new version");
    // A secret hangs on its client.
    let mut tx = bed.store.begin().await.unwrap();
    assert!(clients::add_secret(&mut tx, &rows::secret_of(Uuid::nil())).await.is_err());
}

async fn resources_by_uri(kind: Kind) {
    let bed = Bed::new(kind).await;
    let mut api = rows::resource("https://api.test");
    let mut tx = bed.store.begin().await.unwrap();
    resources::insert(&mut tx, &api).await.unwrap();
    resources::insert(&mut tx, &rows::resource("https://a.test")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bed.store.begin().await.unwrap();
    let twice = resources::insert(&mut tx, &rows::resource("https://api.test")).await;
    assert!(matches!(twice, Err(Error::Taken("uri"))), "{twice:?}");
    tx.rollback().await.unwrap();

    api.access_token_seconds = None;
    api.retired_at = Some(rows::later(1));
    api.scopes = Json(vec![]);
    let mut tx = bed.store.begin().await.unwrap();
    resources::update(&mut tx, &api, rows::later(2)).await.unwrap();
    tx.commit().await.unwrap();
    let read = resources::by_uri(&bed.store, "https://api.test").await.unwrap().unwrap();
    api.updated_at = rows::later(2);
    assert_eq!(format!("{read:?}"), format!("{api:?}"));
    assert_eq!(resources::get(&bed.store, api.id).await.unwrap().unwrap().uri, api.uri);
    assert!(resources::by_uri(&bed.store, "https://API.test").await.unwrap().is_none());
    let listed = resources::list(&bed.store).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.uri.as_str()).collect::<Vec<_>>(), ["https://a.test", "https://api.test"]);
}

async fn interactions_step(kind: Kind) {
    let bed = Bed::new(kind).await;
    let owners = rows::owners(&bed.store).await;
    let begun = rows::interaction(owners.client_id);
    let mut tx = bed.store.begin().await.unwrap();
    interactions::insert(&mut tx, &begun).await.unwrap();
    tx.commit().await.unwrap();
    let read = interactions::get(&bed.store, begun.id).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{begun:?}"));

    let mut tx = bed.store.begin().await.unwrap();
    let session = Some(owners.session_id);
    assert_eq!(interactions::step(&mut tx, &read, "consent", session, None).await.unwrap(), Stepped::Moved);
    assert_eq!(interactions::step(&mut tx, &read, "consent", session, None).await.unwrap(), Stepped::Behind);
    tx.commit().await.unwrap();
    let moved = interactions::get(&bed.store, begun.id).await.unwrap().unwrap();
    assert_eq!((moved.step.as_str(), moved.version, moved.session_id), ("consent", 1, session));
    let mut tx = bed.store.begin().await.unwrap();
    let end = Some(rows::later(5));
    assert_eq!(interactions::step(&mut tx, &moved, "done", session, end).await.unwrap(), Stepped::Moved);
    let done = interactions::get(&mut tx, begun.id).await.unwrap().unwrap();
    assert_eq!(done.finished_at, end);
    assert_eq!(interactions::step(&mut tx, &done, "again", session, None).await.unwrap(), Stepped::Behind);
    tx.commit().await.unwrap();
    assert!(interactions::get(&bed.store, Uuid::nil()).await.unwrap().is_none());
}
