//! The first pairwise subject is handed out while the user is being ended: whoever comes first, nothing lives on.

use chancery::change::By;
use chancery::demo::gateway::coverage::Presented;
use chancery::event::{Actor, Caller};
use chancery::identity::people;
use chancery::revocation::{Reach, Target};
use chancery::secret;
use chancery::store::client_metadata::SubjectType;
use chancery::store::clients::Client;
use chancery::store::locks::Owner;
use chancery::store::users::User;
use chancery::store::{pairwise, revocations, users};

use crate::kills::barrier::{Barrier, Hold};
use crate::kills::probes::{Gateway, bearing};
use crate::kit::actors::{Browser, RelyingParty, claims, location, parameter};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    the_end_comes_first_and_no_subject_is_handed_out,
    the_subject_comes_first_and_the_end_names_it,
    a_code_with_a_first_subject_is_redeemed_late,
);

/// Alice, signed in, and a client that doesn't know her yet.
async fn scene(kind: Kind) -> (Issuer, User, RelyingParty, Browser) {
    let issuer = Issuer::start(kind).await;
    let alice = issuer.user("alice").await;
    let known = issuer.client().await;
    let pairwise = |row: &mut Client| row.metadata.subject_type = SubjectType::Pairwise;
    let rp = issuer.client_with(pairwise).await;
    let mut browser = Browser::new(&issuer);
    known.tokens(&mut browser, "alice").await;
    (issuer, alice, rp, browser)
}

async fn subjects(issuer: &Issuer, alice: &User) -> Vec<uuid::Uuid> {
    pairwise::of_user(&issuer.app.store, alice.id).await.unwrap()
}

async fn the_end_comes_first_and_no_subject_is_handed_out(kind: Kind) {
    let (issuer, alice, rp, browser) = scene(kind).await;
    let mut barrier = Barrier::set(&issuer, Hold::Owners(&[Owner::Client(rp.id), Owner::User(alice.id)])).await;
    let late = tokio::spawn({
        let (mut browser, url) = (browser.clone(), rp.flow(&[]).url);
        async move { browser.get(&url).await }
    });
    barrier.waited_for(1).await;
    let _ = barrier.kill(&Target::User { id: alice.id, sub: alice.sub }, Reach::Lineage).await;
    barrier.let_go().await;
    let answer = late.await.unwrap();
    assert_eq!(location(&answer).and_then(|to| parameter(&to, "code")), None, "{:?}", location(&answer));
    assert!(subjects(&issuer, &alice).await.is_empty(), "none was handed out, so that none is missing in the log");
}

async fn the_subject_comes_first_and_the_end_names_it(kind: Kind) {
    let (issuer, alice, ..) = scene(kind).await;
    let mut barrier = Barrier::set(&issuer, Hold::Owners(&[Owner::User(alice.id)])).await;
    let (drawn, at) = (secret::uuid_v4(), issuer.app.clock.now());
    let handed = pairwise::ensure(&mut barrier.tx, (alice.id, "rp.test"), drawn, at).await.unwrap();
    let ends = tokio::spawn({
        let app = issuer.app.clone();
        async move {
            let caller = Caller::default();
            let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.after_stamps() };
            people::disable(&app.store, &by, alice.id).await.unwrap().settle(&app).await.unwrap()
        }
    });
    barrier.waited_for(1).await;
    barrier.let_go().await;
    ends.await.unwrap();
    let log = revocations::after(&issuer.app.store, 0, 100).await.unwrap();
    let named: Vec<_> = log.iter().filter(|entry| entry.kind == "user").map(|entry| entry.value.clone()).collect();
    assert_eq!(named, [handed.to_string(), alice.sub.to_string()]);
    // This node heard of both before anyone was answered, and the user's mark is the number of the newest.
    let row = users::get(&issuer.app.store, alice.id).await.unwrap().unwrap();
    assert_eq!(row.revoked_seq, log.last().unwrap().seq);
}

async fn a_code_with_a_first_subject_is_redeemed_late(kind: Kind) {
    let (issuer, alice, rp, mut browser) = scene(kind).await;
    let mut gateway = Gateway::beside(&issuer).await;
    let flow = rp.flow(&[]);
    let code = browser.code(&flow, "alice").await;
    let handed = subjects(&issuer, &alice).await;
    assert_eq!(handed.len(), 1);
    let mut barrier = Barrier::set(&issuer, Hold::Writing).await;
    let late = tokio::spawn({
        let (rp, flow) = (rp.clone(), flow.clone());
        async move { rp.redeem(&flow, &code).await }
    });
    barrier.waited_for(1).await;
    let _ = barrier.kill(&Target::User { id: alice.id, sub: alice.sub }, Reach::Lineage).await;
    barrier.let_go().await;
    let answer = late.await.unwrap();
    if answer.status == 200 {
        let access = answer.str("access_token");
        assert_eq!(claims(access)["sub"], handed[0].to_string());
        let by_sub = || Presented { family: None, session: None, audiences: Vec::new(), ..bearing(access) };
        issuer.until("the late token is dead", async |_| rp.userinfo(access).await.status == 401).await;
        let heard = async |_: &Issuer| {
            gateway.entries().await.is_some_and(|entries| entries.iter().any(|entry| entry.covers(&by_sub())))
        };
        issuer.until("a gateway that matches on sub hears of it, too", heard).await;
        rp.refresh(answer.str("refresh_token")).await.is(400, "invalid_grant");
    } else {
        answer.is(400, "invalid_grant");
    }
}
