//! Races: whoever read before a kill and writes after it is late, and what comes of it is dead.

use chancery::event::Caller;
use chancery::identity::change::{self, Unchanged};
use chancery::oauth::manage;
use chancery::policy::{Question, judge};
use chancery::revocation::{Reach, Target};
use chancery::secret::{self, ClientSecret, Opaque};
use chancery::store::locks::Owner;
use chancery::store::users::User;
use chancery::store::{clients, grants, resources, rolls, sessions, users};
use sqlx::types::Json;

use super::barrier::{Barrier, Hold};
use super::browsing::{Page, afresh, carry_on, held, page};
use super::causes::{NEW_PASSWORD, admin, try_admin};
use super::probes::refused;
use crate::kit::actors::{Answer, Browser, PASSWORD, RelyingParty, location, parameter};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(
    a_redemption_is_late,
    a_refresh_is_late,
    an_authorization_is_late,
    client_credentials_are_late,
    a_password_change_is_late,
    a_password_change_does_not_outlive_a_later_kill,
    a_consent_is_late,
    a_registration_that_changed_is_read_again,
);

/// Someone signed in at a dashboard that asks for nothing, and the server of its resource.
struct Scene {
    issuer: Issuer,
    alice: User,
    rp: RelyingParty,
    guard: RelyingParty,
    browser: Browser,
}

const RESOURCE: &str = "https://api.races.test";

impl Scene {
    async fn set(kind: Kind) -> Self {
        let issuer = Issuer::start(kind).await;
        issuer.resource(RESOURCE, &["read"]).await;
        let rp = issuer
            .client_with(|row| {
                row.resources = Json(vec![RESOURCE.to_owned()]);
                row.grants.0.push("client_credentials".to_owned());
                row.scopes.push_str(" read");
            })
            .await;
        let guard = issuer.service("read", &[RESOURCE]).await;
        let (alice, browser) = (issuer.user("alice").await, Browser::new(&issuer));
        Self { issuer, alice, rp, guard, browser }
    }

    fn user(&self) -> Target<'static> {
        Target::User { id: self.alice.id, sub: self.alice.sub }
    }

    async fn code(&mut self) -> (crate::kit::actors::Flow, String) {
        let flow = self.rp.flow(&[]);
        let (code, _) = afresh(&mut self.browser, &flow, ("alice", PASSWORD)).await;
        (flow, code)
    }

    async fn session(&self) -> uuid::Uuid {
        held(&self.issuer, &self.browser).await.unwrap().session_id
    }

    /// Whatever the late one was answered, nothing that was handed to it works.
    async fn is_dead(&self, answer: &Answer) {
        if answer.status != 200 {
            assert!(matches!(answer.status.as_u16(), 400 | 401), "{} {}", answer.status, answer.text);
            return;
        }
        if let Some(refresh) = answer.json["refresh_token"].as_str() {
            assert!(refused(&self.issuer, &self.rp, refresh).await);
        }
        let access = answer.str("access_token");
        self.issuer
            .until("the late token is dead", async |_| {
                self.guard.introspect(access).await.ok().json["active"] == false
                    && self.rp.userinfo(access).await.status != 200
            })
            .await;
    }
}

async fn a_redemption_is_late(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    for what in ["user", "session", "client", "grant", "all"] {
        let (flow, code) = scene.code().await;
        let session = scene.session().await;
        let grant = grants::find(&scene.issuer.app.store, scene.alice.id, scene.rp.id).await.unwrap().unwrap();
        let mut barrier = Barrier::set(&scene.issuer, Hold::Writing).await;
        let late = tokio::spawn({
            let rp = scene.rp.clone();
            async move { rp.redeem(&flow, &code).await }
        });
        barrier.waited_for(1).await;
        let target = match what {
            "session" => Target::Session(session),
            "client" => Target::Client(scene.rp.id),
            "grant" => Target::Grant { id: grant.id, sub: scene.alice.sub, client_id: scene.rp.id },
            "all" => Target::All,
            _ => scene.user(),
        };
        let _ = barrier.kill(&target, Reach::Lineage).await;
        barrier.let_go().await;
        scene.is_dead(&late.await.unwrap()).await;
    }
    // Nobody is locked out by it.
    let (flow, code) = scene.code().await;
    scene.rp.redeem(&flow, &code).await.ok();
}

async fn a_refresh_is_late(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    for (what, retry) in [("family", false), ("family", true), ("user", false), ("user", true), ("session", true)] {
        let (flow, code) = scene.code().await;
        let first = scene.rp.redeem(&flow, &code).await.ok();
        if retry {
            scene.rp.refresh(first.str("refresh_token")).await.ok();
        }
        let family =
            crate::kit::actors::claims(first.str("access_token"))["family_id"].as_str().unwrap().parse().unwrap();
        let session = scene.session().await;
        let mut barrier = Barrier::set(&scene.issuer, Hold::Writing).await;
        let late = tokio::spawn({
            let (rp, token) = (scene.rp.clone(), first.str("refresh_token").to_owned());
            async move { rp.refresh(&token).await }
        });
        barrier.waited_for(1).await;
        let target = match what {
            "family" => Target::Family(family),
            "session" => Target::Session(session),
            _ => scene.user(),
        };
        let _ = barrier.kill(&target, Reach::Lineage).await;
        barrier.let_go().await;
        scene.is_dead(&late.await.unwrap()).await;
        assert!(refused(&scene.issuer, &scene.rp, first.str("refresh_token")).await);
    }
}

async fn an_authorization_is_late(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    for whose in ["user", "client"] {
        let _ = scene.code().await;
        let (user, client) = (scene.alice.id, scene.rp.id);
        let mut barrier = Barrier::set(&scene.issuer, Hold::Owners(&[Owner::Client(client), Owner::User(user)])).await;
        let flow = scene.rp.flow(&[]);
        let late = tokio::spawn({
            let (mut browser, url) = (scene.browser.clone(), flow.url.clone());
            async move { browser.get(&url).await }
        });
        barrier.waited_for(1).await;
        let at = scene.issuer.app.clock.now();
        if whose == "user" {
            let mut row = users::get(&mut barrier.tx, user).await.unwrap().unwrap();
            row.disabled_at = Some(at);
            users::update(&mut barrier.tx, &row, at).await.unwrap();
            let _ = barrier.kill(&scene.user(), Reach::Lineage).await;
        } else {
            let mut row = clients::get(&mut barrier.tx, client).await.unwrap().unwrap();
            row.disabled_at = Some(at);
            clients::update(&mut barrier.tx, &row, at).await.unwrap();
            let _ = barrier.kill(&Target::Client(client), Reach::Lineage).await;
        }
        barrier.let_go().await;
        let answer = late.await.unwrap();
        let code = location(&answer).and_then(|to| parameter(&to, "code"));
        assert_eq!(code, None, "no code for the late: {:?} {}", location(&answer), answer.text);
        // Enabled again, the owner begins anew.
        let (caller, store) = (Caller::default(), &scene.issuer.app.store);
        let by = chancery::change::By { actor: chancery::event::Actor::Operator, caller: &caller, at };
        if whose == "user" {
            let change = chancery::identity::people::enable(store, &by, user).await.unwrap();
            change.settle(&scene.issuer.app).await.unwrap();
        } else {
            manage::enable(store, &by, client).await.unwrap().settle(&scene.issuer.app).await.unwrap();
        }
    }
}

async fn client_credentials_are_late(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    let holds = if kind == Kind::Postgres { vec![Hold::Writing, Hold::Judging] } else { vec![Hold::Writing] };
    for hold in holds {
        for what in ["rotate", "retire", "disable"] {
            let secrets = clients::secrets(&scene.issuer.app.store, scene.rp.id).await.unwrap();
            let judging = matches!(hold, Hold::Judging);
            let again = if judging { Hold::Judging } else { Hold::Writing };
            let mut barrier = Barrier::set(&scene.issuer, again).await;
            let late = tokio::spawn({
                let rp = scene.rp.clone();
                async move { rp.token(&[("grant_type", "client_credentials"), ("scope", "read")]).await }
            });
            barrier.waited_for(1).await;
            let at = scene.issuer.app.clock.now();
            let mut fresh = None;
            match what {
                "rotate" => {
                    let secret = Opaque::<ClientSecret>::generate();
                    let id = secret::uuid_v7(at);
                    let digest = secret.digest().as_bytes().to_vec();
                    let row =
                        clients::ClientSecret { id, client_id: scene.rp.id, digest, created_at: at, expires_at: None };
                    clients::remove_secret(&mut barrier.tx, scene.rp.id, secrets[0].id).await.unwrap();
                    clients::add_secret(&mut barrier.tx, &row).await.unwrap();
                    let _ = barrier.kill(&Target::Client(scene.rp.id), Reach::Lineage).await;
                    fresh = Some(secret.expose());
                }
                "retire" => {
                    let mut row = resources::by_uri(&mut barrier.tx, RESOURCE).await.unwrap().unwrap();
                    row.retired_at = Some(at);
                    resources::update(&mut barrier.tx, &row, at).await.unwrap();
                    let _ = barrier.kill(&Target::Resource { id: row.id, uri: RESOURCE }, Reach::Access).await;
                }
                _ => {
                    let mut row = clients::get(&mut barrier.tx, scene.rp.id).await.unwrap().unwrap();
                    row.disabled_at = Some(at);
                    clients::update(&mut barrier.tx, &row, at).await.unwrap();
                    let _ = barrier.kill(&Target::Client(scene.rp.id), Reach::Lineage).await;
                }
            }
            barrier.let_go().await;
            let answer = late.await.unwrap();
            assert!(!judging || answer.status != 200, "{what}: whoever is judged after it is refused: {}", answer.text);
            scene.is_dead(&answer).await;
            if what == "retire" {
                let mut row = resources::by_uri(&scene.issuer.app.store, RESOURCE).await.unwrap().unwrap();
                row.retired_at = None;
                let mut tx = scene.issuer.app.store.begin().await.unwrap();
                resources::update(&mut tx, &row, at).await.unwrap();
                tx.commit().await.unwrap();
            }
            if what == "disable" {
                let (caller, app) = (Caller::default(), &scene.issuer.app);
                let by = chancery::change::By { actor: chancery::event::Actor::Operator, caller: &caller, at };
                manage::enable(&app.store, &by, scene.rp.id).await.unwrap().settle(app).await.unwrap();
            }
            if let Some(fresh) = fresh {
                scene.rp.token(&[("grant_type", "client_credentials")]).await.is(401, "invalid_client");
                scene.rp.secret = Some(fresh);
            }
            scene.rp.token(&[("grant_type", "client_credentials"), ("scope", "read")]).await.ok();
        }
    }
}

async fn a_password_change_is_late(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    for what in ["user", "session", "all"] {
        let _ = scene.code().await;
        let (app, session) = (scene.issuer.app.clone(), held(&scene.issuer, &scene.browser).await.unwrap());
        let (target, owner) = match what {
            "session" => (Target::Session(session.session_id), Owner::Session(session.session_id)),
            "all" => (Target::All, Owner::Issuer),
            _ => (scene.user(), Owner::User(scene.alice.id)),
        };
        let mut barrier = Barrier::set(&scene.issuer, Hold::Owners(&[owner])).await;
        let late =
            tokio::spawn(
                async move { change::password(&app, &session, PASSWORD, NEW_PASSWORD, &Caller::default()).await },
            );
        barrier.waited_for(1).await;
        let _ = barrier.kill(&target, Reach::Lineage).await;
        barrier.let_go().await;
        let refused = late.await.unwrap().unwrap_err();
        assert!(matches!(refused, Unchanged::SignInAgain), "{what}: {refused}");
        assert!(held(&scene.issuer, &scene.browser).await.is_none());
        // The old password is still the one: `code` signs in with it on the next round.
    }
    scene.code().await;
}

/// A change is half done when the admin's kill arrives: it is done first, and ended with everything else.
async fn a_password_change_does_not_outlive_a_later_kill(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    let _ = scene.code().await;
    let (app, session) = (scene.issuer.app.clone(), held(&scene.issuer, &scene.browser).await.unwrap());
    let barrier = Barrier::set(&scene.issuer, Hold::Writing).await;
    let changing =
        tokio::spawn(async move { change::password(&app, &session, PASSWORD, NEW_PASSWORD, &Caller::default()).await });
    barrier.waited_for(1).await;
    let (issuer, sub) = (&scene.issuer, scene.alice.sub.to_string());
    // On SQLite whoever comes second waits in line, and can't be seen doing so.
    let (begun, killed, ()) = tokio::join!(changing, try_admin(issuer, "user", &sub), async {
        if kind == Kind::Postgres {
            barrier.waited_for(2).await;
        }
        barrier.let_go().await;
    });
    assert!(matches!(killed.status.as_u16(), 201), "{}", killed.text);
    match begun.unwrap() {
        Ok(begun) => {
            let digest = begun.secret.digest();
            let snapshot = rolls::of_browser(&issuer.app.store, digest.as_bytes()).await.unwrap().unwrap();
            let question = Question::now(&issuer.app.clock, issuer.app.config.sessions.idle);
            assert!(judge(snapshot, &question).is_err(), "the fresh session is ended by the later kill");
        }
        // The kill was first after all.
        Err(refused) => assert!(matches!(refused, Unchanged::SignInAgain), "{refused}"),
    }
    for session in sessions::of_user(&issuer.app.store, scene.alice.id).await.unwrap() {
        assert!(session.born_seq < killed.json["seq"].as_i64().unwrap());
    }
}

async fn a_consent_is_late(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    scene.rp = scene.issuer.client_with(|row| row.consent = "ask".to_owned()).await;
    let flow = scene.rp.flow(&[]);
    let opened = scene.browser.begin(&flow).await;
    let signed = super::browsing::submit(&mut scene.browser, &opened, &flow.url, ("alice", PASSWORD)).await;
    let asked = scene.browser.get(&location(&signed).unwrap()).await;
    assert_eq!(page(&asked), Page::Consent);
    let session = scene.session().await;
    let mut barrier = Barrier::set(&scene.issuer, Hold::Owners(&[Owner::Session(session)])).await;
    let late = tokio::spawn({
        let (mut browser, asked, url) = (scene.browser.clone(), asked.clone(), flow.url.clone());
        async move { browser.press(&asked, &url, "consent-allow").await }
    });
    barrier.waited_for(1).await;
    let _ = barrier.kill(&Target::Session(session), Reach::Lineage).await;
    barrier.let_go().await;
    let answer = late.await.unwrap();
    let to = location(&answer).unwrap();
    assert!(to.contains("/login?"), "back to the sign-in: {to}");
    let grant = grants::find(&scene.issuer.app.store, scene.alice.id, scene.rp.id).await.unwrap();
    assert!(
        grant.is_none_or(|grant| grant.scopes.is_empty() && grant.consented_at.is_none()),
        "nothing was consented to"
    );
    // Who signs in again is asked again, and may allow it.
    let (code, met) = carry_on(&mut scene.browser, &flow, answer, ("alice", PASSWORD)).await;
    assert_eq!(met, [Page::SignIn, Page::Consent]);
    scene.rp.redeem(&flow, &code).await.ok();
    // The grant ends, and with it what was allowed.
    admin(&scene.issuer, "grant", &format!("{} {}", scene.alice.sub, scene.rp.id)).await;
    let flow = scene.rp.flow(&[]);
    let (_, met) = afresh(&mut scene.browser, &flow, ("alice", PASSWORD)).await;
    assert_eq!(met, [Page::Consent]);
}

/// A registration is part of what a code stands on: one that changed after it was read is not outrun.
async fn a_registration_that_changed_is_read_again(kind: Kind) {
    let mut scene = Scene::set(kind).await;
    let _ = scene.code().await;
    let client = scene.rp.id;
    let mut barrier = Barrier::set(&scene.issuer, Hold::Owners(&[Owner::Client(client)])).await;
    let flow = scene.rp.flow(&[]);
    let late = tokio::spawn({
        let (mut browser, url) = (scene.browser.clone(), flow.url.clone());
        async move { browser.get(&url).await }
    });
    barrier.waited_for(1).await;
    let mut row = clients::get(&mut barrier.tx, client).await.unwrap().unwrap();
    row.consent = "ask".to_owned();
    let at = scene.issuer.app.clock.now();
    clients::update(&mut barrier.tx, &row, at).await.unwrap();
    barrier.let_go().await;
    let to = location(&late.await.unwrap()).unwrap();
    assert_eq!(parameter(&to, "error").as_deref(), Some("temporarily_unavailable"), "{to}");
    let (_, met) = afresh(&mut scene.browser, &flow, ("alice", PASSWORD)).await;
    assert_eq!(met, [Page::Consent]);
}
