//! A right password is never found without its owner being able to see it.

use chancery::store::audit::{self, Row};
use uuid::Uuid;

use super::{ALICE, SECOND, asking, count, follow, has, held, signed_in, told};
use crate::kit::actors::{Browser, PASSWORD};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(under_anothers_hint, while_the_sign_in_was_cancelled, who_denies_is_named);

/// The newest row of an event about a user.
async fn row(issuer: &Issuer, event: &str, user: Uuid) -> Option<Row> {
    let rows = audit::newest(&issuer.app.store, None, 200).await.unwrap();
    rows.into_iter().find(|row| row.event == event && row.user_id == Some(user))
}

/// How many failures stand against accounts.
async fn charged(issuer: &Issuer) -> i64 {
    let sum = "SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) FROM throttle WHERE key LIKE 'account:%'";
    count(issuer, sum).await
}

async fn under_anothers_hint(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let (alice, _) = (issuer.user("alice").await, issuer.user("bob").await);
    let rp = issuer.client().await;
    let hint = rp.tokens(&mut Browser::new(&issuer), "bob").await.str("id_token").to_owned();
    let flow = rp.flow(&[("id_token_hint", &hint)]);
    let mut thief = Browser::new(&issuer);
    let page = thief.begin(&flow).await;
    thief.sign_in(&page, &flow.url, "alice", "wrong").await;
    let refused = row(&issuer, "signin.refused", alice.id).await.unwrap();
    assert_eq!((refused.outcome.as_str(), refused.actor.as_str()), ("refused", "anonymous"));
    clock.advance(SECOND);
    let answer = thief.sign_in(&page, &flow.url, ALICE.0, ALICE.1).await;
    assert_eq!(told(&answer, "error"), "login_required");
    let found = row(&issuer, "signin.refused", alice.id).await.unwrap();
    assert_eq!((found.outcome.as_str(), found.actor), ("other_user", format!("user:{}", alice.id)));
    assert_eq!(found.client_id, Some(rp.id));
    let rows = audit::newest(&issuer.app.store, None, 100).await.unwrap();
    assert!(rows.iter().all(|row| row.event != "signin.cancelled"), "nobody cancelled");
    assert_eq!(charged(&issuer).await, 2, "nothing came of it, so nothing is forgiven");
}

async fn while_the_sign_in_was_cancelled(kind: Kind) {
    let (issuer, _clock) = held(kind, |config| config.login.hash_permits = 1).await;
    let alice = issuer.user("alice").await;
    let rp = issuer.client().await;
    let flow = rp.flow(&[]);
    let mut thief = Browser::new(&issuer);
    let page = thief.begin(&flow).await;
    let permit = issuer.app.hashing.acquire().await.unwrap();
    let mut typing = thief.clone();
    let cancelled = async {
        issuer.until("the hash waits", async |issuer| issuer.app.hashing.waiting() == 1).await;
        let answer = thief.press(&page, &flow.url, "login-cancel").await;
        assert_eq!(told(&answer, "error"), "access_denied");
        drop(permit);
    };
    let (answer, ()) = tokio::join!(typing.sign_in(&page, &flow.url, "alice", PASSWORD), cancelled);
    assert_eq!(answer.status, 409, "{}", answer.text);
    let found = row(&issuer, "signin.refused", alice.id).await.unwrap();
    assert_eq!((found.outcome.as_str(), found.actor), ("overtaken", format!("user:{}", alice.id)));
    assert_eq!(charged(&issuer).await, 1, "nothing came of it, so nothing is forgiven");
    assert_eq!(count(&issuer, "SELECT COUNT(*) FROM session").await, 0);
    // Signing in for real forgives.
    signed_in(&issuer, &rp, "alice").await;
    assert_eq!(charged(&issuer).await, 0);
}

async fn who_denies_is_named(kind: Kind) {
    let (issuer, clock) = held(kind, |_| {}).await;
    let alice = issuer.user("alice").await;
    let rp = asking(&issuer).await;
    for button in ["consent-deny", "login-cancel"] {
        clock.advance(SECOND);
        let flow = rp.flow(&[]);
        let mut browser = Browser::new(&issuer);
        let page = browser.begin(&flow).await;
        let answer = browser.sign_in(&page, &flow.url, ALICE.0, ALICE.1).await;
        let page = follow(&mut browser, answer).await;
        assert!(has(&page, "consent-deny"), "{}", page.text);
        let before = row(&issuer, "signin.cancelled", alice.id).await.map(|row| row.id);
        assert_eq!(told(&browser.press(&page, &flow.url, button).await, "error"), "access_denied");
        let named = row(&issuer, "signin.cancelled", alice.id).await.unwrap();
        assert_ne!(Some(named.id), before);
        assert_eq!((named.actor, named.client_id), (format!("user:{}", alice.id), Some(rp.id)));
        assert!(named.session_id.is_some());
    }
    // Before anybody has proved anything there is nobody to name.
    let mut browser = Browser::new(&issuer);
    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await;
    clock.advance(SECOND);
    browser.press(&page, &flow.url, "login-cancel").await;
    let newest = audit::newest(&issuer.app.store, None, 1).await.unwrap().remove(0);
    assert_eq!((newest.event.as_str(), newest.actor.as_str(), newest.user_id), ("signin.cancelled", "anonymous", None));
}
