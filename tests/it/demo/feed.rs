//! The gateway's copy of the log, under a held clock.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::demo::gateway::coverage::{Entry, Kind, Presented};
use chancery::demo::gateway::feed::{AsOf, Batch, Feed, Judgement, Moment};
use chrono::{DateTime, TimeDelta};

fn held() -> Clock {
    Clock::held(DateTime::from_timestamp(1_000_000, 0).unwrap())
}

fn moment(clock: &Clock) -> Moment {
    Moment { elapsed: clock.monotonic(), unix: clock.now().timestamp() }
}

fn entry(seq: u64, kind: Kind, value: &str, until: Option<i64>) -> Entry {
    Entry { seq, at: 1_000_000, kind, value: value.into(), until }
}

fn up_to(as_of: u64) -> AsOf {
    AsOf { as_of, cursor: format!("{as_of}.tip"), stale_after: 5 }
}

fn batch(as_of: u64, entries: Vec<Entry>) -> Batch {
    Batch { up_to: up_to(as_of), entries }
}

fn token(rev_seq: u64) -> Presented {
    Presented { jti: "t".into(), user: "ada".into(), client: "c".into(), rev_seq, ..Presented::default() }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nothing_is_judged_before_a_snapshot_and_after_silence() {
    let (feed, clock) = (Feed::default(), held());
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent);
    feed.as_of(up_to(7), moment(&clock));
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent, "an `as_of` is no snapshot");
    feed.take(batch(7, vec![]), moment(&clock));
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Clear { as_of: 7 });
    clock.advance(SECOND * 5);
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Clear { as_of: 7 });
    clock.advance(Duration::from_millis(1));
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent);
    feed.as_of(up_to(7), moment(&clock));
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Clear { as_of: 7 });
}

#[test]
fn a_machine_that_slept_knows_it() {
    let (feed, clock) = (Feed::default(), held());
    feed.take(batch(7, vec![]), moment(&clock));
    clock.set(clock.now() + TimeDelta::seconds(60));
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent, "monotonic time stood still");
    feed.as_of(up_to(7), moment(&clock));
    clock.set(clock.now() - TimeDelta::seconds(3_600));
    clock.advance(SECOND * 6);
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent, "wall time was set back");
}

#[test]
fn the_age_of_an_answer_counts_from_the_question() {
    let (feed, clock) = (Feed::default(), held());
    let sent = moment(&clock);
    clock.advance(SECOND * 4);
    feed.take(batch(7, vec![]), sent);
    clock.advance(SECOND * 2);
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent);
}

#[test]
fn a_node_that_lags_is_no_sign_of_life() {
    let (feed, clock) = (Feed::default(), held());
    feed.take(batch(7, vec![]), moment(&clock));
    clock.advance(SECOND * 4);
    feed.as_of(up_to(6), moment(&clock));
    assert_eq!(feed.cursor().as_deref(), Some("7.tip"));
    clock.advance(SECOND * 2);
    assert_eq!(feed.judge(&token(0), moment(&clock)), Judgement::Silent);
}

#[test]
fn an_entry_counts_at_once_and_moves_no_position() {
    let (feed, clock) = (Feed::default(), held());
    feed.take(batch(7, vec![]), moment(&clock));
    feed.entry(entry(9, Kind::User, "ada", Some(2_000_000)));
    assert_eq!(feed.judge(&token(8), moment(&clock)), Judgement::Revoked { kind: Kind::User, seq: 9 });
    assert_eq!(feed.judge(&token(9), moment(&clock)), Judgement::Clear { as_of: 7 });
    assert_eq!(feed.cursor().as_deref(), Some("7.tip"));
}

#[test]
fn the_newer_entry_of_a_name_counts_in_whatever_order_they_come() {
    let (feed, clock) = (Feed::default(), held());
    let (old, new) = (entry(3, Kind::Client, "c", Some(2_000_000)), entry(6, Kind::Client, "c", Some(2_000_000)));
    feed.take(batch(7, vec![new, old]), moment(&clock));
    assert_eq!(feed.judge(&token(5), moment(&clock)), Judgement::Revoked { kind: Kind::Client, seq: 6 });
    assert_eq!(feed.state(moment(&clock)).entries.len(), 1);
}

#[test]
fn an_entry_goes_when_its_time_is_over_and_a_key_never() {
    let (feed, clock) = (Feed::default(), held());
    let kept = vec![
        entry(1, Kind::Jti, "t", Some(1_000_002)),
        entry(2, Kind::Key, "k", None),
        entry(3, Kind::Grant, "ada c", Some(1_000_600)),
    ];
    feed.take(batch(3, kept), moment(&clock));
    clock.advance(SECOND * 2);
    feed.as_of(up_to(3), moment(&clock));
    let left: Vec<u64> = feed.state(moment(&clock)).entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(left, [3, 2]);
}

#[test]
fn a_void_position_forgets_everything() {
    let (feed, clock) = (Feed::default(), held());
    feed.take(batch(7, vec![entry(7, Kind::All, "", Some(2_000_000))]), moment(&clock));
    feed.note("void".into());
    feed.forget();
    let state = feed.state(moment(&clock));
    assert_eq!((state.position, state.entries.len(), state.fresh), (None, 0, false));
    assert_eq!(state.trouble.as_deref(), Some("void"));
    assert_eq!(feed.judge(&token(9), moment(&clock)), Judgement::Silent);
    feed.take(batch(2, vec![]), moment(&clock));
    assert_eq!(
        feed.judge(&token(2), moment(&clock)),
        Judgement::Clear { as_of: 2 },
        "a smaller position is a new log's"
    );
}
