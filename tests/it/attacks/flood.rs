//! Filling what everybody has to hold: the revocation log through a client's own tokens, the audit trail from outside.

use std::time::{Duration, Instant};

use chancery::clock::Clock;
use chancery::config::Config;
use chancery::store::audit;

use uuid::Uuid;

use crate::kit::actors::{Answer, Browser, RelyingParty, http, location};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::raw::Raw;

on_both!(
    a_client_can_not_fill_the_log_with_its_own_tokens,
    a_user_does_not_spend_what_others_may_revoke,
    nobody_fills_the_audit_trail_from_outside,
    nobody_fills_the_database_with_sign_ins_begun,
);

/// Spends what a client, or a user at it, may add to the log: for a minute nothing comes back.
fn spend(issuer: &Issuer, client: Uuid, user: Option<&str>) {
    let ahead = issuer.app.clock.monotonic() + Duration::from_secs(60);
    while issuer.app.revocation_rate.take(client, user, ahead) {}
}

async fn active(rp: &RelyingParty, token: &str) -> bool {
    rp.introspect(token).await.ok().json["active"] == true
}

async fn a_client_can_not_fill_the_log_with_its_own_tokens(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let scope = "chancery:feed";
    let (greedy, other) = (issuer.service(scope, &[]).await, issuer.service(scope, &[]).await);
    let (token, others) = (greedy.own_token(scope).await, other.own_token(scope).await);
    spend(&issuer, greedy.id, None);
    let answer = greedy.revoke(&token).await;
    answer.is(429, "temporarily_unavailable");
    assert!(active(&greedy, &token).await, "what was not revoked is not said to be");
    assert_eq!(other.revoke(&others).await.status, 200, "another client has its own budget");
    assert!(!active(&other, &others).await);
    // What is none of its own costs it nothing.
    assert_eq!(greedy.revoke("ch_rt_garbage").await.status, 200);
}

/// Of a public client, whoever has a token can speak; and what is over adds nothing to the log, whoever presents it.
async fn a_user_does_not_spend_what_others_may_revoke(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let alice = issuer.user("alice").await.sub.to_string();
    issuer.user("bob").await;
    let public = issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let confidential = issuer.client().await;
    for (rp, user) in [(&public, Some(alice.as_str())), (&confidential, None)] {
        let mut browser = Browser::new(&issuer);
        let (dead, live) = (rp.tokens(&mut browser, "alice").await, rp.tokens(&mut browser, "alice").await);
        let bobs = rp.tokens(&mut Browser::new(&issuer), "bob").await;
        rp.revoke(dead.str("refresh_token")).await.ok();
        spend(&issuer, rp.id, user);
        // Ended is ended: there is nothing to pay for, and nothing to be told to wait for.
        for _ in 0..30 {
            rp.revoke(dead.str("refresh_token")).await.ok();
            rp.revoke(dead.str("access_token")).await.ok();
        }
        for which in ["refresh_token", "access_token"] {
            rp.revoke(live.str(which)).await.is(429, "temporarily_unavailable");
        }
        let others = rp.revoke(bobs.str("refresh_token")).await;
        if user.is_some() {
            others.ok();
            rp.refresh(bobs.str("refresh_token")).await.is(400, "invalid_grant");
        } else {
            others.is(429, "temporarily_unavailable");
        }
        rp.refresh(live.str("refresh_token")).await.ok();
    }
    issuer.stop().await;
}

async fn nobody_fills_the_audit_trail_from_outside(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let (client, url, began) = (http(), issuer.url("/login"), Instant::now());
    let sent = 400;
    for _ in 0..sent {
        let answer = client.post(&url).header("content-type", "application/x-www-form-urlencoded").body("x=y");
        assert_eq!(answer.send().await.unwrap().status(), 403);
    }
    let rows = audit::newest(&issuer.app.store, None, 1000).await.unwrap();
    let told = rows.iter().filter(|row| row.event == "form.refused").count();
    // A burst, then ten a second; a machine so slow that this allows all has not been flooded.
    let allowed = 101 + 10 * usize::try_from(began.elapsed().as_secs() + 1).unwrap();
    assert!((100.min(sent)..=allowed).contains(&told), "{told} of {sent} in {:?}", began.elapsed());
}

async fn nobody_fills_the_database_with_sign_ins_begun(kind: Kind) {
    let clock = Clock::held(Clock::system().now());
    let change = Box::new(|config: &mut Config| {
        config.throttle.interactions = 20;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let issuer = Issuer::start_with(kind, Setup { change, ..Setup::held(&clock) }).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let from = async |address: &str| {
        let request = http().get(&rp.flow(&[]).url).header("x-forwarded-for", address);
        Answer::of(request.send().await.unwrap()).await
    };
    let mut home = Browser::new(&issuer);
    home.code(&rp.flow(&[]), "alice").await;
    for nth in 0..20 {
        // A network of many addresses is one.
        let answer = from(&format!("192.0.2.{nth}")).await;
        assert!(location(&answer).is_some_and(|to| to.contains("/login?")), "{} {}", answer.status, answer.text);
    }
    let mut raw = Raw::open(&issuer.database).await;
    let begun = raw.count("interaction", "true").await;
    for _ in 0..50 {
        let refused = from("192.0.2.1").await;
        assert_eq!((refused.status.as_u16(), location(&refused)), (429, None), "{}", refused.text);
        assert_eq!(refused.headers["retry-after"], "1");
        assert!(refused.text.contains("id=\"error\""), "a page: {}", refused.text);
    }
    assert_eq!(raw.count("interaction", "true").await, begun, "what is refused leaves nothing behind");
    // Other networks go on; so does this one in time, and whoever is signed in.
    assert_eq!(from("198.51.100.1").await.status, 303);
    clock.advance(Duration::from_secs(3));
    assert_eq!(from("192.0.2.1").await.status, 303);
    assert_eq!(from("192.0.2.1").await.status, 429);
    home.code(&rp.flow(&[]), "alice").await;
    issuer.stop().await;
}
