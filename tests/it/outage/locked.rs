//! SQLite held by another process: who writes is told to come again once the wait for the lock is over; who reads reads on.

use std::time::Duration;

use super::world::{World, all, come_again};
use crate::kit::figure;
use crate::kit::issuer::{Issuer, Kind, Setup};
use crate::kit::raw::{Raw, differences};

/// The wait for the lock is 5 s, for one's turn 3 s.
const BOUND: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_by_another() {
    let issuer = Issuer::start_with(Kind::Sqlite, Setup::patient()).await;
    let world = World::new(&issuer).await;
    let mut other = Raw::open(&issuer.database).await;
    let before = other.dump().await;
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        other.run(lock).await;
        let ((writes, took), (pages, took_pages)) = tokio::join!(all(world.writes()), all(world.pressed()));
        for (name, answer) in &writes {
            come_again(name, answer, false);
        }
        for (name, answer) in &pages {
            come_again(name, answer, true);
        }
        figure(&format!(
            "outage, {lock}: {} answers within {took:?}, {} pages within {took_pages:?}",
            writes.len(),
            pages.len()
        ));
        assert!(took.max(took_pages) < BOUND);
        let (read, took) = all(world.reads().into_iter().chain(world.shown()).collect()).await;
        for (name, answer) in &read {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        }
        assert!(took < Duration::from_secs(3), "readers don't wait for a writer: {took:?}");
        other.run("ROLLBACK").await;
    }
    let after = other.dump().await;
    assert_eq!(differences(&before, &after), Vec::<String>::new(), "nothing was half done");
    world.goes_on(&issuer).await;
    issuer.stop().await;
}
