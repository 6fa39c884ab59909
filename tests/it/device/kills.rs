//! What ends between the device's wish, the person's yes and the tokens: dead is what was born below it.

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::identity::people;
use chancery::oauth::manage;
use chancery::revocation::{self, Cause, Reach, Target};
use chancery::store::grants;
use chancery::store::locks::Owner;
use chancery::store::users::User;

use super::desk::{Asked, allows, asks, connects, enters, events, has, presses, reaches, signs_in};
use crate::kills::barrier::{Barrier, Hold};
use crate::kills::browsing::held;
use crate::kit::actors::{Browser, RelyingParty};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    between_the_yes_and_the_tokens,
    between_the_wish_and_the_yes,
    a_yes_that_waits_while_it_ends,
    a_redemption_that_waits_while_it_ends,
);

/// What can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    UserDisabled,
    UserDeleted,
    UserKilled,
    SessionEnded,
    ConsentRemoved,
    GrantKilled,
    ClientDisabled,
    ClientKilled,
    All,
}

const ENDS: &[End] = &[
    End::UserDisabled,
    End::UserDeleted,
    End::UserKilled,
    End::SessionEnded,
    End::ConsentRemoved,
    End::GrantKilled,
    End::ClientDisabled,
    End::ClientKilled,
    End::All,
];

struct Ground {
    issuer: Issuer,
    alice: User,
    tv: RelyingParty,
    browser: Browser,
}

impl Ground {
    async fn new(issuer: Issuer, tag: &str) -> Self {
        let alice = issuer.user(&format!("alice-{tag}")).await;
        let tv = issuer.device_client().await;
        let mut browser = Browser::new(&issuer);
        // The grant's row and the session are there before.
        connects(&mut browser, &tv, &alice.username).await;
        Self { issuer, alice, tv, browser }
    }

    async fn kill(&self, target: &Target<'_>) {
        let (app, caller) = (&self.issuer.app, Caller::default());
        let cause = Cause { reason: "test", actor: Actor::Operator, caller: &caller, at: app.clock.after_stamps() };
        revocation::run(app, target, Reach::Lineage, &cause).await.map(|_| ()).unwrap();
    }

    async fn grant(&self) -> uuid::Uuid {
        grants::find(&self.issuer.app.store, self.alice.id, self.tv.id).await.unwrap().unwrap().id
    }

    async fn carry_out(&mut self, end: End) {
        let (app, caller) = (&self.issuer.app, Caller::default());
        let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
        let (store, user, client) = (&app.store, self.alice.id, self.tv.id);
        match end {
            End::UserDisabled => drop(people::disable(store, &by, user).await.unwrap().settle(app).await.unwrap()),
            End::UserDeleted => drop(people::delete(store, &by, user).await.unwrap().settle(app).await.unwrap()),
            End::UserKilled => self.kill(&Target::User { id: user, sub: self.alice.sub }).await,
            End::SessionEnded => {
                let sid = held(&self.issuer, &self.browser).await.unwrap().session_id;
                self.kill(&Target::Session(sid)).await;
            }
            End::ConsentRemoved => {
                people::remove_consent(store, &by, user, client).await.unwrap().settle(app).await.unwrap()
            }
            End::GrantKilled => {
                let id = self.grant().await;
                self.kill(&Target::Grant { id, sub: self.alice.sub, client_id: client }).await;
            }
            End::ClientDisabled => drop(manage::disable(store, &by, client).await.unwrap().settle(app).await.unwrap()),
            End::ClientKilled => self.kill(&Target::Client(client)).await,
            End::All => self.kill(&Target::All).await,
        }
    }

    async fn open_again(&self, end: End) {
        let (app, caller) = (&self.issuer.app, Caller::default());
        let by = By { actor: Actor::Operator, caller: &caller, at: app.clock.now() };
        match end {
            End::UserDisabled => {
                people::enable(&app.store, &by, self.alice.id).await.unwrap().settle(app).await.unwrap();
            }
            End::ClientDisabled => {
                drop(manage::enable(&app.store, &by, self.tv.id).await.unwrap().settle(app).await.unwrap())
            }
            _ => {}
        }
    }
}

async fn between_the_yes_and_the_tokens(kind: Kind) {
    let mut issuer = Some(Issuer::start_with(kind, Setup::patient()).await);
    for (at, end) in ENDS.iter().enumerate() {
        let mut ground = Ground::new(issuer.take().unwrap(), &format!("y{at}")).await;
        let asked = asks(&ground.tv).await;
        allows(&mut ground.browser, &asked, &ground.alice.username).await;
        let before = events(&ground.issuer, "device.redeemed").await;
        ground.carry_out(*end).await;
        let expected = if *end == End::ClientDisabled { (401, "invalid_client") } else { (400, "invalid_grant") };
        let answer = ground.tv.poll(&asked.device_code).await;
        assert_eq!((answer.status.as_u16(), answer.str("error")), expected, "{end:?}");
        // What was ended stays ended, though its owner may begin anew.
        ground.open_again(*end).await;
        ground.tv.poll(&asked.device_code).await.is(400, "invalid_grant");
        assert_eq!(events(&ground.issuer, "device.redeemed").await, before, "{end:?}");
        if *end != End::UserDeleted {
            connects(&mut Browser::new(&ground.issuer), &ground.tv, &ground.alice.username).await;
        }
        issuer = Some(ground.issuer);
    }
    issuer.unwrap().stop().await;
}

/// Before anybody said yes, only what the wish itself rests on matters: its client, and everything.
async fn between_the_wish_and_the_yes(kind: Kind) {
    let mut issuer = Some(Issuer::start_with(kind, Setup::patient()).await);
    for (at, end) in ENDS.iter().enumerate() {
        let mut ground = Ground::new(issuer.take().unwrap(), &format!("w{at}")).await;
        let asked = asks(&ground.tv).await;
        let page = reaches(&mut ground.browser, &asked.user_code, &ground.alice.username).await;
        ground.carry_out(*end).await;
        let told = presses(&mut ground.browser, &page, "consent-allow").await;
        let dead = matches!(end, End::ClientDisabled | End::ClientKilled | End::All);
        let gone = matches!(end, End::UserDisabled | End::UserDeleted | End::UserKilled | End::SessionEnded | End::All);
        if *end == End::ClientDisabled {
            assert!(told.status == 400 && told.text.contains("isn’t known"), "{end:?}: {}", told.text);
            ground.tv.poll(&asked.device_code).await.is(401, "invalid_client");
        } else if gone {
            assert!(has(&told, "login-submit"), "{end:?}: whoever is gone signs in again: {}", told.text);
        } else if dead {
            assert!(told.status == 400 && told.text.contains("no longer valid"), "{end:?}: {}", told.text);
        } else {
            assert!(told.text.contains("<h1>Signed in</h1>"), "{end:?}: {}", told.text);
        }
        ground.open_again(*end).await;
        if dead {
            // The device needn't wait for what can't come.
            ground.tv.poll(&asked.device_code).await.is(400, "invalid_grant");
            let page = enters(&mut ground.browser, &asked.user_code).await;
            let page = if has(&page, "login-submit") {
                signs_in(&mut ground.browser, &page, &ground.alice.username).await
            } else {
                page
            };
            let told = presses(&mut ground.browser, &page, "consent-allow").await;
            assert!(told.status == 400 && told.text.contains("no longer valid"), "{end:?}: {}", told.text);
            ground.tv.poll(&asked.device_code).await.is(400, "invalid_grant");
        } else if gone && *end != End::UserDeleted {
            let page = signs_in(&mut ground.browser, &told, &ground.alice.username).await;
            presses(&mut ground.browser, &page, "consent-allow").await.ok();
            ground.tv.poll(&asked.device_code).await.ok();
        } else if !gone {
            ground.tv.poll(&asked.device_code).await.ok();
        }
        issuer = Some(ground.issuer);
    }
    issuer.unwrap().stop().await;
}

/// The yes has come, and waits for its locks; meanwhile what it rests on ends.
async fn a_yes_that_waits_while_it_ends(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let mut ground = Ground::new(issuer, "b").await;
    for whose in ["session", "user", "client", "all"] {
        let asked = asks(&ground.tv).await;
        let page = reaches(&mut ground.browser, &asked.user_code, &ground.alice.username).await;
        let sid = held(&ground.issuer, &ground.browser).await.unwrap().session_id;
        let (target, owner) = match whose {
            "session" => (Target::Session(sid), Owner::Session(sid)),
            "user" => (Target::User { id: ground.alice.id, sub: ground.alice.sub }, Owner::User(ground.alice.id)),
            "client" => (Target::Client(ground.tv.id), Owner::Client(ground.tv.id)),
            _ => (Target::All, Owner::Client(ground.tv.id)),
        };
        let mut barrier = Barrier::set(&ground.issuer, Hold::Owners(&[owner])).await;
        let mut browser = ground.browser.clone();
        let late = page.clone();
        let yes = tokio::spawn(async move { presses(&mut browser, &late, "consent-allow").await });
        barrier.waited_for(1).await;
        let killed = barrier.kill(&target, Reach::Lineage).await;
        assert!(killed.written);
        barrier.let_go().await;
        let told = yes.await.unwrap();
        assert!(!told.text.contains("<h1>Signed in</h1>"), "{whose}: {}", told.text);
        let answer = ground.tv.poll(&asked.device_code).await;
        assert_eq!(answer.status, 400, "{whose}: {}", answer.text);
        assert!(["invalid_grant", "authorization_pending"].contains(&answer.str("error")), "{whose}: {}", answer.text);
        // Begin anew.
        ground.browser = Browser::new(&ground.issuer);
        connects(&mut ground.browser, &ground.tv, &ground.alice.username).await;
    }
    ground.issuer.stop().await;
}

/// The redemption has judged, and waits to write; meanwhile what it rests on ends: what it writes is dead.
async fn a_redemption_that_waits_while_it_ends(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let mut ground = Ground::new(issuer, "r").await;
    for whose in ["session", "user", "client", "all"] {
        let asked: Asked = asks(&ground.tv).await;
        allows(&mut ground.browser, &asked, &ground.alice.username).await;
        let sid = held(&ground.issuer, &ground.browser).await.unwrap().session_id;
        let target = match whose {
            "session" => Target::Session(sid),
            "user" => Target::User { id: ground.alice.id, sub: ground.alice.sub },
            "client" => Target::Client(ground.tv.id),
            _ => Target::All,
        };
        let mut barrier = Barrier::set(&ground.issuer, Hold::Writing).await;
        let (tv, code) = (ground.tv.clone(), asked.device_code.clone());
        let late = tokio::spawn(async move { tv.poll(&code).await });
        barrier.waited_for(1).await;
        let killed = barrier.kill(&target, Reach::Lineage).await;
        assert!(killed.written);
        barrier.let_go().await;
        let answer = late.await.unwrap();
        if answer.status == 200 {
            ground.tv.refresh(answer.str("refresh_token")).await.is(400, "invalid_grant");
            let token = answer.str("access_token").to_owned();
            let tv = ground.tv.clone();
            ground.issuer.until("the view knows", async |_| tv.userinfo(&token).await.status == 401).await;
        } else {
            answer.is(400, "invalid_grant");
        }
        ground.browser = Browser::new(&ground.issuer);
        connects(&mut ground.browser, &ground.tv, &ground.alice.username).await;
    }
    ground.issuer.stop().await;
}
