//! Who exists is nobody's business; how a name or a password is spelled is.

use std::collections::BTreeMap;

use chancery::config::Argon2;
use chancery::identity::password::{self, Password};
use chancery::store::users;
use reqwest::StatusCode;

use super::{ALICE, SECOND, count, meddle, sign_in, told};
use crate::kit::actors::{Answer, Browser, PASSWORD};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    the_answer_tells_nothing,
    who_is_nobody_costs_a_hash_too,
    names_and_passwords_as_they_are_spelled,
    a_hash_follows_the_settings,
);

async fn no_password(issuer: &Issuer, name: &str) {
    let user = issuer.user(name).await;
    let mut tx = issuer.app.store.begin().await.unwrap();
    users::remove_password(&mut tx, user.id).await.unwrap();
    tx.commit().await.unwrap();
}

/// An answer without what differs from one request to the next, and without the name that was typed and its length.
fn plain(answer: &Answer, name: &str) -> (StatusCode, BTreeMap<String, String>, String) {
    let headers =
        answer.headers.iter().filter(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status, headers, answer.text.replace(name, "NAME"))
}

async fn the_answer_tells_nothing(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    for name in ["alice", "disabled", "deleted"] {
        issuer.user(name).await;
    }
    no_password(&issuer, "passkeys").await;
    meddle(&issuer, "UPDATE users SET disabled_at = created_at WHERE username = 'disabled'").await;
    meddle(&issuer, "UPDATE users SET deleted_at = created_at WHERE username = 'deleted'").await;
    let rp = issuer.client().await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let mut seen = Vec::new();
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("disabled", PASSWORD),
        ("deleted", PASSWORD),
        ("passkeys", PASSWORD),
    ] {
        let answer = browser.sign_in(&page, &flow.url, name, password).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text.contains("belong together"), "{}", answer.text);
        seen.push(plain(&answer, name));
    }
    for other in &seen[1..] {
        assert_eq!(&seen[0], other);
    }
    assert!(browser.cookies.keys().all(|name| name == "ch_browser"), "{:?}", browser.cookies);
    assert_eq!(count(&issuer, "SELECT COUNT(*) FROM audit WHERE event = 'signin.refused'").await, 5);
}

async fn who_is_nobody_costs_a_hash_too(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    no_password(&issuer, "passkeys").await;
    let rp = issuer.client().await;
    for name in ["alice", "nobody", "passkeys"] {
        let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
        let page = browser.begin(&flow).await;
        let permit = issuer.app.hashing.acquire().await.unwrap();
        let mut answer = tokio::spawn(async move { browser.sign_in(&page, &flow.url, name, "wrong").await });
        let early = tokio::time::timeout(SECOND / 5, &mut answer).await;
        assert!(early.is_err(), "{name} was answered without a hash");
        drop(permit);
        assert_eq!(answer.await.unwrap().status, StatusCode::BAD_REQUEST);
    }
}

async fn names_and_passwords_as_they_are_spelled(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let user = issuer.user("José").await;
    let rp = issuer.client().await;
    let set = async |text: &str| {
        let hash = password::hash(&issuer.app, &Password::typed(text).unwrap()).await.unwrap();
        let mut tx = issuer.app.store.begin().await.unwrap();
        users::set_password(&mut tx, user.id, &hash, issuer.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    };
    let attempt = async |name: &str, typed: &str| {
        let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
        let page = browser.begin(&flow).await;
        browser.sign_in(&page, &flow.url, name, typed).await.status == StatusCode::SEE_OTHER
    };
    let secret = " Crème brûlée 李 ";
    set(secret).await;
    for name in ["José", "jose\u{301}", "JOSÉ", " José", "ｊｏｓé", "José@example.test"] {
        assert!(attempt(name, secret).await, "{name}");
    }
    assert!(attempt("José", " Cre\u{300}me bru\u{302}le\u{301}e 李 ").await, "composed or not");
    assert!(!attempt("Jose", secret).await, "an accent is no decoration");
    for other in [secret.trim(), " crème brûlée 李 ", " Crème brûlée 李", " Creme brulee 李 "] {
        assert!(!attempt("José", other).await, "{other:?}");
    }
}

async fn a_hash_follows_the_settings(kind: Kind) {
    let (issuer, _clock) = super::held(kind, |config| {
        config.login.password = Argon2 { memory_kib: 128, iterations: 2, parallelism: 1 };
    })
    .await;
    let user = issuer.user("alice").await;
    let rp = issuer.client().await;
    let older = argon(&issuer, 64).await;
    let mut tx = issuer.app.store.begin().await.unwrap();
    users::set_password(&mut tx, user.id, &older, issuer.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..2 {
        let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
        let page = browser.begin(&flow).await;
        let wrong = browser.sign_in(&page, &flow.url, "alice", "wrong").await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        let done = sign_in(&mut browser, &page, &flow, ALICE).await;
        assert!(told(&done, "code").starts_with("ch_ac_"));
        let hash = users::password(&issuer.app.store, user.id).await.unwrap().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{hash}");
    }
}

/// [`PASSWORD`], hashed with other parameters than are wanted.
async fn argon(issuer: &Issuer, memory: u32) -> String {
    let other = Issuer::start_with(
        issuer.kind,
        crate::kit::issuer::Setup {
            change: Box::new(move |config| config.login.password.memory_kib = memory),
            ..crate::kit::issuer::Setup::default()
        },
    )
    .await;
    password::hash(&other.app, &Password::typed(PASSWORD).unwrap()).await.unwrap()
}
