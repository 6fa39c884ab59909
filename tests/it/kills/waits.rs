//! A row that somebody holds and never lets go of: whoever needs it is told to come again, and gets it once it is free.

use std::time::{Duration, Instant};

use crate::kit::actors::{Answer, Browser, claims};
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::raw::Raw;

on_both!(a_row_held_for_ever_is_waited_for_and_no_longer);

#[track_caller]
fn is_later(answer: &Answer) {
    answer.is(503, "temporarily_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
}

async fn a_row_held_for_ever_is_waited_for_and_no_longer(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let rp = issuer.client().await;
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let (access, refresh) = (tokens.str("access_token"), tokens.str("refresh_token"));
    // A node that took the row and vanished, as the database sees it. SQLite has one lock for all.
    let mut gone = Raw::open(&issuer.database).await;
    match kind {
        Kind::Postgres => {
            let family = claims(access)["family_id"].as_str().unwrap().to_owned();
            gone.run("BEGIN").await;
            gone.run(&format!("SELECT 1 FROM family WHERE id = '{family}' FOR NO KEY UPDATE")).await;
        }
        Kind::Sqlite => drop(gone.run("BEGIN IMMEDIATE").await),
    }
    let begun = Instant::now();
    let (refreshed, revoked) = tokio::join!(rp.refresh(refresh), rp.revoke(refresh));
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    is_later(&refreshed);
    is_later(&revoked);
    assert_eq!(rp.introspect(access).await.ok().json["active"], true, "what was not ended isn't called so");
    gone.run("ROLLBACK").await;
    let next = rp.refresh(refresh).await.ok();
    rp.revoke(next.str("refresh_token")).await.ok();
    assert_eq!(rp.introspect(access).await.ok().json["active"], false);
}
