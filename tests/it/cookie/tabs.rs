//! Tabs share one cookie: repeated, lost and crossed answers are honest; two generations behind for long is a copy in use.

use std::time::Duration;

use chancery::clock::Clock;
use chancery::event::Event;

use super::{APP, Page, REFRESH, Sent, ground, ground_with, refused, told};
use crate::kit::actors::{Answer, claims};
use crate::kit::issuer::{Kind, Setup, on_both};

on_both!(
    a_lost_answer_is_forgiven_at_any_age,
    tabs_refresh_at_once_for_many_rounds,
    answers_that_cross_sign_nobody_out,
    a_generation_long_gone_is_reuse,
);

const OWN: Sent<'static> = Sent { origin: Some(APP), cookies: None };

fn family(answer: &Answer) -> String {
    claims(answer.str("access_token"))["family_id"].as_str().unwrap().to_owned()
}

async fn aged(kind: Kind) -> (crate::kit::issuer::Issuer, Page, Clock) {
    let clock = Clock::held(chrono::Utc::now());
    let (issuer, mut page) = ground_with(kind, Setup::held(&clock)).await;
    page.sign_in("alice").await;
    (issuer, page, clock)
}

/// Beyond any window: the session was proved, so that the one before is answered as if its answer had been lost.
async fn a_lost_answer_is_forgiven_at_any_age(kind: Kind) {
    let (issuer, mut page, clock) = aged(kind).await;
    let lost = page.sends("/oauth2/token", &REFRESH, OWN).await.ok();
    clock.advance(Duration::from_hours(3));
    let again = page.refresh().await.ok();
    assert_eq!(super::set(&lost)[0].split(';').next(), super::set(&again)[0].split(';').next(), "the same successor");
    assert_eq!(told(&issuer, Event::RefreshRetried).await.len(), 1);
    page.refresh().await.ok();
    issuer.stop().await;
}

async fn tabs_refresh_at_once_for_many_rounds(kind: Kind) {
    let (issuer, mut page) = ground(kind).await;
    let born = family(&page.sign_in("alice").await);
    for round in 0..25 {
        let tabs = (0..4).map(|_| {
            let tab = page.clone();
            tokio::spawn(async move { tab.sends("/oauth2/token", &REFRESH, OWN).await })
        });
        let mut answers = Vec::new();
        for tab in tabs.collect::<Vec<_>>() {
            answers.push(tab.await.unwrap().ok());
        }
        assert!(answers.iter().all(|answer| family(answer) == born), "round {round}");
        // They arrive in any order; the browser keeps what came last.
        answers.rotate_left(round % 4);
        for answer in &answers {
            page.keep(answer);
        }
    }
    assert_eq!(
        told(&issuer, Event::RefreshRotated).await.len() + told(&issuer, Event::RefreshRetried).await.len(),
        100
    );
    assert!(told(&issuer, Event::RefreshReused).await.is_empty());
    issuer.stop().await;
}

/// An answer is on its way while other tabs go on; when it comes, the cookie falls back by several generations.
async fn answers_that_cross_sign_nobody_out(kind: Kind) {
    let (issuer, mut page, clock) = aged(kind).await;
    let slow = page.sends("/oauth2/token", &REFRESH, OWN).await.ok();
    for _ in 0..5 {
        page.refresh().await.ok();
    }
    let newest = page.token();
    page.keep(&slow);
    assert_ne!(page.token(), newest);
    clock.advance(Duration::from_secs(59));
    let caught_up = page.refresh().await.ok();
    assert_eq!(page.token(), newest, "it is told the newest again; nothing advances");
    assert_eq!(family(&caught_up), family(&slow));
    page.refresh().await.ok();
    assert!(told(&issuer, Event::RefreshReused).await.is_empty());
    issuer.stop().await;
}

/// Both cookies were copied, and the copy is used once the owner has gone on: the same alarm as ever.
async fn a_generation_long_gone_is_reuse(kind: Kind) {
    let (issuer, mut page, clock) = aged(kind).await;
    let copy = page.clone();
    page.refresh().await.ok();
    page.refresh().await.ok();
    clock.advance(Duration::from_mins(1));
    refused(&copy.sends("/oauth2/token", &REFRESH, OWN).await, 400, "invalid_grant");
    assert_eq!(told(&issuer, Event::RefreshReused).await.len(), 1);
    refused(&page.refresh().await, 400, "invalid_grant");
    issuer.stop().await;
}
