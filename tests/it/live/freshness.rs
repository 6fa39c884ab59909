//! How old the view is, by whichever clock says more, and whether the node's clock goes with the database's.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::live::{Covered, Judged, LiveView, NotReady, Tuning};
use chrono::TimeDelta;

use super::{Ground, Token, open};

#[tokio::test]
async fn a_view_never_read_is_not_ready() {
    for ground in Ground::both().await {
        let view = ground.unread().await;
        assert_eq!(view.issuing_allowed(), Err(NotReady::NeverRead));
        assert_eq!(view.covers(&Token::unlike(0).bears()), Covered::Stale);
        assert_eq!(view.snapshot().unwrap_err(), NotReady::NeverRead);
        view.poll_once().await.unwrap();
        assert_eq!(view.issuing_allowed(), Ok(()));
    }
}

#[tokio::test]
async fn beyond_two_seconds_the_database_is_asked() {
    for ground in Ground::both().await {
        let view = ground.view().await;
        let token = Token::unlike(0);
        ground.clock.advance(Duration::from_secs(2));
        assert_eq!(view.covers(&token.bears()), Covered::Live);
        ground.clock.advance(Duration::from_millis(1));
        assert_eq!(view.covers(&token.bears()), Covered::Stale);
        assert_eq!(view.issuing_allowed(), Err(NotReady::Stale));
        assert_eq!(view.judge(&token.bears()).await.unwrap(), Judged::Live);
        ground.kill("jti", &token.jti.to_string()).await;
        assert!(matches!(view.judge(&token.bears()).await.unwrap(), Judged::Revoked { seq: 1, .. }));
        view.poll_once().await.unwrap();
        assert!(matches!(view.covers(&token.bears()), Covered::Revoked { seq: 1, .. }));
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_never_makes_it_fresher() {
    for ground in Ground::both().await {
        let view = ground.view().await;
        let token = Token::unlike(0);
        let before = ground.clock.now();
        ground.clock.set(before + TimeDelta::minutes(5));
        assert_eq!(view.covers(&token.bears()), Covered::Stale, "wall time says that we slept");
        ground.clock.set(before - TimeDelta::minutes(5));
        assert_eq!(view.covers(&token.bears()), Covered::Live, "monotonic time says that we did not");
        ground.clock.advance(Duration::from_secs(3));
        assert_eq!(view.covers(&token.bears()), Covered::Stale, "monotonic time goes on");
        view.poll_once().await.unwrap();
        assert_eq!(view.covers(&token.bears()), Covered::Live);
    }
}

#[tokio::test]
async fn a_node_whose_clock_is_off_issues_nothing() {
    let ground = Ground::postgres().await;
    for (shift, says) in [(300, 299..=300), (-300, -300..=-299)] {
        let clock = Clock::shifted(TimeDelta::seconds(shift));
        let view = LiveView::open(&open(&ground.url).await, &clock, None, Tuning::default()).await.unwrap();
        view.poll_once().await.unwrap();
        match view.issuing_allowed() {
            Err(NotReady::ClockOff(seconds)) => assert!(says.contains(&seconds), "{seconds}"),
            other => panic!("{other:?} when {shift} s off"),
        }
        assert_eq!(view.covers(&Token::unlike(0).bears()), Covered::Live, "the log is read all the same");
    }
    let clock = Clock::shifted(TimeDelta::seconds(1));
    let view = LiveView::open(&open(&ground.url).await, &clock, None, Tuning::default()).await.unwrap();
    view.poll_once().await.unwrap();
    assert_eq!(view.issuing_allowed(), Ok(()));
}
