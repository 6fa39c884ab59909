//! Who is slow or dead holds nobody up: not the user, not the other clients, not the node.

use std::time::Duration;

use super::receiver::{Answers, Receiver};
use super::{SOON, issuer, issuer_with, notices, sign_out, told_at};
use crate::kit::actors::Browser;
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_slow_client_is_not_waited_for_beyond_the_bound,
    nobody_is_waited_for_where_the_setting_is_nothing,
    a_hanging_client_holds_up_no_other
);

async fn a_slow_client_is_not_waited_for_beyond_the_bound(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let (slow, quick) = (Receiver::that(&[Answers::Never]).await, Receiver::new().await);
    let (at_slow, at_quick) = (told_at(&issuer, &slow.uri).await, told_at(&issuer, &quick.uri).await);
    for round in 1..=2 {
        let mut browser = Browser::new(&issuer);
        at_slow.tokens(&mut browser, "alice").await;
        let tokens = at_quick.tokens(&mut browser, "alice").await;
        // The other side hangs for ten minutes: that there is an answer shows that it isn't waited for.
        let answer = tokio::time::timeout(SOON, sign_out(&issuer, &mut browser, tokens.str("id_token"))).await.unwrap();
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(quick.posts().len(), round, "who answers is told before");
        slow.posted(round, 2 * SOON).await;
        // Nothing is lost of what was not waited for.
        let failed = async |issuer: &crate::kit::issuer::Issuer| {
            notices(issuer, at_slow.id).await.iter().all(|notice| notice.done_at.is_none() && notice.attempts > 0)
        };
        issuer.until("it is tried again", failed).await;
    }
}

async fn nobody_is_waited_for_where_the_setting_is_nothing(kind: Kind) {
    let issuer = issuer_with(kind, |config| config.logout.wait = Duration::ZERO).await;
    issuer.user("alice").await;
    let receiver = Receiver::new().await;
    let rp = told_at(&issuer, &receiver.uri).await;
    let mut browser = Browser::new(&issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    assert_eq!(sign_out(&issuer, &mut browser, tokens.str("id_token")).await.status, 303);
    assert_eq!(receiver.posted(1, SOON).await.len(), 1);
}

async fn a_hanging_client_holds_up_no_other(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    issuer.user("bob").await;
    let (hanging, living) = (Receiver::that(&[Answers::Never]).await, Receiver::new().await);
    let (at_hanging, at_living) = (told_at(&issuer, &hanging.uri).await, told_at(&issuer, &living.uri).await);
    for _ in 0..20 {
        at_hanging.tokens(&mut Browser::new(&issuer), "alice").await;
    }
    for _ in 0..5 {
        at_living.tokens(&mut Browser::new(&issuer), "bob").await;
    }
    let operator = Operator::of(&issuer);
    operator.run(&["user", "disable", "alice"]).ok();
    hanging.posted(1, SOON).await;
    operator.run(&["user", "disable", "bob"]).ok();
    living.posted(5, SOON).await;
    // Those were told while the one that hangs had twenty waiting; how many are at work for one is shown in `outbox`.
    let waiting = notices(&issuer, at_hanging.id).await.iter().filter(|notice| notice.done_at.is_none()).count();
    assert_eq!(waiting, 20);
}
