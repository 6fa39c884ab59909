//! `keys/highwater`: a node does not start on a database that knows less than it has seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery::live::highwater::{self, Highwater};
use chancery::live::{Error, LiveView, Misfit, NotReady};
use chancery::secret;
use chancery::store::{Tx, issuer};
use chrono::TimeDelta;

use super::{Ground, held, open};

async fn open_with(ground: &Ground, path: &Path) -> Result<LiveView, Error> {
    LiveView::open(&open(&ground.url).await, &ground.clock, Some(path.to_owned()), held()).await
}

fn path(ground: &Ground) -> PathBuf {
    ground.home.path().join("highwater")
}

fn noted(path: &Path) -> Option<i64> {
    highwater::read(path).unwrap().map(|highwater| highwater.seq)
}

/// What an older version noted.
fn by_number(database_id: uuid::Uuid, seq: i64) -> Highwater {
    Highwater { database_id, seq, tip: None, until: None, void: false }
}

async fn database_id(ground: &Ground) -> uuid::Uuid {
    issuer::position(&ground.store).await.unwrap().unwrap().database_id
}

#[tokio::test]
async fn it_follows_the_view_at_most_once_a_second() {
    for ground in Ground::both().await {
        let path = path(&ground);
        let view = open_with(&ground, &path).await.unwrap();
        assert_eq!(noted(&path), None);
        ground.kill("user", "someone").await;
        view.poll_once().await.unwrap();
        assert_eq!(noted(&path), Some(1));
        ground.kill("user", "someone").await;
        view.poll_once().await.unwrap();
        assert_eq!(noted(&path), Some(1), "within the second");
        ground.clock.advance(Duration::from_secs(1));
        view.poll_once().await.unwrap();
        assert_eq!(noted(&path), Some(2));
        let held = highwater::read(&path).unwrap().unwrap();
        assert_eq!(held.database_id, database_id(&ground).await);
        let beside: Vec<_> =
            fs::read_dir(ground.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!beside.iter().any(|name| name.to_str().unwrap().starts_with("highwater.")), "{beside:?}");
    }
}

#[tokio::test]
async fn a_stopping_node_notes_where_it_stood() {
    let ground = Ground::sqlite().await;
    let path = path(&ground);
    let view = open_with(&ground, &path).await.unwrap();
    view.poll_once().await.unwrap();
    ground.kill("user", "someone").await;
    view.poll_once().await.unwrap();
    assert_eq!(noted(&path), Some(0), "within the second");
    view.follow(std::future::ready(())).await;
    assert_eq!(noted(&path), Some(1));
}

#[tokio::test]
async fn it_is_never_lowered() {
    let ground = Ground::sqlite().await;
    let path = path(&ground);
    ground.kill("user", "someone").await;
    let view = open_with(&ground, &path).await.unwrap();
    // Another process of this machine has seen more meanwhile.
    let seen = by_number(database_id(&ground).await, 9);
    highwater::write(&path, &seen).unwrap();
    view.poll_once().await.unwrap();
    assert_eq!(noted(&path), Some(9));
}

#[tokio::test]
async fn a_database_that_knows_less_is_refused() {
    for ground in Ground::both().await {
        let path = path(&ground);
        ground.kill("user", "someone").await;
        ground.kill("user", "another").await;
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        open_with(&ground, &path).await.unwrap();
        ground.lose_after(1).await;
        let refused = open_with(&ground, &path).await.unwrap_err();
        assert!(matches!(refused, Error::Below { kept: 2, found: 1, .. }), "{refused}");
        assert!(refused.to_string().contains("`chancery restore`"), "{refused}");
        ground.restore(2).await;
        open_with(&ground, &path).await.unwrap();
    }
}

#[tokio::test]
async fn another_database_is_refused() {
    for ground in Ground::both().await {
        let path = path(&ground);
        let other = secret::uuid_v4();
        highwater::write(&path, &by_number(other, 0)).unwrap();
        let refused = open_with(&ground, &path).await.unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, Error::OtherDatabase { kept, .. } if kept == other), "{text}");
        assert!(text.contains("`chancery restore`") && text.contains(&other.to_string()), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_refused() {
    let ground = Ground::sqlite().await;
    let path = path(&ground);
    for rest in ["-1", "1 2", "1 AA x", "1 A* -", "1  -", "1 AA 2026-01-01T00:00:00"] {
        fs::write(&path, format!("00000000-0000-0000-0000-000000000000 {rest}")).unwrap();
        assert!(matches!(open_with(&ground, &path).await, Err(Error::Highwater { .. })), "{rest:?}");
    }
    for text in ["", "7", "x 7"] {
        fs::write(&path, text).unwrap();
        let refused = open_with(&ground, &path).await.unwrap_err();
        assert!(matches!(refused, Error::Highwater { .. }), "{text:?}: {refused}");
    }
}

#[tokio::test]
async fn where_it_can_not_be_written_the_node_goes_on() {
    let ground = Ground::sqlite().await;
    let path = ground.home.path().join("missing/highwater");
    let view = open_with(&ground, &path).await.unwrap();
    for seq in 1..=2 {
        ground.kill("user", "someone").await;
        ground.clock.advance(Duration::from_secs(1));
        view.poll_once().await.unwrap();
        assert_eq!(view.cursor().unwrap().seq, seq);
    }
    // Once it can be, it is.
    fs::create_dir(ground.home.path().join("missing")).unwrap();
    ground.clock.advance(Duration::from_secs(1));
    view.poll_once().await.unwrap();
    assert_eq!(noted(&path), Some(2));
}

/// The log loses what this node has read, and goes on past that number with other entries: being started again is no remedy.
#[tokio::test]
async fn a_log_that_went_on_without_what_was_seen_is_refused() {
    for ground in Ground::both().await {
        let path = path(&ground);
        for value in ["one", "two", "three"] {
            ground.kill("user", value).await;
        }
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        ground.lose_after(1).await;
        for value in ["four", "five", "six"] {
            ground.kill("user", value).await;
        }
        let refused = open_with(&ground, &path).await.unwrap_err();
        assert!(matches!(refused, Error::OtherEntry { seq: 3, .. }), "{refused}");
        assert!(refused.to_string().contains("`chancery restore`"), "{refused}");
        ground.restore(4).await;
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
    }
}

/// What had become void stays so: the other log's entries are swept meanwhile, and nothing there speaks against it any more.
#[tokio::test]
async fn a_void_place_stays_void_across_a_restart() {
    for ground in Ground::both().await {
        let path = path(&ground);
        let old = ground.clock.now() - TimeDelta::hours(2);
        for value in ["one", "two"] {
            ground.kill_at("user", value, "lineage", old).await;
        }
        let view = open_with(&ground, &path).await.unwrap();
        view.poll_once().await.unwrap();
        ground.lose_after(1).await;
        assert!(matches!(view.poll_once().await.unwrap_err(), Error::Void(_)));
        assert!(highwater::read(&path).unwrap().unwrap().void, "noted at once");
        for value in ["another", "and one more"] {
            ground.kill_at("user", value, "lineage", old).await;
        }
        sweep_below(&ground, 3).await;
        assert!(matches!(view.poll_once().await.unwrap_err(), Error::Void(_)));
        let refused = open_with(&ground, &path).await.unwrap_err();
        assert!(matches!(refused, Error::OtherEntry { seq: 2, .. }), "{refused}");

        // A restore ends that, for whoever runs and for whoever is started.
        let all = ground.restore(3).await;
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        ground.clock.advance(Duration::from_secs(1));
        view.poll_once().await.unwrap();
        let noted = highwater::read(&path).unwrap().unwrap();
        assert_eq!((noted.seq, noted.tip, noted.void), (all.seq, Some(all.tip), false));
    }
}

/// A log that doesn't fit for a moment, as an old copy behind the same name, and fits again.
#[tokio::test]
async fn what_fits_again_is_sound_again() {
    for ground in Ground::both().await {
        let path = path(&ground);
        ground.kill("user", "one").await;
        let view = open_with(&ground, &path).await.unwrap();
        view.poll_once().await.unwrap();
        ground.run("UPDATE counter SET seq = 0", "UPDATE counter SET seq = 0").await;
        assert!(view.poll_once().await.is_err());
        assert!(highwater::read(&path).unwrap().unwrap().void);
        ground.run("UPDATE counter SET seq = 1", "UPDATE counter SET seq = 1").await;
        ground.kill("user", "two").await;
        ground.clock.advance(Duration::from_secs(1));
        view.poll_once().await.unwrap();
        let noted = highwater::read(&path).unwrap().unwrap();
        assert_eq!((noted.seq, noted.void), (2, false));
    }
}

#[tokio::test]
async fn an_entry_that_is_gone_has_to_be_past_its_end() {
    for ground in Ground::both().await {
        let old = ground.clock.now() - TimeDelta::hours(2);
        for (kind, at, swept) in [("user", old, true), ("user", ground.clock.now(), false), ("key", old, false)] {
            let path = path(&ground);
            fs::remove_file(&path).ok();
            let last = ground.kill_at(kind, "someone", "access", at).await;
            open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
            assert_eq!(noted(&path), Some(last.seq));
            let next = ground.kill("user", "another").await;
            sweep_below(&ground, next.seq).await;
            let opened = open_with(&ground, &path).await;
            match opened {
                Ok(view) => drop((view.poll_once().await.unwrap(), assert!(swept, "{kind} of {at}"))),
                Err(error) => assert!(!swept && matches!(error, Error::OtherEntry { .. }), "{kind} of {at}: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn before_the_first_entry_nothing_is_missing() {
    for ground in Ground::both().await {
        let path = path(&ground);
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        let start = highwater::read(&path).unwrap().unwrap();
        assert_eq!((start.seq, start.until, start.tip.is_some()), (0, None, true));
        ground.kill("user", "someone").await;
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
    }
}

/// The database answers when the view is opened, and is another one's copy by the time it is read.
#[tokio::test]
async fn the_first_reading_is_judged_too() {
    for ground in Ground::both().await {
        let path = path(&ground);
        for value in ["one", "two"] {
            ground.kill("user", value).await;
        }
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        let view = open_with(&ground, &path).await.unwrap();
        ground.lose_after(1).await;
        ground.kill("user", "another").await;
        let error = view.poll_once().await.unwrap_err();
        assert!(matches!(error, Error::Void(Misfit::OtherEntry { seq: 2 })), "{error}");
        assert_eq!(view.issuing_allowed(), Err(NotReady::Void));
        ground.restore(2).await;
        view.poll_once().await.unwrap();
        assert_eq!(view.issuing_allowed(), Ok(()));
    }
}

/// Two processes of one machine: the one that saw less doesn't cover up what the other noted.
#[tokio::test]
async fn another_process_note_is_not_covered_up() {
    for ground in Ground::both().await {
        let path = path(&ground);
        ground.kill("user", "one").await;
        let behind = open_with(&ground, &path).await.unwrap();
        behind.poll_once().await.unwrap();
        ground.kill("user", "two").await;
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        ground.lose_after(1).await;
        for value in ["another", "and one more"] {
            ground.kill("user", value).await;
        }
        ground.clock.advance(Duration::from_secs(1));
        behind.poll_once().await.unwrap();
        assert_eq!(noted(&path), Some(2));
        assert!(matches!(open_with(&ground, &path).await.unwrap_err(), Error::OtherEntry { seq: 2, .. }));
    }
}

#[tokio::test]
async fn an_older_version_s_file_is_read_by_its_number() {
    for ground in Ground::both().await {
        let path = path(&ground);
        ground.kill("user", "one").await;
        highwater::write(&path, &by_number(database_id(&ground).await, 2)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().split(' ').count(), 2);
        let refused = open_with(&ground, &path).await.unwrap_err();
        assert!(matches!(refused, Error::Below { kept: 2, found: 1, .. }), "{refused}");
        let last = ground.kill("user", "two").await;
        open_with(&ground, &path).await.unwrap().poll_once().await.unwrap();
        let noted = highwater::read(&path).unwrap().unwrap();
        assert_eq!((noted.tip, noted.until.is_some()), (Some(last.tip), true), "and written anew");
    }
}

/// What the sweeper does: the entries below a number are gone.
async fn sweep_below(ground: &Ground, seq: i64) {
    let text = "DELETE FROM revocation WHERE seq < $1";
    let mut tx = ground.store.begin().await.unwrap();
    match &mut tx {
        Tx::Postgres(tx) => drop(sqlx::query(text).bind(seq).execute(&mut **tx).await.unwrap()),
        Tx::Sqlite(tx) => drop(sqlx::query(text).bind(seq).execute(&mut **tx).await.unwrap()),
    }
    tx.commit().await.unwrap();
}
