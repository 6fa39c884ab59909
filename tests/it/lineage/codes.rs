//! Codes (V014 to V024): bound to client, redirect and verifier; one minute, one use; reuse ends what came of it.

use std::time::Duration;

use sqlx::types::Json;

use crate::kit::actors::{Answer, Flow, RelyingParty, location, parameter};
use crate::kit::issuer::{Kind, on_both};

use super::bench::{Bench, DAY, SECOND};
use super::desk::{count, family, family_of, told};

on_both!(
    the_verifier_is_needed_and_tried_once,
    pkce_can_not_be_taken_away,
    strangers_neither_use_nor_burn,
    a_spent_code_again,
    what_is_over_is_not_burnt_again,
    a_minute_and_no_more,
    the_redirect_is_the_one_it_came_with,
    the_redirect_is_checked_as_before,
);

/// A fresh code for `rp`, and the flow it belongs to.
async fn fresh(bench: &mut Bench, rp: &RelyingParty) -> (Flow, String) {
    let flow = rp.flow(&[]);
    let code = bench.browser.code(&flow, "alice").await;
    (flow, code)
}

/// Redeems with the parameters changed; an empty value leaves the parameter out.
async fn with(rp: &RelyingParty, flow: &Flow, code: &str, changed: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &rp.redirect),
        ("code_verifier", &flow.verifier),
    ];
    for (name, value) in changed {
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    rp.token(&form).await
}

async fn the_verifier_is_needed_and_tried_once(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let another = rp.flow(&[]).verifier;
    let (short, long) = ("a".repeat(42), "a".repeat(129));
    for wrong in ["", "a", &another, &short, &long, "+", "/", "=", " ", "é", "."] {
        let (flow, code) = fresh(&mut bench, &rp).await;
        // One character outside the alphabet, and the right one beside it.
        let wrong = match wrong {
            "+" | "/" | "=" | " " | "é" | "." => format!("{}{wrong}", flow.verifier),
            other => other.to_owned(),
        };
        with(&rp, &flow, &code, &[("code_verifier", &wrong)]).await.is(400, "invalid_grant");
        // Burnt by its own client's first failure: no second guess.
        rp.redeem(&flow, &code).await.is(400, "invalid_grant");
    }
    let told = chancery::store::audit::newest(&bench.issuer.app.store, None, 1000).await.unwrap();
    let outcomes =
        |outcome: &str| told.iter().filter(|row| row.event == "code.refused" && row.outcome == outcome).count();
    assert_eq!((outcomes("burnt"), outcomes("refused")), (11, 11));
    let (flow, code) = fresh(&mut bench, &rp).await;
    rp.redeem(&flow, &code).await.ok();
    bench.issuer.stop().await;
}

/// V015: the challenge removed on the way, and the verifier still sent.
async fn pkce_can_not_be_taken_away(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let older = bench
        .issuer
        .client_with(|row| {
            row.profile = "oidc".to_owned();
            row.pkce_optional = true;
        })
        .await;
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    let flow = older.flow(&bare);
    let code = bench.browser.code(&flow, "alice").await;
    older.redeem(&flow, &code).await.is(400, "invalid_grant");
    with(&older, &flow, &code, &[("code_verifier", "")]).await.is(400, "invalid_grant");
    // Where it is optional and was never offered, it is not asked for.
    let flow = older.flow(&bare);
    let code = bench.browser.code(&flow, "alice").await;
    with(&older, &flow, &code, &[("code_verifier", "")]).await.ok();
    // Where it was offered, it is.
    let flow = older.flow(&[]);
    let code = bench.browser.code(&flow, "alice").await;
    with(&older, &flow, &code, &[("code_verifier", "")]).await.is(400, "invalid_grant");

    let public = bench.issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let strict = bench.issuer.client().await;
    for rp in [&public, &strict] {
        for changed in [&bare[..], &[("code_challenge_method", "plain")], &[("code_challenge_method", "")]] {
            let answer = bench.browser.begin(&rp.flow(changed)).await;
            let to = location(&answer).unwrap_or_else(|| panic!("{} {}", answer.status, answer.text));
            assert_eq!(parameter(&to, "error").as_deref(), Some("invalid_request"), "{to}");
            assert_eq!(parameter(&to, "code"), None);
        }
    }
    bench.issuer.stop().await;
}

async fn strangers_neither_use_nor_burn(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let other = bench.issuer.client().await;
    let public = bench.issuer.client_with(|row| row.auth_method = "none".to_owned()).await;
    let (flow, code) = fresh(&mut bench, &rp).await;
    for _ in 0..2 {
        other.redeem(&flow, &code).await.is(400, "invalid_grant");
        public.redeem(&flow, &code).await.is(400, "invalid_grant");
        with(&other, &flow, &code, &[("code_verifier", "")]).await.is(400, "invalid_grant");
        // Who can't prove to be the client is a stranger, too.
        RelyingParty { secret: other.secret.clone(), ..rp.clone() }
            .redeem(&flow, &code)
            .await
            .is(401, "invalid_client");
        RelyingParty { method: "none".to_owned(), ..rp.clone() }.redeem(&flow, &code).await.is(401, "invalid_client");
    }
    let first = rp.redeem(&flow, &code).await.ok();
    assert_eq!(count(&bench.issuer, family_of(&first), "code.refused").await, 6);

    // A public client's code is as safe from a confidential one.
    let (flow, code) = fresh(&mut bench, &public).await;
    rp.redeem(&flow, &code).await.is(400, "invalid_grant");
    public.redeem(&flow, &code).await.ok();
    bench.issuer.stop().await;
}

async fn a_spent_code_again(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let other = bench.issuer.client().await;
    let (flow, code) = fresh(&mut bench, &rp).await;
    let first = rp.redeem(&flow, &code).await.ok();
    let id = family_of(&first);
    // With anything wrong, or by another client: refused, and the family lives.
    with(&rp, &flow, &code, &[("code_verifier", "")]).await.is(400, "invalid_grant");
    with(&rp, &flow, &code, &[("code_verifier", &rp.flow(&[]).verifier)]).await.is(400, "invalid_grant");
    with(&rp, &flow, &code, &[("redirect_uri", "https://rp.test/other")]).await.is(400, "invalid_grant");
    other.redeem(&flow, &code).await.is(400, "invalid_grant");
    RelyingParty { secret: other.secret.clone(), ..rp.clone() }.redeem(&flow, &code).await.is(401, "invalid_client");
    let second = rp.refresh(first.str("refresh_token")).await.ok();
    rp.userinfo(first.str("access_token")).await.ok();
    assert_eq!(family(&bench.issuer, id).await.ended_at, None);

    // With everything right it is reuse, days after the code expired, too.
    bench.after(3 * DAY).await;
    let third = rp.refresh(second.str("refresh_token")).await.ok();
    rp.redeem(&flow, &code).await.is(400, "invalid_grant");
    let row = family(&bench.issuer, id).await;
    assert_eq!((row.end_reason.as_deref(), row.generation), (Some("code_reuse"), 2));
    rp.refresh(third.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(third.str("access_token")).await.is(401, "invalid_token");
    assert_eq!(rp.introspect(third.str("access_token")).await.ok().text, r#"{"active":false}"#);
    // And once more is no more news to the log.
    rp.redeem(&flow, &code).await.is(400, "invalid_grant");
    assert_eq!(count(&bench.issuer, id, "revocation.written").await, 1);
    assert_eq!(count(&bench.issuer, id, "code.reused").await, 1);
    bench.issuer.stop().await;
}

/// Wrong presentations of a code that is over write refusals, which are measured, and nothing else, however many they are.
async fn what_is_over_is_not_burnt_again(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let (spent_flow, spent) = fresh(&mut bench, &rp).await;
    let first = rp.redeem(&spent_flow, &spent).await.ok();
    let (burnt_flow, burnt) = fresh(&mut bench, &rp).await;
    let wrong = rp.flow(&[]).verifier;
    for (flow, code) in [(&spent_flow, &spent), (&burnt_flow, &burnt)] {
        for _ in 0..80 {
            let answer = with(&rp, flow, code, &[("code_verifier", &wrong)]).await;
            answer.is(400, "invalid_grant");
        }
    }
    let told = chancery::store::audit::newest(&bench.issuer.app.store, None, 1000).await.unwrap();
    let outcomes =
        |outcome: &str| told.iter().filter(|row| row.event == "code.refused" && row.outcome == outcome).count();
    // The clock is held, so that nothing is added to the burst of a hundred.
    assert_eq!((outcomes("burnt"), outcomes("refused")), (1, 100));
    rp.refresh(first.str("refresh_token")).await.ok();
    bench.issuer.stop().await;
}

async fn a_minute_and_no_more(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let (flow, code) = fresh(&mut bench, &rp).await;
    let (late, expired) = fresh(&mut bench, &rp).await;
    bench.after(59 * SECOND).await;
    rp.redeem(&flow, &code).await.ok();
    bench.after(SECOND).await;
    rp.redeem(&late, &expired).await.is(400, "invalid_grant");
    // A clock set back revives none: it is burnt, or else spent within its minute; a family begins once.
    bench.shift(-60).await;
    let revived = rp.redeem(&late, &expired).await;
    let families = told_redeemed(&bench).await;
    assert_eq!(families, 1 + usize::from(revived.status == 200));
    bench.issuer.stop().await;
}

async fn told_redeemed(bench: &Bench) -> usize {
    let rows = chancery::store::audit::newest(&bench.issuer.app.store, None, 1000).await.unwrap();
    rows.iter().filter(|row| row.event == "code.redeemed").count()
}

async fn the_redirect_is_the_one_it_came_with(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    // Profile, sent at the authorization endpoint, sent at the token endpoint (none: left out), whether it passes.
    let here = Some("https://rp.test/cb");
    let there = Some("https://rp.test/other");
    let slash = Some("https://rp.test/cb/");
    let table = [
        ("oauth21", here, here, true),
        ("oauth21", here, None, true),
        ("oauth21", here, there, false),
        ("oauth21", here, slash, false),
        ("oauth21", there, here, false),
        ("oidc", here, here, true),
        ("oidc", here, None, false),
        ("oidc", here, there, false),
        ("oidc", there, here, false),
    ];
    for (profile, asked, sent, passes) in table {
        let rp = bench
            .issuer
            .client_with(|row| {
                row.profile = profile.to_owned();
                row.redirect_uris = Json(vec!["https://rp.test/cb".to_owned(), "https://rp.test/other".to_owned()]);
            })
            .await;
        let flow = rp.flow(&[("redirect_uri", asked.unwrap())]);
        let code = bench.browser.code(&flow, "alice").await;
        let answer = with(&rp, &flow, &code, &[("redirect_uri", sent.unwrap_or_default())]).await;
        let expected = if passes { 200 } else { 400 };
        assert_eq!(answer.status.as_u16(), expected, "{profile} {asked:?} {sent:?}: {}", answer.text);
        if !passes {
            answer.is(400, "invalid_grant");
            with(&rp, &flow, &code, &[("redirect_uri", asked.unwrap())]).await.is(400, "invalid_grant");
        }
    }
    // Left to the only registered one: then it may be left out, or be that one.
    for (sent, passes) in [("", true), ("https://rp.test/cb", true), ("https://rp.test/other", false)] {
        let rp = bench.issuer.client().await;
        let flow = rp.flow(&[("redirect_uri", "")]);
        let code = bench.browser.code(&flow, "alice").await;
        let answer = with(&rp, &flow, &code, &[("redirect_uri", sent)]).await;
        assert_eq!(answer.status == 200, passes, "{sent}: {}", answer.text);
        if passes {
            assert_eq!(told(&bench.issuer, family_of(&answer)).await.len(), 2, "issued and redeemed");
        }
    }
    bench.after(Duration::from_secs(1)).await;
    bench.issuer.stop().await;
}

/// The token endpoint compares as the authorization endpoint does, and against the registration of now.
async fn the_redirect_is_checked_as_before(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let loopback = |row: &mut chancery::store::clients::Client| {
        row.redirect_uris = Json(vec!["http://127.0.0.1/cb".to_owned()]);
    };
    // Asked for (empty: left to the only registered one), sent to the token endpoint, whether it passes.
    for (asked, sent, passes) in [
        ("", "http://127.0.0.1/cb", true),
        ("", "http://127.0.0.1:4711/cb", true),
        ("", "http://127.0.0.1:4711/other", false),
        ("", "http://localhost/cb", false),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1:4711/cb", true),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1:4712/cb", false),
    ] {
        let rp = bench.issuer.client_with(loopback).await;
        let flow = rp.flow(&[("redirect_uri", asked)]);
        let code = bench.browser.code(&flow, "alice").await;
        let answer = with(&rp, &flow, &code, &[("redirect_uri", sent)]).await;
        if passes {
            answer.ok();
        } else {
            answer.is(400, "invalid_grant");
        }
    }
    // Taken off the client while the code was under way.
    let rp = bench.issuer.client().await;
    let (flow, code) = fresh(&mut bench, &rp).await;
    let store = bench.issuer.app.store.clone();
    let moved = vec!["https://rp.test/elsewhere".to_owned()];
    bench
        .manage(async |by| {
            chancery::oauth::manage::update(&store, by, rp.id, |draft| draft.redirect_uris = moved).await
        })
        .await;
    rp.redeem(&flow, &code).await.is(400, "invalid_grant");
    bench.issuer.stop().await;
}
