//! Who is told: every client of a session that has ended, however it ended, once; and nobody else.

use std::collections::BTreeSet;

use chancery::event::Caller;
use chancery::identity::change;
use chancery::session;

use super::receiver::{Answers, Receiver};
use super::{SOON, all_told, issuer, notices, sign_out, told_at};
use crate::device::desk;
use crate::kit::actors::{Browser, PASSWORD, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_sign_out_at_one_tells_the_others,
    every_end_of_a_session_tells,
    what_ends_no_session_tells_nobody,
    ones_own_new_password_spares_the_fresh_session,
    many_sessions_end_at_once_and_each_is_told_once_by_two_nodes,
    who_can_not_be_told_is_not,
    devices_are_told_from_when_they_were_allowed,
);

fn sid(tokens: &crate::kit::actors::Answer) -> String {
    claims(tokens.str("id_token"))["sid"].as_str().unwrap().to_owned()
}

async fn a_sign_out_at_one_tells_the_others(kind: Kind) {
    let issuer = issuer(kind).await;
    issuer.user("alice").await;
    let receivers = [Receiver::new().await, Receiver::new().await, Receiver::new().await, Receiver::new().await];
    let mut parties = Vec::new();
    for receiver in &receivers {
        parties.push(told_at(&issuer, &receiver.uri).await);
    }
    let silent = issuer.client().await;
    let (mut browser, mut other) = (Browser::new(&issuer), Browser::new(&issuer));
    let tokens = parties[0].tokens(&mut browser, "alice").await;
    parties[1].tokens(&mut browser, "alice").await;
    parties[1].tokens(&mut browser, "alice").await;
    silent.tokens(&mut browser, "alice").await;
    // A code is the way to tokens: whoever holds one may be spending it now.
    browser.code(&parties[2].flow(&[]), "alice").await;
    parties[3].tokens(&mut other, "alice").await;

    let answer = sign_out(&issuer, &mut browser, tokens.str("id_token")).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let told: Vec<usize> = receivers.iter().map(|receiver| receiver.told().len()).collect();
    assert_eq!(told, [1, 1, 1, 0], "before the user is sent on, each once, and not the other session's");
    let mut ids = BTreeSet::new();
    for receiver in &receivers[..3] {
        let (told, jti) = receiver.told().remove(0);
        assert_eq!(told, sid(&tokens));
        ids.insert(jti);
    }
    assert_eq!(ids.len(), 3, "each token has an id of its own");
    all_told(&issuer).await;
    assert_eq!(super::initiated::events(&issuer, "logout.delivered").await, 3);
    assert!(notices(&issuer, silent.id).await.is_empty());
}

struct Scene {
    issuer: Issuer,
    operator: Operator,
    rp: RelyingParty,
    receiver: Receiver,
}

impl Scene {
    async fn new(kind: Kind) -> Self {
        let issuer = issuer(kind).await;
        let receiver = Receiver::new().await;
        let rp = told_at(&issuer, &receiver.uri).await;
        let operator = Operator::of(&issuer);
        Self { issuer, operator, rp, receiver }
    }
}

async fn every_end_of_a_session_tells(kind: Kind) {
    let scene = Scene::new(kind).await;
    let Scene { issuer, operator, rp, receiver } = &scene;
    let service = issuer.service("chancery:revocations:write", &[]).await;
    let token = service.own_token("chancery:revocations:write").await;
    let admin = async |kind: &str, value: &str| {
        let request = rp.http.post(issuer.url("/admin/v1/revocations")).bearer_auth(&token);
        let answer = request.json(&serde_json::json!({ "kind": kind, "value": value })).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    };
    for (n, cause) in ["session", "admin session", "user", "admin user", "disabled", "password", "deleted", "all"]
        .into_iter()
        .enumerate()
    {
        let name = format!("user{n}");
        let user = issuer.user(&name).await;
        let tokens = rp.tokens(&mut Browser::new(issuer), &name).await;
        let (sid, sub) = (sid(&tokens), user.sub.to_string());
        match cause {
            "session" => drop(operator.run(&["revoke", "session", &sid]).ok()),
            "admin session" => admin("session", &sid).await,
            "user" => drop(operator.run(&["revoke", "user", &name]).ok()),
            "admin user" => admin("user", &sub).await,
            "disabled" => drop(operator.run(&["user", "disable", &name]).ok()),
            "password" => {
                let arguments = ["user", "set-password", &name, "--password-stdin"];
                operator.run_with(&arguments, "quite another long password\n").ok();
            }
            "deleted" => drop(operator.run(&["user", "delete", &name]).ok()),
            _ => admin("all", "").await,
        }
        let posts = receiver.posted(n + 1, SOON).await;
        let said = claims(&posts[n].token);
        assert_eq!((said["sid"].as_str(), said["sub"].as_str()), (Some(sid.as_str()), Some(sub.as_str())), "{cause}");
        all_told(issuer).await;
        assert_eq!(receiver.posts().len(), n + 1, "{cause}: once, and what had ended before isn't told again");
    }
}

async fn what_ends_no_session_tells_nobody(kind: Kind) {
    let scene = Scene::new(kind).await;
    let Scene { issuer, operator, rp, receiver } = &scene;
    issuer.user("alice").await;
    let mut browser = Browser::new(issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let access = claims(tokens.str("access_token"));
    for (kind, value) in [("token", access["jti"].as_str().unwrap()), ("family", access["family_id"].as_str().unwrap())]
    {
        operator.run(&["revoke", kind, value]).ok();
    }
    rp.revoke(rp.tokens(&mut browser, "alice").await.str("refresh_token")).await.ok();
    operator.run(&["revoke", "grant", &format!("alice/{}", rp.id)]).ok();
    operator.run(&["user", "update", "alice", "--remove-group", "staff"]).ok();
    operator.run(&["revoke", "client", &rp.id.to_string()]).ok();
    // What comes last is told; nothing before it was.
    let tokens = rp.tokens(&mut browser, "alice").await;
    sign_out(issuer, &mut browser, tokens.str("id_token")).await;
    receiver.posted(1, SOON).await;
    all_told(issuer).await;
    assert_eq!(receiver.told().len(), 1);
    // Signed out is signed out: once more tells nobody.
    sign_out(issuer, &mut browser, tokens.str("id_token")).await;
    assert!(operator.run(&["revoke", "session", &sid(&tokens)]).ok().out.contains("before"));
    all_told(issuer).await;
    assert_eq!(receiver.told().len(), 1);
}

async fn ones_own_new_password_spares_the_fresh_session(kind: Kind) {
    let scene = Scene::new(kind).await;
    let Scene { issuer, rp, receiver, .. } = &scene;
    issuer.user("alice").await;
    let (mut one, mut other) = (Browser::new(issuer), Browser::new(issuer));
    let ended: BTreeSet<String> =
        [sid(&rp.tokens(&mut one, "alice").await), sid(&rp.tokens(&mut other, "alice").await)].into();
    let held =
        session::of_cookie(&issuer.app, one.cookies.get("ch_session").map(String::as_str)).await.unwrap().unwrap();
    let begun = change::password(&issuer.app, &held, PASSWORD, "quite another long password", &Caller::default())
        .await
        .unwrap();
    receiver.posted(2, SOON).await;
    all_told(issuer).await;
    let told: BTreeSet<String> = receiver.told().into_iter().map(|(sid, _)| sid).collect();
    assert_eq!((told, receiver.posts().len()), (ended, 2));
    // It lives, and is told of when it ends.
    one.cookies.insert("ch_session".to_owned(), begun.secret.expose());
    let tokens = rp.tokens(&mut one, "alice").await;
    assert_eq!(sid(&tokens), begun.session_id.to_string());
    sign_out(issuer, &mut one, tokens.str("id_token")).await;
    assert_eq!(receiver.posted(3, SOON).await.len(), 3);
}

async fn many_sessions_end_at_once_and_each_is_told_once_by_two_nodes(kind: Kind) {
    let scene = Scene::new(kind).await;
    let Scene { issuer, operator, rp, receiver } = &scene;
    let change = |config: &mut chancery::config::Config| config.fetch.allow_http = true;
    let second = issuer.another_node(Setup { change: Box::new(change), ..Setup::patient() }).await;
    issuer.user("alice").await;
    let mut ended = BTreeSet::new();
    // More than one transaction makes notices of.
    for _ in 0..60 {
        ended.insert(sid(&rp.tokens(&mut Browser::new(issuer), "alice").await));
    }
    operator.run(&["user", "disable", "alice"]).ok();
    receiver.posted(60, 3 * SOON).await;
    all_told(issuer).await;
    let told = receiver.told();
    assert_eq!(told.len(), 60, "each once");
    assert_eq!(told.into_iter().map(|(sid, _)| sid).collect::<BTreeSet<_>>(), ended);
    second.stop().await;
}

async fn who_can_not_be_told_is_not(kind: Kind) {
    let scene = Scene::new(kind).await;
    let Scene { issuer, operator, rp, receiver } = &scene;
    let silent = Receiver::that(&[Answers::Status(503), Answers::Status(200)]).await;
    let gone = told_at(issuer, &silent.uri).await;
    issuer.user("alice").await;
    let mut browser = Browser::new(issuer);
    rp.tokens(&mut browser, "alice").await;
    let tokens = gone.tokens(&mut browser, "alice").await;
    // Disabled before: no notice. Taken away in between: the notice is over, and the trail says so.
    operator.run(&["client", "disable", &rp.id.to_string()]).ok();
    sign_out(issuer, &mut browser, tokens.str("id_token")).await;
    silent.posted(1, SOON).await;
    operator.run(&["client", "disable", &gone.id.to_string()]).ok();
    all_told(issuer).await;
    assert!(receiver.posts().is_empty() && silent.posts().len() == 1);
    assert!(notices(issuer, rp.id).await.is_empty());
    let over = notices(issuer, gone.id).await.remove(0);
    assert_eq!(over.outcome.as_deref(), Some("given_up"));
    assert_eq!(over.said.as_deref(), Some("the client is disabled or deleted"));
}

async fn devices_are_told_from_when_they_were_allowed(kind: Kind) {
    let scene = Scene::new(kind).await;
    let Scene { issuer, operator, receiver, .. } = &scene;
    issuer.user("alice").await;
    let (tv, denied) = (issuer.device_client().await, issuer.device_client().await);
    let operator = operator.clone().and("CHANCERY_FETCH__ALLOW_HTTP", "on");
    for device in [&tv, &denied] {
        let id = device.id.to_string();
        operator.run(&["client", "update", &id, "--backchannel-logout-uri", &receiver.uri]).ok();
    }
    // One that has its tokens, one that has yet to ask for them, and one that was denied.
    for polls in [true, false] {
        let mut browser = Browser::new(issuer);
        let asked = desk::asks(&tv).await;
        desk::allows(&mut browser, &asked, "alice").await;
        if polls {
            tv.poll(&asked.device_code).await.ok();
        }
        let asked = desk::asks(&denied).await;
        let page = desk::enters(&mut browser, &asked.user_code).await;
        desk::presses(&mut browser, &page, "consent-deny").await.ok();
    }
    operator.run(&["revoke", "user", "alice"]).ok();
    let posts = receiver.posted(2, SOON).await;
    all_told(issuer).await;
    assert_eq!(receiver.posts().len(), 2);
    assert!(
        posts.iter().all(|post| claims(&post.token)["aud"] == tv.id.to_string()),
        "each of the sessions, and who was denied not"
    );
}
