//! A client that doesn't answer is told again: by a token of the same `jti`, later and later, until it answers or a day is over.

use std::time::Duration;

use chancery::clock::Clock;
use chrono::DateTime;

use super::receiver::{Answers, Receiver, Validator};
use super::{SOON, all_told, initiated, issuer, notices, sign_out, told_at};
use crate::kit::actors::Browser;
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_dead_client_is_told_when_it_lives_again,
    what_is_no_answer_is_tried_again,
    a_no_is_believed_the_third_time,
    after_a_day_it_is_given_up_and_told,
);

async fn a_dead_client_is_told_when_it_lives_again(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let address = Receiver::new().await.address;
    let rp = told_at(&issuer, &format!("http://{address}/told")).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let answer = sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    assert_eq!(answer.status, 303, "a dead client keeps nobody from signing out");
    issuer.until("it failed", async |issuer| notices(issuer, rp.id).await[0].said.is_some()).await;
    let shown = Operator::of(&issuer).run(&["client", "logouts", &rp.id.to_string()]).ok().out;
    assert!(shown.contains("waiting") && shown.contains("refused by the other side"), "{shown}");
    let receiver = Receiver::at(address, &[Answers::Status(204)]).await;
    let posts = receiver.posted(1, SOON).await;
    let mut validator = Validator::of(&issuer.name, &rp.id.to_string()).await;
    validator.validate(&posts[0].token, "ES256", issuer.app.clock.now().timestamp()).unwrap();
    all_told(&issuer).await;
    let told = Operator::of(&issuer).json(&["client", "logouts", &rp.id.to_string()]);
    assert!(told[0]["state"] == "delivered" && told[0]["attempts"].as_i64().unwrap() >= 2, "{told}");
    assert_eq!(receiver.posts().len(), 1);
}

async fn what_is_no_answer_is_tried_again(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let receiver = Receiver::that(&[Answers::Status(500), Answers::Status(429), Answers::Status(200)]).await;
    let rp = told_at(&issuer, &receiver.uri).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    receiver.posted(3, 2 * SOON).await;
    all_told(&issuer).await;
    let told = receiver.told();
    assert!(told.len() == 3 && told.iter().all(|one| *one == told[0]), "the same session, the same `jti`: {told:?}");
    let over = notices(&issuer, rp.id).await.remove(0);
    assert_eq!(
        (over.outcome.as_deref(), over.attempts, over.id.to_string()),
        (Some("delivered"), 3, told[0].1.clone())
    );
}

async fn a_no_is_believed_the_third_time(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let receiver = Receiver::that(&[Answers::Status(400)]).await;
    let rp = told_at(&issuer, &receiver.uri).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    receiver.posted(3, 2 * SOON).await;
    all_told(&issuer).await;
    let over = notices(&issuer, rp.id).await.remove(0);
    assert_eq!((over.outcome.as_deref(), over.said.as_deref(), over.attempts), (Some("refused"), Some("HTTP 400"), 3));
    assert_eq!(initiated::events(&issuer, "logout.refused").await, 1);
    assert_eq!(receiver.posts().len(), 3);
}

async fn after_a_day_it_is_given_up_and_told(kind: Kind) {
    let clock = Clock::held(DateTime::from_timestamp(1_990_000_000, 0).unwrap());
    let change = |config: &mut chancery::config::Config| config.fetch.allow_http = true;
    let issuer = Issuer::start_with(kind, Setup { change: Box::new(change), ..Setup::held(&clock) }).await;
    issuer.user("alice").await;
    let receiver = Receiver::that(&[Answers::Status(503)]).await;
    let rp = told_at(&issuer, &receiver.uri).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    // The pauses grow; none is shorter than four fifths of its length, nor longer than six.
    for (n, pause) in [1_u32, 5, 30, 120, 600, 3600, 3600].into_iter().enumerate() {
        receiver.posted(n + 1, SOON).await;
        let attempts = i64::try_from(n + 1).unwrap();
        let failed = async |issuer: &Issuer| {
            let notice = notices(issuer, rp.id).await.remove(0);
            notice.attempts == attempts && notice.said.is_some() && {
                let ahead = (notice.due_at - clock.now()).as_seconds_f64();
                ahead >= f64::from(pause) * 0.79 && ahead <= f64::from(pause) * 1.21
            }
        };
        issuer.until("the next attempt is set", failed).await;
        clock.advance(Duration::from_secs(u64::from(pause) * 2));
    }
    receiver.posted(8, SOON).await;
    // Its answer is noted before the day is over.
    let noted = async |issuer: &Issuer| {
        let notice = notices(issuer, rp.id).await.remove(0);
        notice.attempts == 8 && (notice.due_at - clock.now()).as_seconds_f64() >= 3600.0 * 0.79
    };
    issuer.until("the eighth attempt is noted", noted).await;
    clock.advance(Duration::from_secs(24 * 3600));
    issuer.until("the node is ready", async |issuer| issuer.app.live.issuing_allowed().is_ok()).await;
    all_told(&issuer).await;
    let over = notices(&issuer, rp.id).await.remove(0);
    assert_eq!((over.outcome.as_deref(), over.said.as_deref()), (Some("given_up"), Some("HTTP 503")));
    assert_eq!((over.attempts, receiver.posts().len()), (9, 9));
    assert_eq!(initiated::events(&issuer, "logout.given_up").await, 1);
}
