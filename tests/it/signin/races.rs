//! What was read before a kill, and written after it, is dead (each with a barrier in between), and of two that move one
//! interaction one does.

use std::time::Duration;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::identity::change::{self, Unchanged};
use chancery::identity::password::{self, Password};
use chancery::identity::people;
use chancery::revocation::{self, Cause, Reach, Target};
use chancery::session;
use chancery::store::locks::{Owner, lock};
use chancery::store::{Store, Tx, users};
use tokio::task::JoinHandle;

use super::{ALICE, asking, count, events, follow, has, sign_in, signed_in, state, told};
use crate::kit::actors::{Answer, Browser, PASSWORD, RelyingParty, location};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    a_sign_in_waits_while_the_password_changes,
    a_sign_in_waits_while_the_user_is_killed_or_disabled,
    a_password_change_waits_while_the_user_is_killed,
    consent_against_a_session_kill,
    an_authorization_against_a_disabled_user,
    the_same_form_twice_at_once,
);

const NEW: &str = "another horse, another staple";

/// A sign-in that has read what it stands on, and waits for its turn to hash.
async fn waiting(issuer: &Issuer, rp: &RelyingParty) -> (Browser, JoinHandle<(Browser, Answer)>) {
    let (mut browser, flow) = (Browser::new(issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let before = browser.clone();
    let task = tokio::spawn(async move {
        let answer = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
        (browser, answer)
    });
    // The account is charged after the reading and before the queue.
    let charged = "SELECT COUNT(*) FROM throttle WHERE key LIKE 'account:%'";
    issuer.until("charged", async |issuer| count(issuer, charged).await == 1).await;
    (before, task)
}

/// The sign-in that came too late: the session it made is dead, no cookie was given, and it is asked for again.
async fn came_to_nothing(issuer: &Issuer, rp: &RelyingParty, (mut browser, answer): (Browser, Answer)) {
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    assert!(!browser.cookies.contains_key("ch_session"));
    let page = follow(&mut browser, answer).await;
    assert!(has(&page, "login-submit"), "{} {}", page.status, page.text);
    assert_eq!(state(issuer).await[1], 0, "no code");
    let silent = browser.begin(&rp.flow(&[("prompt", "none")])).await;
    assert_eq!(told(&silent, "error"), "login_required");
}

async fn a_sign_in_waits_while_the_password_changes(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let user = issuer.user("alice").await;
    let rp = issuer.client().await;
    let hash = password::hash(&issuer.app, &Password::typed(NEW).unwrap()).await.unwrap();
    let permit = issuer.app.hashing.acquire().await.unwrap();
    let (_, thief) = waiting(&issuer, &rp).await;
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.now() };
    let change = people::set_password(&issuer.app.store, &by, user.id, &hash).await.unwrap();
    change.settle(&issuer.app).await.unwrap();
    drop(permit);
    came_to_nothing(&issuer, &rp, thief.await.unwrap()).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let done = sign_in(&mut browser, &page, &flow, ("alice", NEW)).await;
    assert!(told(&done, "code").starts_with("ch_ac_"), "the owner gets in");
}

async fn a_sign_in_waits_while_the_user_is_killed_or_disabled(kind: Kind) {
    for disable in [false, true] {
        let issuer = Issuer::start(kind).await;
        let user = issuer.user("alice").await;
        let rp = issuer.client().await;
        let permit = issuer.app.hashing.acquire().await.unwrap();
        let (_, thief) = waiting(&issuer, &rp).await;
        let (app, caller) = (&issuer.app, Caller::default());
        let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
        if disable {
            people::disable(&app.store, &by, user.id).await.unwrap().settle(app).await.unwrap();
        } else {
            let target = Target::User { id: user.id, sub: user.sub };
            revocation::run(app, &target, Reach::Lineage, &by.cause("test")).await.map(|_| ()).unwrap();
        }
        drop(permit);
        came_to_nothing(&issuer, &rp, thief.await.unwrap()).await;
        if disable {
            let by = By { at: app.clock.now(), ..by };
            people::enable(&app.store, &by, user.id).await.unwrap().settle(app).await.unwrap();
        }
        let mut browser = Browser::new(&issuer);
        assert!(browser.code(&rp.flow(&[]), "alice").await.starts_with("ch_ac_"), "begin again");
    }
}

async fn a_password_change_waits_while_the_user_is_killed(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let user = issuer.user("alice").await;
    let rp = issuer.client().await;
    let browser = signed_in(&issuer, &rp, "alice").await;
    let held = session::of_cookie(&issuer.app, Some(&browser.cookies["ch_session"])).await.unwrap().unwrap();
    let before = users::password(&issuer.app.store, user.id).await.unwrap();
    let permit = issuer.app.hashing.acquire().await.unwrap();
    let (app, sid) = (issuer.app.clone(), held.session_id);
    let change = tokio::spawn(async move { change::password(&app, &held, PASSWORD, NEW, &Caller::default()).await });
    let charged = "SELECT COUNT(*) FROM throttle WHERE key LIKE 'device:%'";
    issuer.until("charged", async |issuer| count(issuer, charged).await == 1).await;
    let (app, caller) = (&issuer.app, Caller::default());
    let cause = Cause { reason: "test", actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    let target = Target::User { id: user.id, sub: user.sub };
    revocation::run(app, &target, Reach::Lineage, &cause).await.map(|_| ()).unwrap();
    drop(permit);
    let refused = change.await.unwrap();
    assert!(matches!(refused, Err(Unchanged::SignInAgain)), "{refused:?}");
    assert_eq!(users::password(&app.store, user.id).await.unwrap(), before, "and the password is what it was");
    let sessions = chancery::store::sessions::of_user(&app.store, user.id).await.unwrap();
    assert!(sessions.iter().all(|session| session.id == sid), "no fresh session came of it");
}

/// Waits until something waits for our locks, and has not been answered.
async fn stuck<T>(issuer: &Issuer, task: &mut JoinHandle<T>) {
    if let Store::Postgres(_) = issuer.app.store {
        let waiting =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        issuer.until("someone waits", async |issuer| count(issuer, waiting).await > 0).await;
    }
    let early = tokio::time::timeout(Duration::from_millis(200), task).await;
    assert!(early.is_err(), "it did not wait");
}

async fn held_back(issuer: &Issuer, owners: &[Owner]) -> Tx {
    let mut tx = issuer.app.store.begin().await.unwrap();
    lock(&mut tx, owners).await.unwrap();
    tx
}

async fn consent_against_a_session_kill(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let user = issuer.user("alice").await;
    let rp = asking(&issuer).await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    let held = session::of_cookie(&issuer.app, Some(&browser.cookies["ch_session"])).await.unwrap().unwrap();
    let mut tx = held_back(&issuer, &[Owner::User(user.id), Owner::Session(held.session_id)]).await;
    let (mut other, url) = (browser.clone(), flow.url.clone());
    let mut allow = tokio::spawn(async move { other.press(&consent, &url, "consent-allow").await });
    stuck(&issuer, &mut allow).await;
    let (app, caller) = (&issuer.app, Caller::default());
    let cause = Cause { reason: "test", actor: Actor::Operator, caller: &caller, at: app.clock.now() };
    let killed = revocation::kill(&mut tx, &Target::Session(held.session_id), Reach::Lineage, &cause).await.unwrap();
    revocation::settle(app, tx, &[killed]).await.unwrap();
    let answer = allow.await.unwrap();
    let page = follow(&mut browser, answer).await;
    assert!(has(&page, "login-submit"), "asked to sign in again: {} {}", page.status, page.text);
    assert_eq!((events(&issuer, "consent.given").await, state(&issuer).await[1]), (0, 0));
    assert_eq!(count(&issuer, "SELECT COUNT(*) FROM grants WHERE scopes <> ''").await, 0);
    // The same interaction goes on once he has.
    let consent = sign_in(&mut browser, &page, &flow, ALICE).await;
    let done = browser.press(&consent, &flow.url, "consent-allow").await;
    assert_eq!(told(&done, "state"), flow.state);
    rp.redeem(&flow, &told(&done, "code")).await.ok();
}

async fn an_authorization_against_a_disabled_user(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let user = issuer.user("alice").await;
    let rp = issuer.client().await;
    let browser = signed_in(&issuer, &rp, "alice").await;
    let codes = state(&issuer).await[1];
    for prompt in ["none", ""] {
        let mut tx = held_back(&issuer, &[Owner::User(user.id)]).await;
        let (mut other, flow) = (browser.clone(), rp.flow(&[("prompt", prompt)]));
        let mut asked = tokio::spawn(async move { other.get(&flow.url).await });
        stuck(&issuer, &mut asked).await;
        let row = users::get(&mut tx, user.id).await.unwrap().unwrap();
        let at = issuer.app.clock.now();
        users::update(&mut tx, &users::User { disabled_at: Some(at), ..row.clone() }, at).await.unwrap();
        tx.commit().await.unwrap();
        let answer = asked.await.unwrap();
        if prompt == "none" {
            assert_eq!(told(&answer, "error"), "login_required");
        } else {
            assert!(location(&answer).unwrap().contains("/login?interaction="), "{answer:?}");
        }
        assert_eq!(state(&issuer).await[1], codes, "no code");
        let mut tx = issuer.app.store.begin().await.unwrap();
        users::update(&mut tx, &row, at).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn the_same_form_twice_at_once(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let (mut browser, flow) = (Browser::new(&issuer), rp.flow(&[]));
    let page = browser.begin(&flow).await;
    let permit = issuer.app.hashing.acquire().await.unwrap();
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (mut browser, page, url) = (browser.clone(), page.clone(), flow.url.clone());
        posts.spawn(async move { browser.sign_in(&page, &url, "alice", PASSWORD).await });
    }
    // Two in one name are looked at; whoever comes third is told to come again, and doesn't pay.
    for _ in 0..2 {
        assert_eq!(posts.join_next().await.unwrap().unwrap().status, 503);
    }
    let charged = "SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) FROM throttle WHERE key LIKE 'account:%'";
    issuer.until("both are charged", async |issuer| count(issuer, charged).await == 2).await;
    drop(permit);
    let answers = posts.join_all().await;
    let done: Vec<_> = answers.iter().filter(|answer| answer.status.as_u16() == 303).collect();
    assert_eq!(done.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    let late =
        answers.iter().filter(|answer| answer.status.as_u16() == 409 && answer.text.contains("/oauth2/authorize?"));
    assert_eq!(late.count(), 1);
    assert_eq!(state(&issuer).await[..2], [1, 1], "one session, one code");
    rp.redeem(&flow, &told(done[0], "code")).await.ok();
}
