//! A wall clock that jumps, on a machine whose database has no better one: what was ended stays ended.

use chancery::clock::Clock;
use chancery::jobs::upkeep;
use chancery::store::{revocations, sweep};
use chrono::{DateTime, TimeDelta};

use super::causes::admin;
use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(a_clock_that_jumps_ahead_sweeps_nothing_that_covers, an_end_is_dated_after_what_it_ends);

async fn a_clock_that_jumps_ahead_sweeps_nothing_that_covers(kind: Kind) {
    let clock = Clock::held(Clock::system().now());
    let issuer = Issuer::start_with(kind, Setup::held(&clock)).await;
    issuer.user("alice").await;
    let (rp, now) = (issuer.client().await, clock.now());
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    rp.revoke(tokens.str("refresh_token")).await.ok();
    // The newest entry is never swept, so the one that counts is not it.
    admin(&issuer, "user", &issuer.user("bob").await.sub.to_string()).await;

    clock.set(now + TimeDelta::minutes(16));
    issuer.app.live.poll_once().await.unwrap();
    let horizon = upkeep::horizon(&issuer.app).unwrap();
    sweep::batch(&issuer.app.store, &horizon).await.unwrap();
    clock.set(now);
    assert_eq!(revocations::after(&issuer.app.store, 0, 10).await.unwrap().len(), 2, "they cover live tokens");
    // One that reads the log only now has to find them.
    let fresh = issuer.another_node(Setup::held(&clock)).await;
    for node in [&issuer, &fresh] {
        assert_eq!(rp.through(node).introspect(tokens.str("access_token")).await.ok().json["active"], false);
    }

    if kind == Kind::Sqlite {
        clock.advance(std::time::Duration::from_mins(16));
        issuer.app.live.poll_once().await.unwrap();
        let horizon = upkeep::horizon(&issuer.app).unwrap();
        sweep::batch(&issuer.app.store, &horizon).await.unwrap();
        assert_eq!(
            revocations::after(&issuer.app.store, 0, 10).await.unwrap().len(),
            1,
            "when their time is over, they go"
        );
    }
}

async fn an_end_is_dated_after_what_it_ends(kind: Kind) {
    let clock = Clock::held(Clock::system().now());
    let issuer = Issuer::start_with(kind, Setup::held(&clock)).await;
    let alice = issuer.user("alice").await;
    let (rp, now) = (issuer.client().await, clock.now());
    // The clock runs ahead for a while, and is set right.
    clock.set(now + TimeDelta::minutes(14));
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    clock.set(now);
    let time = |name: &str| {
        let seconds = claims(tokens.str("access_token"))[name].as_i64().unwrap();
        DateTime::from_timestamp(seconds, 0).unwrap()
    };
    rp.revoke(tokens.str("refresh_token")).await.ok();
    admin(&issuer, "user", &alice.sub.to_string()).await;
    let entries = revocations::after(&issuer.app.store, 0, 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["family", "user"]);
    for entry in entries {
        assert!(entry.at >= time("iat"), "{} is before {}", entry.at, time("iat"));
        assert!(entry.until > time("exp"), "it leaves before the token does");
    }
}
