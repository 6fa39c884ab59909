//! Filling what everybody has to hold: the revocation log through a client's own tokens, the audit trail from outside.

use std::time::Instant;

use chancery::store::audit;

use crate::kit::actors::{RelyingParty, http};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(a_client_can_not_fill_the_log_with_its_own_tokens, nobody_fills_the_audit_trail_from_outside);

async fn active(rp: &RelyingParty, token: &str) -> bool {
    rp.introspect(token).await.ok().json["active"] == true
}

async fn a_client_can_not_fill_the_log_with_its_own_tokens(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let scope = "chancery:feed";
    let (greedy, other) = (issuer.service(scope, &[]).await, issuer.service(scope, &[]).await);
    let (token, others) = (greedy.own_token(scope).await, other.own_token(scope).await);
    // A minute ahead of now nothing is refilled: the burst is spent and stays so.
    let ahead = issuer.app.clock.monotonic() + std::time::Duration::from_secs(60);
    while issuer.app.revocation_rate.take(greedy.id, ahead) {}
    let answer = greedy.revoke(&token).await;
    answer.is(429, "temporarily_unavailable");
    assert!(active(&greedy, &token).await, "what was not revoked is not said to be");
    assert_eq!(other.revoke(&others).await.status, 200, "another client has its own budget");
    assert!(!active(&other, &others).await);
    // What is none of its own costs it nothing.
    assert_eq!(greedy.revoke("ch_rt_garbage").await.status, 200);
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
