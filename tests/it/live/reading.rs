//! Reading on: nothing is missed, whoever writes and however slowly they commit; entries leave when they may.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::live::{Covered, LiveView, Located, Place, Tuning};
use chancery::secret;
use chancery::store::Store;
use chancery::store::sweep::{self, Horizon};
use chrono::TimeDelta;

use super::{Ground, LONGEST, Token, append, held, open, until};
use crate::kit::postgres::{Cluster, Stop};

const WRITERS: usize = 6;
const KILLS: usize = 25;

async fn pause_a_little() {
    let [byte] = secret::bytes();
    tokio::time::sleep(Duration::from_micros(u64::from(byte) * 20)).await;
}

/// Kills one by one, each in a transaction that dawdles before and after it takes its number.
async fn write(store: Store, clock: Clock) {
    for _ in 0..KILLS {
        let mut tx = store.begin().await.unwrap();
        pause_a_little().await;
        append(&mut tx, "jti", &secret::uuid_v4().to_string(), "access", clock.now()).await;
        pause_a_little().await;
        let [byte] = secret::bytes();
        // Some are given up: their numbers must be given to others.
        if byte < 40 { tx.rollback().await.unwrap() } else { tx.commit().await.unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_entry_is_missed_while_several_write() {
    for ground in Ground::both().await {
        // A small batch, so that reading on within one poll is tried, too.
        let tuning = Tuning { batch: 3, ..held() };
        let mut views = Vec::new();
        for _ in 0..2 {
            views.push(LiveView::open(&open(&ground.url).await, &ground.clock, None, tuning).await.unwrap());
        }
        let writers = (0..WRITERS).map(|_| tokio::spawn(write(ground.store.clone(), ground.clock.clone())));
        let mut writers: Vec<_> = writers.collect();
        loop {
            let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
            for view in &views {
                view.poll_once().await.unwrap();
                let seqs: Vec<i64> = view.snapshot().unwrap().entries.iter().map(|entry| entry.seq).collect();
                let reached = view.cursor().unwrap().seq;
                assert_eq!(seqs, (1..=reached).collect::<Vec<_>>(), "up to the place, without a gap");
            }
            if done {
                break;
            }
        }
        for writer in writers.drain(..) {
            writer.await.unwrap();
        }
        assert!(views[0].cursor().unwrap().seq > 50);
        assert_eq!(views[0].cursor(), views[1].cursor());
    }
}

#[tokio::test]
async fn two_nodes_killing_in_turn_miss_nothing() {
    for ground in Ground::both().await {
        let nodes = [ground.view().await, ground.view().await];
        let mut tokens = Vec::new();
        for turn in 0..10 {
            let token = Token::unlike(0);
            let entry = ground.kill("family", &token.family_id.unwrap().to_string()).await;
            let (writer, other) = (&nodes[turn % 2], &nodes[(turn + 1) % 2]);
            let place = writer.cursor();
            writer.apply(&entry);
            assert!(matches!(writer.covers(&token.bears()), Covered::Revoked { .. }), "at once on the node that wrote");
            assert_eq!(writer.cursor(), place, "its place moves by polling alone");
            assert_eq!(other.covers(&token.bears()), Covered::Live, "on the other one with its next poll");
            tokens.push(token);
            if turn % 3 == 2 {
                other.poll_once().await.unwrap();
            }
        }
        for node in &nodes {
            node.poll_once().await.unwrap();
            assert_eq!(node.cursor().unwrap().seq, 10);
            for token in &tokens {
                assert!(matches!(node.covers(&token.bears()), Covered::Revoked { .. }));
            }
        }
    }
}

#[tokio::test]
async fn an_entry_applied_before_the_first_read_stays() {
    for ground in Ground::both().await {
        let view = ground.unread().await;
        let token = Token::unlike(0);
        view.apply(&ground.kill("user", &token.sub.clone().unwrap()).await);
        view.poll_once().await.unwrap();
        assert!(matches!(view.covers(&token.bears()), Covered::Revoked { .. }));
        assert_eq!(view.len(), 1);
    }
}

#[tokio::test]
async fn entries_leave_when_nothing_they_cover_can_live() {
    for ground in Ground::both().await {
        let now = ground.clock.now();
        let old = now - TimeDelta::seconds(LONGEST + 300 + 60);
        ground.kill_at("user", "gone", "lineage", old).await;
        ground.kill_at("key", "compromised", "access", old).await;
        let stays = ground.kill_at("user", "stays", "lineage", now).await;
        assert_eq!(stays.until, now + TimeDelta::seconds(LONGEST + 300));
        let view = ground.view().await;
        let held: Vec<_> = view.snapshot().unwrap().entries.iter().map(|entry| entry.value.clone()).collect();
        assert_eq!(held, ["compromised", "stays"]);
        assert_eq!(view.cursor().unwrap().seq, 3);
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_ahead_revives_nothing() {
    let ground = Ground::sqlite().await;
    ground.kill("user", "someone").await;
    let view = ground.view().await;
    let before = ground.clock.now();
    ground.clock.set(before + TimeDelta::days(1));
    view.poll_once().await.unwrap();
    ground.clock.set(before);
    view.poll_once().await.unwrap();
    assert_eq!(view.len(), 1, "both clocks have to say that its time is over");
    ground.clock.advance(Duration::from_secs(16 * 60));
    view.poll_once().await.unwrap();
    assert!(view.is_empty());
}

#[tokio::test]
async fn a_node_that_slept_past_its_place_reads_anew() {
    for ground in Ground::both().await {
        let old = ground.clock.now() - TimeDelta::hours(2);
        let place = ground.kill_at("user", "before", "lineage", old).await;
        let view = ground.view().await;
        let token = Token::unlike(place.seq);
        ground.kill("user", &token.sub.clone().unwrap()).await;
        let now = ground.clock.now();
        let horizon = Horizon { now, log: now, codes: old, lineage: old };
        assert_eq!(sweep::batch(&ground.store, &horizon).await.unwrap(), 1);
        let polled = view.poll_once().await.unwrap();
        assert!(!polled.new_epoch);
        assert!(matches!(view.covers(&token.bears()), Covered::Revoked { seq: 2, .. }));
        // A gateway that stood there can't be told from one that read another log.
        let stood = Place::Cursor(chancery::live::Cursor { seq: place.seq, tip: place.tip });
        let stranger = ground.view().await;
        assert_eq!(stranger.locate(&stood).await.unwrap(), Located::Void);
    }
}

fn following(interval: Duration, listen: bool) -> Tuning {
    Tuning { interval, listen, ..Tuning::default() }
}

/// A view that follows on the machine's clock until the sender goes.
async fn follow(url: &str, tuning: Tuning) -> (LiveView, tokio::sync::oneshot::Sender<()>) {
    let view = LiveView::open(&open(url).await, &Clock::system(), None, tuning).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(view.clone().follow(async { drop(stopped.await) }));
    let read = view.clone();
    until("the first read", Duration::from_secs(10), async || read.cursor().is_some()).await;
    (view, stop)
}

async fn sees(view: &LiveView, seq: i64, bound: Duration) {
    until("the entry", bound, async || view.cursor().is_some_and(|cursor| cursor.seq >= seq)).await;
}

#[tokio::test]
async fn polling_alone_brings_an_entry_within_a_second() {
    for ground in Ground::both().await {
        let (view, stop) = follow(&ground.url, following(Duration::from_millis(200), false)).await;
        let clock = Clock::system();
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            let before = clock.monotonic();
            let entry = ground.kill("user", "someone").await;
            sees(&view, entry.seq, Duration::from_secs(10)).await;
            quickest = quickest.min(clock.monotonic() - before);
        }
        // The quickest of three, because the machine may be busy with other tests.
        assert!(quickest <= Duration::from_secs(1), "{quickest:?}");
        drop(stop);
    }
}

#[tokio::test]
async fn a_notification_hastens_the_poll_and_listening_begins_again() {
    let ground = Ground::postgres().await;
    // Left to itself this view would look once a minute.
    let (view, stop) = follow(&ground.url, following(Duration::from_secs(60), true)).await;
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let Store::Postgres(pool) = &ground.store else { panic!("PostgreSQL") };
    let listens = async || sqlx::query_scalar::<_, i64>(listening).fetch_one(pool).await.unwrap() > 0;
    until("the view to listen", Duration::from_secs(20), listens).await;
    let entry = ground.kill("user", "someone").await;
    sees(&view, entry.seq, Duration::from_secs(20)).await;

    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    sqlx::query(cut).execute(pool).await.unwrap();
    until("the ear to be cut", Duration::from_secs(20), async || !listens().await).await;
    until("the view to listen again", Duration::from_secs(20), listens).await;
    let entry = ground.kill("user", "someone").await;
    sees(&view, entry.seq, Duration::from_secs(20)).await;
    drop(stop);
}

#[tokio::test]
async fn a_database_that_goes_makes_the_view_stale_and_one_that_comes_back_makes_it_fresh() {
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::start(true)).await.unwrap();
    let ground = Ground::of(cluster.create("template0").await, tempfile::TempDir::new().unwrap()).await;
    let (view, stop) = follow(&ground.url, following(Duration::from_millis(100), true)).await;
    assert_eq!(view.issuing_allowed(), Ok(()));
    cluster.stop(Stop::Crash);
    let token = Token::unlike(0);
    until("the view to be stale", Duration::from_secs(20), async || view.issuing_allowed().is_err()).await;
    assert_eq!(view.covers(&token.bears()), Covered::Stale);
    assert!(view.judge(&token.bears()).await.is_err(), "neither active nor revoked");
    assert!(view.snapshot().is_err());
    cluster.resume();
    until("the view to be fresh", Duration::from_secs(20), async || view.issuing_allowed().is_ok()).await;
    let entry = ground.kill("user", &token.sub.clone().unwrap()).await;
    sees(&view, entry.seq, Duration::from_secs(20)).await;
    assert!(matches!(view.covers(&token.bears()), Covered::Revoked { .. }));
    drop(stop);
}
