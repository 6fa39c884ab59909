//! The table of generations: rotated, retried, late, reused, lost; and the events that tell of it.

use std::time::Duration;

use crate::kit::actors::claims;
use crate::kit::issuer::{Kind, on_both};

use super::bench::{Bench, HOUR, SECOND, from};
use super::desk::{Hand, Started, count, family, lineage_of, told};

on_both!(the_table, the_clients_own_window, retries_are_noted, moves_and_contention_are_told);

/// What ended the family, and what the audit row of it says.
async fn ending(bench: &Bench, start: &Started, event: &str) -> (String, serde_json::Value) {
    let row = family(&bench.issuer, start.family).await;
    // By a clock that was set back it is dated after what was issued before that.
    assert!(row.revoked_seq > 0 && row.ended_at >= Some(bench.now()));
    let told = told(&bench.issuer, start.family).await;
    let found: Vec<_> = told.iter().filter(|row| row.event == event).collect();
    assert_eq!(found.len(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|row| row.event == "revocation.written").count(), 1, "one entry");
    (row.end_reason.unwrap(), found[0].detail.0.clone())
}

async fn the_table(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = from(&bench.issuer.client().await, "192.0.2.1", "dashboard/1");

    // The live generation, after a long while: rotated. Then the one before, to the last moment of the window.
    let start = bench.started(&rp).await;
    let g0 = start.first.str("refresh_token").to_owned();
    bench.after(11 * HOUR).await;
    let g1 = rp.refresh(&g0).await.ok().str("refresh_token").to_owned();
    for wait in [0, 30, 29] {
        bench.after(Duration::from_secs(wait)).await;
        assert_eq!(rp.refresh(&g0).await.ok().str("refresh_token"), g1);
    }
    // A clock set back by up to 5 s is forgiven.
    bench.shift(-64).await;
    assert_eq!(rp.refresh(&g0).await.ok().str("refresh_token"), g1);
    assert_eq!(family(&bench.issuer, start.family).await.generation, 1);
    bench.shift(-1).await;
    rp.refresh(&g0).await.is(400, "invalid_grant");
    assert_eq!(ending(&bench, &start, "refresh.late").await.0, "late");
    bench.shift(66).await;

    // Late, from where the last refresh came from: no alarm. From elsewhere: one.
    for (from, alarm) in [
        (rp.clone(), false),
        (from(&rp, "192.0.2.200", "dashboard/1"), false),
        (from(&rp, "198.51.100.1", "dashboard/1"), true),
        (from(&rp, "192.0.2.1", "another/1"), true),
    ] {
        let start = bench.started(&rp).await;
        let next = rp.refresh(start.first.str("refresh_token")).await.ok();
        bench.after(60 * SECOND).await;
        from.refresh(start.first.str("refresh_token")).await.is(400, "invalid_grant");
        let (reason, detail) = ending(&bench, &start, "refresh.late").await;
        assert_eq!((reason.as_str(), detail["alarm"].as_bool()), ("late", Some(alarm)), "{detail}");
        // The successor died with it, and so did the access tokens.
        rp.refresh(next.str("refresh_token")).await.is(400, "invalid_grant");
        rp.userinfo(next.str("access_token")).await.is(401, "invalid_token");
        assert_eq!(count(&bench.issuer, start.family, "refresh.refused").await, 1);
    }

    // Reuse: two generations old, within any window. Every row stays as evidence.
    let start = bench.started(&rp).await;
    let g0 = start.first.str("refresh_token").to_owned();
    let g1 = rp.refresh(&g0).await.ok().str("refresh_token").to_owned();
    let g2 = rp.refresh(&g1).await.ok().str("refresh_token").to_owned();
    rp.refresh(&g0).await.is(400, "invalid_grant");
    let (reason, detail) = ending(&bench, &start, "refresh.reused").await;
    assert_eq!((reason.as_str(), &detail["presented"], &detail["current"]), ("reuse", &0.into(), &2.into()));
    assert_eq!(lineage_of(&bench.issuer, start.family).await.0.len(), 3);
    // Whatever comes now is refused, and adds nothing to the log.
    for token in [&g0, &g1, &g2] {
        rp.refresh(token).await.is(400, "invalid_grant");
    }
    assert_eq!(ending(&bench, &start, "refresh.reused").await.0, "reuse");

    // Lost: the rolls fell back behind what was handed out.
    let start = bench.started(&rp).await;
    let g1 = rp.refresh(start.first.str("refresh_token")).await.ok().str("refresh_token").to_owned();
    let mut hand = Hand::to(&bench.issuer).await;
    hand.run("UPDATE family SET generation = 0, ordinal = 0 WHERE id = $1", start.family).await;
    hand.run("DELETE FROM lineage WHERE family_id = $1 AND ordinal = 1", start.family).await;
    rp.refresh(&g1).await.is(400, "invalid_grant");
    let (reason, detail) = ending(&bench, &start, "refresh.lost").await;
    assert_eq!((reason.as_str(), detail["alarm"].as_bool()), ("lost", Some(true)));
    bench.issuer.stop().await;
}

async fn the_clients_own_window(kind: Kind) {
    let mut bench = Bench::start(kind, |config| config.tokens.retry_window = 30 * SECOND).await;
    for (own, window) in [(Some(5), 5), (Some(120), 120), (None, 30), (Some(0), 0)] {
        let rp = bench.issuer.client_with(|row| row.retry_window_seconds = own).await;
        let start = bench.started(&rp).await;
        let g0 = start.first.str("refresh_token").to_owned();
        let g1 = rp.refresh(&g0).await.ok().str("refresh_token").to_owned();
        if window > 0 {
            bench.after(Duration::from_secs(window - 1)).await;
            assert_eq!(rp.refresh(&g0).await.ok().str("refresh_token"), g1);
            bench.after(SECOND).await;
        }
        rp.refresh(&g0).await.is(400, "invalid_grant");
        assert_eq!(ending(&bench, &start, "refresh.late").await.0, "late", "after {window} s");
    }
    bench.issuer.stop().await;
}

/// The first 64 retries one by one, the rest as a count; each answered with a token of its own.
async fn retries_are_noted(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = from(&bench.issuer.client().await, "192.0.2.1", "dashboard/1");
    let start = bench.started(&rp).await;
    let g0 = start.first.str("refresh_token").to_owned();
    let g1 = rp.refresh(&g0).await.ok().str("refresh_token").to_owned();
    bench.after(3 * SECOND).await;
    let mut kept = Vec::new();
    for number in 1..=67_i64 {
        let again = rp.refresh(&g0).await.ok();
        assert_eq!(again.str("refresh_token"), g1);
        if number <= 64 {
            kept.push(super::desk::jti_of(&again));
        }
    }
    let (rows, retries) = lineage_of(&bench.issuer, start.family).await;
    assert_eq!((rows.len(), rows[1].retries), (2, 67));
    assert_eq!(retries.iter().map(|retry| retry.jti).collect::<Vec<_>>(), kept);
    assert!(retries.iter().all(|retry| retry.at == bench.now() && retry.address.as_deref() == Some("192.0.2.1")));
    assert_eq!(count(&bench.issuer, start.family, "refresh.retried").await, 64);
    assert_eq!(family(&bench.issuer, start.family).await.generation, 1);
    bench.issuer.stop().await;
}

async fn moves_and_contention_are_told(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let home = from(&bench.issuer.client().await, "192.0.2.1", "dashboard/1");
    let neighbour = from(&home, "192.0.2.99", "dashboard/1");
    let abroad = from(&home, "2001:db8:1::1", "dashboard/1");
    let start = bench.started(&home).await;
    let mut token = start.first.str("refresh_token").to_owned();
    // A rotation from another network, or by another user agent, is an event; from next door it is none.
    for (rp, moves) in [(&home, 0), (&neighbour, 0), (&abroad, 1), (&abroad, 1), (&home, 2)] {
        token = rp.refresh(&token).await.ok().str("refresh_token").to_owned();
        assert_eq!(count(&bench.issuer, start.family, "refresh.moved").await, moves);
    }
    let other = from(&home, "192.0.2.1", "other/1");
    token = other.refresh(&token).await.ok().str("refresh_token").to_owned();
    assert_eq!(count(&bench.issuer, start.family, "refresh.moved").await, 3);
    token = home.refresh(&token).await.ok().str("refresh_token").to_owned();

    // Three generations running, each retried from another network: someone shadows the owner. Often within one generation,
    // or after a generation in peace, is no run.
    let mut contended = Vec::new();
    for shadowed in [true, true, false, true, true, true, true] {
        let next = home.refresh(&token).await.ok().str("refresh_token").to_owned();
        if shadowed {
            for _ in 0..2 {
                assert_eq!(abroad.refresh(&token).await.ok().str("refresh_token"), next);
            }
        } else {
            assert_eq!(home.refresh(&token).await.ok().str("refresh_token"), next);
        }
        token = next;
        contended.push(count(&bench.issuer, start.family, "refresh.contended").await);
    }
    assert_eq!(contended, [0, 0, 0, 0, 0, 1, 1]);
    let last = home.refresh(&token).await.ok();
    assert_eq!(claims(last.str("access_token"))["family_id"], start.family.to_string());
    bench.issuer.stop().await;
}
