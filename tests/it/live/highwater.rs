//! `keys/highwater`: a node does not start on a database that knows less than it has seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery::live::highwater::{self, Highwater};
use chancery::live::{Error, LiveView};
use chancery::secret;
use chancery::store::issuer;

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
    highwater::write(&path, Highwater { database_id: database_id(&ground).await, seq: 9 }).unwrap();
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
        highwater::write(&path, Highwater { database_id: other, seq: 0 }).unwrap();
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
    for text in ["", "7", "x 7", "00000000-0000-0000-0000-000000000000 -1", "00000000-0000-0000-0000-000000000000 1 2"]
    {
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
