//! Every event of the closed list: somebody's test looks for its row, and what no other test asks about is done here once.

use std::path::Path;

use chancery::change::By;
use chancery::event::{Actor, Caller, Event};
use chancery::identity::{change, password, people};
use chancery::oauth::manage::{self, Rotation};
use chancery::oauth::resource;
use chancery::store::{audit, resources};
use serde_json::json;
use sqlx::types::Json;
use std::time::Duration;

use crate::kills::browsing::held;
use crate::kills::causes::{NEW_PASSWORD, admin};
use crate::kit::actors::{Browser, PASSWORD, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;
use crate::lineage::desk::family_of;

on_both!(sign_in_code_and_consent, users_and_passwords, clients_and_resources, keys);

/// Events that no test looks for, each with the reason.
const UNSEEN: &[(Event, &str)] = &[];

#[test]
fn every_event_is_looked_for() {
    let mut texts = Vec::new();
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")), &mut texts);
    let mut missing = Vec::new();
    for event in Event::ALL {
        let quoted = format!("\"{}\"", event.name());
        let seen = texts.iter().any(|text| text.contains(&quoted));
        let excused = UNSEEN.iter().any(|(unseen, reason)| unseen == event && !reason.is_empty());
        assert!(!(seen && excused), "{quoted} is looked for after all");
        if !seen && !excused {
            missing.push(event.name());
        }
    }
    assert_eq!(missing, Vec::<&str>::new(), "no test looks for these");
}

fn read(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), texts);
        } else if entry.path().extension().is_some_and(|ext| ext == "rs") {
            texts.push(std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// The rows of an event, in the order written.
async fn rows(issuer: &Issuer, event: &str) -> Vec<audit::Row> {
    assert!(Event::ALL.iter().any(|known| known.name() == event), "{event} is no event");
    let mut rows = audit::newest(&issuer.app.store, None, 1000).await.unwrap();
    rows.retain(|row| row.event == event);
    rows.reverse();
    rows
}

/// The one row of an event, which went well.
async fn row(issuer: &Issuer, event: &str) -> audit::Row {
    let mut rows = rows(issuer, event).await;
    assert_eq!(rows.len(), 1, "{event}: {rows:?}");
    assert_eq!(rows[0].outcome, "ok");
    rows.remove(0)
}

fn by<'a>(issuer: &Issuer, caller: &'a Caller) -> By<'a> {
    By { actor: Actor::Operator, caller, at: issuer.app.clock.now() }
}

async fn sign_in_code_and_consent(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let rp = issuer.client_with(|row| row.consent = "ask".to_owned()).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let session = held(&issuer, &browser).await.unwrap().session_id;
    let user = format!("user:{}", alice.id);

    let told = row(&issuer, "signin.succeeded").await;
    assert_eq!((told.actor.as_str(), told.user_id, told.session_id), (user.as_str(), Some(alice.id), Some(session)));
    assert_eq!((told.client_id, told.family_id, &told.detail.0["amr"]), (None, None, &json!(["pwd"])));
    let told = row(&issuer, "code.issued").await;
    assert_eq!((told.actor.as_str(), told.user_id, told.client_id), (user.as_str(), Some(alice.id), Some(rp.id)));
    assert_eq!((told.session_id, told.family_id), (Some(session), Some(family_of(&tokens))));

    let caller = Caller::default();
    let gone = people::remove_consent(&issuer.app.store, &by(&issuer, &caller), alice.id, rp.id).await.unwrap();
    gone.settle(&issuer.app).await.unwrap();
    let told = row(&issuer, "consent.removed").await;
    assert_eq!((told.actor.as_str(), told.user_id, told.client_id), ("operator", Some(alice.id), Some(rp.id)));
    issuer.stop().await;
}

async fn users_and_passwords(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (app, caller) = (&issuer.app, Caller::default());
    let alice = issuer.user("alice").await;
    let rp = issuer.client().await;
    let mut browser = Browser::new(&issuer);
    rp.tokens(&mut browser, "alice").await;
    let session = held(&issuer, &browser).await.unwrap();
    change::password(app, &session, PASSWORD, NEW_PASSWORD, &caller).await.unwrap();
    let hash = password::hash(app, &password::Password::typed(PASSWORD).unwrap()).await.unwrap();
    people::set_password(&app.store, &by(&issuer, &caller), alice.id, &hash).await.unwrap().settle(app).await.unwrap();
    people::disable(&app.store, &by(&issuer, &caller), alice.id).await.unwrap().settle(app).await.unwrap();
    people::enable(&app.store, &by(&issuer, &caller), alice.id).await.unwrap().settle(app).await.unwrap();

    let told = rows(&issuer, "user.password_changed").await;
    let who: Vec<_> = told.iter().map(|row| (row.actor.clone(), row.user_id, row.session_id)).collect();
    let own = (format!("user:{}", alice.id), Some(alice.id), Some(session.session_id));
    assert_eq!(who, [own, ("operator".to_owned(), Some(alice.id), None)]);
    let told = row(&issuer, "user.enabled").await;
    assert_eq!((told.actor.as_str(), told.user_id, told.client_id), ("operator", Some(alice.id), None));
    issuer.stop().await;
}

async fn clients_and_resources(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (app, caller) = (&issuer.app, Caller::default());
    let rp = issuer.client().await;
    let uri = "https://tide.test/";
    issuer.resource(uri, &["tide:read"]).await;
    let id = resources::by_uri(&app.store, uri).await.unwrap().unwrap().id;
    manage::disable(&app.store, &by(&issuer, &caller), rp.id).await.unwrap().settle(app).await.unwrap();
    manage::enable(&app.store, &by(&issuer, &caller), rp.id).await.unwrap().settle(app).await.unwrap();
    let rotation = Rotation { overlap: Duration::from_hours(1), revoke_tokens: false };
    let rotated = manage::rotate_secret(&app.store, &by(&issuer, &caller), rp.id, rotation).await.unwrap();
    let (secret, ends) = rotated.settle(app).await.unwrap();
    let rename = |draft: &mut resource::Draft| draft.name = "Tides".to_owned();
    resource::update(&app.store, &by(&issuer, &caller), id, rename).await.unwrap().settle(app).await.unwrap();
    resource::retire(&app.store, &by(&issuer, &caller), id).await.unwrap().settle(app).await.unwrap();

    for event in ["client.enabled", "client.secret_rotated"] {
        let told = row(&issuer, event).await;
        assert_eq!((told.actor.as_str(), told.client_id, told.user_id), ("operator", Some(rp.id), None), "{event}");
        assert!(!told.detail.0.to_string().contains(&secret.expose()));
    }
    let told = row(&issuer, "client.secret_rotated").await;
    assert_eq!((ends.is_some(), &told.detail.0["revoke_tokens"]), (true, &json!(false)));
    for event in ["resource.updated", "resource.retired"] {
        let told = row(&issuer, event).await;
        assert_eq!((told.actor.as_str(), &told.detail.0), ("operator", &json!({ "id": id, "uri": uri })), "{event}");
    }
    issuer.stop().await;
}

async fn keys(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    let rp = issuer.client_with(|row| row.grants = Json(vec!["authorization_code".to_owned()])).await;
    let operator = Operator::of(&issuer);
    let listed = operator.json(&["key", "rotate", "--alg", "ES256"]);
    let told = row(&issuer, "key.rotated").await;
    assert_eq!((told.actor.as_str(), &told.detail.0["alg"]), ("operator", &json!("ES256")), "{listed}");
    let (from, to) = (told.detail.0["from"].as_str().unwrap(), told.detail.0["to"].as_str().unwrap());
    assert_ne!(from, to);

    // The key that was replaced, by a service of its own right.
    admin(&issuer, "key", from).await;
    let told = row(&issuer, "key.revoked").await;
    assert!(told.actor.starts_with("client:"), "{}", told.actor);
    assert_eq!((&told.detail.0["kid"], &told.detail.0["alg"]), (&json!(from), &json!("ES256")));
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    assert!(claims(tokens.str("access_token"))["jti"].is_string(), "the issuer goes on");
    issuer.stop().await;
}
