//! What the command line ends stops at the running server, and only that: every cause and every kind, by the main surfaces.

use crate::kit::actors::{Answer, Browser, PASSWORD, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_user_disabled_enabled_deleted,
    a_password_set_by_another,
    an_unlock_ends_nothing,
    a_group_removed,
    a_consent_removed,
    a_client_disabled_rotated_deleted,
    a_resource_retired,
    every_kind_revoked
);

/// Someone who holds tokens.
struct Holder {
    rp: RelyingParty,
    browser: Browser,
    tokens: Answer,
}

struct Scene {
    issuer: Issuer,
    operator: Operator,
}

impl Scene {
    async fn new(kind: Kind) -> Self {
        let issuer = Issuer::start_with(kind, Setup::patient()).await;
        let operator = Operator::of(&issuer);
        operator.user("alice", &["--group", "staff", "--group", "ops"]);
        operator.user("bob", &[]);
        Self { issuer, operator }
    }

    async fn holder(&self, rp: &RelyingParty, user: &str) -> Holder {
        let mut browser = Browser::new(&self.issuer);
        let tokens = rp.tokens(&mut browser, user).await;
        Holder { rp: rp.clone(), browser, tokens }
    }

    /// The access token stops everywhere, and soon.
    async fn dies(&self, what: &str, holder: &Holder) {
        let token = holder.tokens.str("access_token");
        self.issuer.until(what, async |_| holder.rp.userinfo(token).await.status == 401).await;
        // A client that is refused itself can't ask.
        let told = async |_: &Issuer| {
            let told = holder.rp.introspect(token).await;
            told.json["active"] == false || told.status == 401
        };
        self.issuer.until(what, told).await;
    }

    async fn stop(self) {
        self.issuer.stop().await;
    }
}

impl Holder {
    fn access(&self) -> serde_json::Value {
        claims(self.tokens.str("access_token"))
    }

    async fn refresh(&self) -> Answer {
        self.rp.refresh(self.tokens.str("refresh_token")).await
    }

    async fn lives(&self) {
        self.rp.userinfo(self.tokens.str("access_token")).await.ok();
        assert_eq!(self.rp.introspect(self.tokens.str("refresh_token")).await.ok().json["active"], true);
    }
}

async fn a_user_disabled_enabled_deleted(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &[]);
    let (alice, bob) = (scene.holder(&rp, "alice").await, scene.holder(&rp, "bob").await);
    scene.operator.json(&["user", "disable", "alice"]);
    scene.dies("disabled", &alice).await;
    alice.refresh().await.is(400, "invalid_grant");
    bob.lives().await;
    let mut browser = Browser::new(&scene.issuer);
    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await;
    let page = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert!(page.text.contains("id=\"error\""), "a disabled user does not sign in: {}", page.status);
    scene.operator.run(&["user", "disable", "alice"]).refused("disabled already");

    scene.operator.json(&["user", "enable", "alice"]);
    alice.refresh().await.is(400, "invalid_grant");
    let again = scene.holder(&rp, "alice").await;
    again.lives().await;

    scene.operator.json(&["user", "delete", "alice"]);
    scene.dies("deleted", &again).await;
    again.refresh().await.is(400, "invalid_grant");
    bob.lives().await;
    scene.operator.run(&["user", "show", "alice"]).refused("there is no user");
    // Nothing personal is left, the lineage is still evidence, and the name is free.
    let user = again.access()["sub"].as_str().unwrap().to_owned();
    let tree = scene.operator.json(&["lineage", "show", &user]);
    assert_eq!((&tree["user"]["state"], &tree["user"]["username"]), (&"deleted".into(), &"".into()));
    assert!(tree["sessions"].as_array().unwrap().len() >= 2);
    scene.operator.user("alice", &[]);
    scene.stop().await;
}

async fn a_password_set_by_another(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &[]);
    let (alice, bob) = (scene.holder(&rp, "alice").await, scene.holder(&rp, "bob").await);
    let set = ["user", "set-password", "alice", "--password-stdin"];
    scene.operator.run(&set).refused("standard input");
    scene.operator.run_with(&set, "a wholly different one\n").ok();
    scene.dies("password set", &alice).await;
    alice.refresh().await.is(400, "invalid_grant");
    bob.lives().await;
    // The browser's session ended, too: it is asked to sign in.
    let mut browser = alice.browser.clone();
    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await;
    assert!(page.text.contains("id=\"password\""), "{} {}", page.status, page.text);
    let page = browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert!(page.text.contains("id=\"error\""), "the old password is no good");
    scene.stop().await;
}

async fn an_unlock_ends_nothing(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &[]);
    let alice = scene.holder(&rp, "alice").await;
    let mut stranger = Browser::new(&scene.issuer);
    let flow = rp.flow(&[]);
    let page = stranger.begin(&flow).await;
    for status in [400, 400, 400, 400, 400, 429] {
        let answer = stranger.sign_in(&page, &flow.url, "alice", "a guess").await;
        assert_eq!(answer.status.as_u16(), status);
    }
    let told = scene.operator.json(&["user", "unlock", "alice"]);
    assert_eq!(told["username"], "alice");
    let answer = stranger.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    alice.lives().await;
    let said = scene.operator.run(&["user", "unlock", "alice@example.test"]).ok();
    assert_eq!(said.out, "alice may try the password again\n");
    scene.operator.run(&["user", "unlock", "nobody"]).refused("there is no user");
    let rows = scene.operator.json(&["audit", "list"]);
    let told = rows.as_array().unwrap().iter().filter(|row| row["event"] == "user.unlocked").count();
    assert_eq!(told, 2);
    assert!(scene.operator.run(&["user", "--help"]).ok().out.contains("unlock"));
    scene.stop().await;
}

async fn a_group_removed(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &[]);
    let alice = scene.holder(&rp, "alice").await;
    scene.operator.json(&["user", "update", "alice", "--remove-group", "ops", "--add-group", "crew"]);
    scene.dies("group removed", &alice).await;
    // The family lives: the next refresh answers with what is allowed now.
    let next = alice.refresh().await.ok();
    let told = rp.userinfo(next.str("access_token")).await.ok();
    assert_eq!(told.json["groups"], serde_json::json!(["staff", "crew"]));
    // A group that is only added ends nothing.
    scene.operator.json(&["user", "update", "alice", "--add-group", "more"]);
    rp.userinfo(next.str("access_token")).await.ok();
    scene.stop().await;
}

async fn a_consent_removed(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &["--consent", "ask"]);
    let other = scene.operator.client(&scene.issuer.at, &[]);
    let (alice, bob) = (scene.holder(&rp, "alice").await, scene.holder(&rp, "bob").await);
    let elsewhere = scene.holder(&other, "alice").await;
    let id = rp.id.to_string();
    assert_eq!(scene.operator.json(&["user", "consents", "alice"])[0]["client_id"], id);
    scene.operator.json(&["user", "consents", "alice", "--remove", &id]);
    assert_eq!(scene.operator.json(&["user", "consents", "alice"]), serde_json::json!([]));
    scene.dies("consent removed", &alice).await;
    alice.refresh().await.is(400, "invalid_grant");
    bob.lives().await;
    elsewhere.lives().await;
    // The same browser is asked again, and what it allows anew lives.
    let mut browser = alice.browser.clone();
    let page = browser.begin(&rp.flow(&[])).await;
    assert!(page.text.contains("id=\"consent-allow\""), "{} {}", page.status, page.text);
    let tokens = rp.tokens(&mut browser, "alice").await;
    rp.userinfo(tokens.str("access_token")).await.ok();
    scene.stop().await;
}

async fn a_client_disabled_rotated_deleted(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &[]);
    let other = scene.operator.client(&scene.issuer.at, &[]);
    let id = rp.id.to_string();
    let (alice, elsewhere) = (scene.holder(&rp, "alice").await, scene.holder(&other, "alice").await);
    scene.operator.json(&["client", "disable", &id]);
    scene.dies("client disabled", &alice).await;
    alice.refresh().await.is(401, "invalid_client");
    elsewhere.lives().await;
    scene.operator.json(&["client", "enable", &id]);
    alice.refresh().await.is(400, "invalid_grant");

    // A new secret; the previous one goes on, and so do the tokens.
    let alice = scene.holder(&rp, "alice").await;
    let rotated = scene.operator.json(&["client", "rotate-secret", &id]);
    assert!(rotated["previous_ends_at"].is_string());
    alice.lives().await;
    let fresh = RelyingParty { secret: rotated["client_secret"].as_str().map(str::to_owned), ..rp.clone() };
    let again = fresh.refresh(alice.tokens.str("refresh_token")).await.ok();
    fresh.userinfo(again.str("access_token")).await.ok();
    // A leaked one stops at once, with everything.
    let alice = scene.holder(&fresh, "alice").await;
    let rotated = scene.operator.json(&["client", "rotate-secret", &id, "--revoke-tokens"]);
    scene.dies("secret rotated", &alice).await;
    alice.refresh().await.is(401, "invalid_client");
    rp.introspect("x").await.is(401, "invalid_client");
    let last = RelyingParty { secret: rotated["client_secret"].as_str().map(str::to_owned), ..rp.clone() };
    last.refresh(alice.tokens.str("refresh_token")).await.is(400, "invalid_grant");
    elsewhere.lives().await;

    let alice = scene.holder(&last, "alice").await;
    scene.operator.json(&["client", "delete", &id]);
    scene.dies("client deleted", &alice).await;
    alice.refresh().await.is(401, "invalid_client");
    elsewhere.lives().await;
    scene.operator.run(&["client", "show", &id]).refused("there is no client");
    scene.stop().await;
}

async fn a_resource_retired(kind: Kind) {
    let scene = Scene::new(kind).await;
    let (orders, stock) = ("https://orders.test", "https://stock.test");
    for uri in [orders, stock] {
        scene.operator.json(&["resource", "create", uri, "--scope", if uri == orders { "orders" } else { "stock" }]);
    }
    let service = |uri: &str, scope: &str| {
        let more = ["--grant", "client_credentials", "--resource", uri, "--scope", scope];
        scene.operator.client(&scene.issuer.at, &more)
    };
    let (one, two) = (service(orders, "orders"), service(stock, "stock"));
    let (first, second) = (one.own_token("orders").await, two.own_token("stock").await);
    assert_eq!(one.introspect(&first).await.ok().json["active"], true);
    scene.operator.json(&["resource", "delete", orders]);
    scene.issuer.until("retired", async |_| one.introspect(&first).await.ok().json["active"] == false).await;
    assert_eq!(two.introspect(&second).await.ok().json["active"], true);
    let form = [("grant_type", "client_credentials"), ("scope", "orders"), ("resource", orders)];
    one.token(&form).await.is(400, "invalid_target");
    scene.operator.run(&["resource", "delete", orders]).refused("retired");
    scene.stop().await;
}

async fn every_kind_revoked(kind: Kind) {
    let scene = Scene::new(kind).await;
    let rp = scene.operator.client(&scene.issuer.at, &[]);
    let bob = scene.holder(&rp, "bob").await;
    let revoke = |arguments: &[&str]| scene.operator.json(&[&["revoke"], arguments].concat());
    for kind in ["token", "family", "session", "grant", "user", "client"] {
        let alice = scene.holder(&rp, "alice").await;
        let access = alice.access();
        let id = |name: &str| access[name].as_str().unwrap().to_owned();
        let value = match kind {
            "token" => id("jti"),
            "family" => id("family_id"),
            "session" => id("sid"),
            "grant" => format!("alice/{}", rp.id),
            "user" => "alice".to_owned(),
            _ => id("client_id"),
        };
        let entry = revoke(&[kind, &value, "--reason", "test"]);
        assert_eq!((&entry["written"], &entry["reason"]), (&true.into(), &"test".into()), "{kind}");
        scene.dies(kind, &alice).await;
        match kind {
            "token" => assert_eq!(alice.refresh().await.status, 200, "the family lives"),
            _ => alice.refresh().await.is(400, "invalid_grant"),
        }
        if ["token", "family", "session"].contains(&kind) {
            let again = revoke(&[kind, &value]);
            assert_eq!((&again["written"], &again["seq"]), (&false.into(), &entry["seq"]), "{kind}: ended before");
        }
        if kind != "client" {
            bob.lives().await;
        }
    }
    // A token as it is, from standard input.
    let alice = scene.holder(&rp, "alice").await;
    let refresh = alice.tokens.str("refresh_token");
    scene.operator.run(&["revoke", "token", refresh]).refused("standard input");
    let entry = scene.operator.run_with(&["revoke", "token", "-", "--json"], &format!("{refresh}\n")).json();
    assert_eq!(entry["kind"], "family");
    scene.dies("by refresh token", &alice).await;
    scene.operator.run_with(&["revoke", "token", "-"], "ch_rt_nonsense\n").refused("no live token");

    let (alice, bob) = (scene.holder(&rp, "alice").await, scene.holder(&rp, "bob").await);
    let before = scene.operator.json(&["key", "list"]);
    let kid = header(alice.tokens.str("access_token"))["kid"].as_str().unwrap().to_owned();
    assert_eq!(revoke(&["key", &kid])["kind"], "key");
    scene.dies("key", &alice).await;
    let next = alice.refresh().await.ok();
    assert_ne!(header(next.str("access_token"))["kid"], kid);
    rp.userinfo(next.str("access_token")).await.ok();
    assert_eq!(scene.operator.json(&["key", "list"]).as_array().unwrap().len(), before.as_array().unwrap().len() + 1);

    revoke(&["all", "--reason", "panic"]);
    scene.dies("all", &bob).await;
    bob.refresh().await.is(400, "invalid_grant");
    scene.holder(&rp, "bob").await.lives().await;
    scene.stop().await;
}

fn header(jwt: &str) -> serde_json::Value {
    claims(&format!("x.{}.x", jwt.split('.').next().unwrap()))
}
