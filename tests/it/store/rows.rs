//! Rows to write: whole, plausible, all different.

use chancery::event::{Actor, Caller, Event, Record};
use chancery::secret;
use chancery::store::codes::NamedClaims;
use chancery::store::codes::{Code, Owners, Redemption};
use chancery::store::details::Details;
use chancery::store::families::Rotation;
use chancery::store::lineage::Issued;
use chancery::store::sessions::Proof;
use chancery::store::{Store, clients, codes, grants, interactions, resources, sessions, users};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

/// A fixed time with microseconds, which both databases must keep.
/// Well ahead of any database's own time, which no entry of the log is ever written before.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(2_795_000_000_123_456).unwrap()
}

pub fn later(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

pub fn digest() -> Vec<u8> {
    secret::bytes::<32>().to_vec()
}

pub fn user(name: &str) -> users::User {
    users::User {
        id: secret::uuid_v7(now()),
        sub: secret::uuid_v4(),
        username: name.to_owned(),
        username_key: name.to_lowercase(),
        email: Some(format!("{name}@example.test")),
        email_key: Some(format!("{name}@example.test").to_lowercase()),
        email_verified: true,
        name: Some("Zoë O'Hara \u{1F98A}".to_owned()),
        given_name: None,
        family_name: None,
        groups: Json(vec!["staff".to_owned(), "a \"quoted\" one".to_owned()]),
        disabled_at: None,
        deleted_at: None,
        revoked_seq: 0,
        created_at: now(),
        updated_at: now(),
        details: Details::default(),
    }
}

pub fn client() -> clients::Client {
    clients::Client {
        id: secret::uuid_v7(now()),
        name: "Harbour".to_owned(),
        profile: "oauth21".to_owned(),
        auth_method: "client_secret_basic".to_owned(),
        redirect_uris: Json(vec!["https://rp.test/cb?a=1&b='2'".to_owned()]),
        post_logout_redirect_uris: Json(vec![]),
        origins: Json(vec![]),
        grants: Json(vec!["authorization_code".to_owned()]),
        scopes: "openid".to_owned(),
        resources: Json(vec![]),
        consent: "ask".to_owned(),
        retry_window_seconds: Some(60),
        outlives_session: false,
        id_token_claims: true,
        pkce_optional: false,
        policy_uri: None,
        tos_uri: None,
        metadata: Json::default(),
        version: 1,
        disabled_at: None,
        deleted_at: None,
        revoked_seq: 0,
        created_at: now(),
        updated_at: now(),
        source: "admin".to_owned(),
        document: None,
        document_until: None,
        last_used_at: None,
    }
}

pub fn secret_of(client_id: Uuid) -> clients::ClientSecret {
    clients::ClientSecret {
        id: secret::uuid_v7(now()),
        client_id,
        digest: digest(),
        created_at: now(),
        expires_at: None,
    }
}

pub fn resource(uri: &str) -> resources::Resource {
    let scope = resources::ResourceScope { name: "read".to_owned(), description: "look".to_owned(), groups: vec![] };
    resources::Resource {
        id: secret::uuid_v7(now()),
        uri: uri.to_owned(),
        name: "API".to_owned(),
        scopes: Json(vec![scope]),
        access_token_seconds: Some(120),
        retired_at: None,
        created_at: now(),
        updated_at: now(),
        claims: Json::default(),
    }
}

pub fn session(user_id: Uuid) -> sessions::Session {
    sessions::Session {
        id: secret::uuid_v4(),
        secret_digest: digest(),
        user_id,
        born_seq: 0,
        proofs: Json(vec![Proof { method: "pwd".to_owned(), at: now(), seq: 0 }]),
        auth_time: now(),
        created_at: now(),
        last_used_at: now(),
        expires_at: later(3600),
        address: Some("192.0.2.7".to_owned()),
        user_agent: None,
        ended_at: None,
        revoked_seq: 0,
    }
}

pub fn interaction(client_id: Uuid) -> interactions::Interaction {
    interactions::Interaction {
        id: secret::uuid_v4(),
        browser_digest: digest(),
        client_id,
        request: Json(json!({"deep": {"list": [1, null, "ü", "\u{2028}"]}})),
        step: "password".to_owned(),
        version: 0,
        session_id: None,
        created_at: now(),
        expires_at: later(1800),
        finished_at: None,
    }
}

pub fn code() -> Code {
    Code {
        digest: digest(),
        family_id: secret::uuid_v7(now()),
        born_seq: 0,
        redirect_uri: Some("https://rp.test/cb".to_owned()),
        challenge: None,
        nonce: Some("n".to_owned()),
        scopes: "openid".to_owned(),
        resources: Json(vec!["https://api.test".to_owned()]),
        acr: "1".to_owned(),
        amr: Json(vec!["pwd".to_owned()]),
        auth_time: now(),
        created_at: now(),
        expires_at: later(60),
        spent_at: None,
        burnt_at: None,
        claims: Some(Json(NamedClaims { userinfo: vec!["email".to_owned()], id_token: vec![] })),
    }
}

pub fn caller() -> Caller {
    Caller {
        address: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("tests/1".to_owned()),
        request_id: Some(secret::uuid_v4()),
    }
}

pub fn record(event: Event) -> Record {
    Record::new(event, Actor::System, &caller(), now()).detail(json!({"why": "a test"}))
}

pub fn issued() -> Issued {
    Issued {
        jti: secret::uuid_v4(),
        at: now(),
        expires_at: later(600),
        rev_seq: 0,
        address: Some("192.0.2.7".to_owned()),
        user_agent: Some("tests/1".to_owned()),
        scopes: "openid".to_owned(),
        audience: "https://api.test".to_owned(),
    }
}

/// A user, a client, their grant and a session, written.
pub async fn owners(store: &Store) -> Owners {
    let (user, client) = (user(&format!("u{}", secret::uuid_v4().simple())), client());
    let session = session(user.id);
    let mut tx = store.begin().await.unwrap();
    users::insert(&mut tx, &user).await.unwrap();
    clients::insert(&mut tx, &client).await.unwrap();
    let grant_id = grants::ensure(&mut tx, secret::uuid_v7(now()), user.id, client.id, now()).await.unwrap();
    sessions::insert(&mut tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    Owners { client_id: client.id, user_id: user.id, grant_id, session_id: session.id }
}

/// A code, written.
pub async fn coded(store: &Store, owners: Owners) -> Code {
    let code = code();
    let mut tx = store.begin().await.unwrap();
    codes::insert(&mut tx, &code, owners).await.unwrap();
    tx.commit().await.unwrap();
    code
}

/// Redeems a code; the family stands then.
pub async fn redeem(store: &Store, code: &Code) -> codes::Spent {
    let (issued, record) = (issued(), record(Event::CodeRedeemed).family(code.family_id));
    let redemption = Redemption {
        digest: &code.digest,
        born_seq: 0,
        secret_digest: Some(digest()),
        outlives_session: false,
        family_expires_at: later(7200),
        issued: &issued,
        record: &record,
    };
    codes::redeem(store, &redemption).await.unwrap()
}

/// A family at generation 0.
pub async fn family(store: &Store, owners: Owners) -> Uuid {
    let code = coded(store, owners).await;
    assert_eq!(redeem(store, &code).await, codes::Spent::Now);
    code.family_id
}

/// Presents generation `from`; answers what became of it and the token's `jti`.
pub async fn rotate(store: &Store, family_id: Uuid, from: i64) -> (chancery::store::families::Rotated, Uuid) {
    let (issued, record) = (issued(), record(Event::RefreshRotated).family(family_id));
    let rotation = Rotation { family_id, from, issued: &issued, record: &record };
    (chancery::store::families::rotate(store, &rotation).await.unwrap(), issued.jti)
}
