//! Pairwise subjects (OpenID Connect Core 8.1): one name for each sector, everywhere that its clients look, and in everything that
//! ends.

use chancery::demo::gateway::coverage::Presented;
use chancery::oauth::client;
use chancery::oidc::subject;
use chancery::store::client_metadata::SubjectType;
use chancery::store::clients::Client;
use chancery::store::{grants, pairwise, signin_rolls};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::kills::causes::{admin, try_admin};
use crate::kills::probes::{Gateway, bearing};
use crate::kit::actors::{Browser, PASSWORD, RelyingParty, claims, http, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    one_name_for_each_sector,
    a_gateway_that_matches_on_sub_misses_none,
    operators_may_call_a_user_by_any_of_his_names,
    a_hint_selects_the_user,
    other_subjects_end_what_was_given_under_the_former,
    sectors_are_settled_at_registration,
    without_a_name_nothing_is_issued,
);

/// A client of the sector of this host.
async fn pairwise_at(issuer: &Issuer, host: &str) -> RelyingParty {
    let at = |row: &mut Client| {
        row.metadata.subject_type = SubjectType::Pairwise;
        row.redirect_uris = Json(vec![format!("https://{host}/cb")]);
        row.scopes.push_str(" address");
    };
    issuer.client_with(at).await
}

fn sub(jwt: &str) -> String {
    claims(jwt)["sub"].as_str().unwrap().to_owned()
}

async fn one_name_for_each_sector(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (alice, _) = (issuer.user("alice").await, issuer.user("bob").await);
    let (one, same, other) = (
        pairwise_at(&issuer, "one.test").await,
        pairwise_at(&issuer, "one.test").await,
        pairwise_at(&issuer, "other.test").await,
    );
    let public = issuer.client().await;
    let mut names = Vec::new();
    for rp in [&one, &same, &other, &public] {
        let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
        let next = rp.refresh(given.str("refresh_token")).await.ok();
        let again = rp.tokens(&mut Browser::new(&issuer), "alice").await;
        let mut seen = vec![
            rp.userinfo(next.str("access_token")).await.ok().str("sub").to_owned(),
            rp.introspect(next.str("access_token")).await.ok().str("sub").to_owned(),
            rp.introspect(next.str("refresh_token")).await.ok().str("sub").to_owned(),
        ];
        for answer in [&given, &next, &again] {
            seen.extend([sub(answer.str("id_token")), sub(answer.str("access_token"))]);
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
        // And so is he called when the client is told of his end.
        let client = client::find(&issuer.app, rp.id).await.unwrap().unwrap();
        let (user, ..) = signin_rolls::of_user(&issuer.app.store, alice.id).await.unwrap().unwrap();
        let told = subject::last_known_to(&issuer.app.store, client.registration(), &user).await.unwrap();
        assert_eq!(told.as_ref(), seen.first());
        names.push(seen.remove(0));
    }
    assert_eq!(names[0], names[1], "clients of one sector may compare notes");
    assert_eq!(names[3], alice.sub.to_string());
    assert!(names[0] != names[2] && names[0] != names[3] && names[2] != names[3], "{names:?}");
    // Nothing that such a client is told holds the name that others know.
    let given = one.tokens(&mut Browser::new(&issuer), "alice").await;
    let told = one.userinfo(given.str("access_token")).await.ok();
    for text in [claims(given.str("id_token")), claims(given.str("access_token")), told.json] {
        assert!(
            !text.to_string().contains(&alice.sub.to_string()) && !text.to_string().contains(&alice.id.to_string())
        );
    }
    let bob = one.tokens(&mut Browser::new(&issuer), "bob").await;
    assert_ne!(sub(bob.str("id_token")), names[0]);
    let metadata: Value =
        http().get(issuer.url("/.well-known/openid-configuration")).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["subject_types_supported"], json!(["public", "pairwise"]));
    issuer.stop().await;
}

/// A token, as a gateway reads it that looks at nothing but `sub` and `client_id`.
fn by_sub_alone(token: &str) -> Presented {
    let whole = bearing(token);
    Presented {
        jti: "another".to_owned(),
        kid: "another".to_owned(),
        family: None,
        session: None,
        audiences: Vec::new(),
        ..whole
    }
}

async fn a_gateway_that_matches_on_sub_misses_none(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let (alice, _) = (issuer.user("alice").await, issuer.user("bob").await);
    let (one, other, public) =
        (pairwise_at(&issuer, "one.test").await, pairwise_at(&issuer, "other.test").await, issuer.client().await);
    let mut gateway = Gateway::beside(&issuer).await;
    for what in ["grant", "user"] {
        let mut held = Vec::new();
        for (name, rp) in [("one", &one), ("other", &other), ("public", &public)] {
            let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
            held.push((name, rp, given.str("access_token").to_owned()));
        }
        let bob = one.tokens(&mut Browser::new(&issuer), "bob").await;
        let before = gateway.entries().await.unwrap();
        assert!(!held.iter().any(|(_, _, token)| before.iter().any(|entry| entry.covers(&by_sub_alone(token)))));
        // By the name that tokens carry, as whoever found one would call it.
        let name = sub(&held[0].2);
        if what == "grant" {
            admin(&issuer, "grant", &format!("{name} {}", one.id)).await;
        } else {
            admin(&issuer, "user", &name).await;
        }
        let entries = gateway.entries().await.unwrap();
        for (name, rp, token) in &held {
            let ends = what == "user" || *name == "one";
            let covered = entries.iter().any(|entry| entry.covers(&by_sub_alone(token)));
            assert_eq!(covered, ends, "{what}: {name}");
            let status = rp.userinfo(token).await.status.as_u16();
            assert_eq!(status, if ends { 401 } else { 200 }, "{what}: {name}");
        }
        assert!(!entries.iter().any(|entry| entry.covers(&by_sub_alone(bob.str("access_token")))), "{what}: bob's");
        // What is given from now on is dead to nobody.
        let next = one.tokens(&mut Browser::new(&issuer), "alice").await;
        assert_eq!(sub(next.str("access_token")), name, "the name is the same for good");
        assert!(!entries.iter().any(|entry| entry.covers(&by_sub_alone(next.str("access_token")))));
        one.userinfo(next.str("access_token")).await.ok();
    }
    // The user's own name comes last, and is the one that stands for the kill.
    let (mut kinds, answer) = (Vec::new(), try_admin(&issuer, "user", &alice.sub.to_string()).await);
    for entry in chancery::store::revocations::after(&issuer.app.store, 0, 1000).await.unwrap() {
        kinds.push((entry.seq, entry.kind, entry.value));
    }
    let mut subs: Vec<String> =
        pairwise::of_user(&issuer.app.store, alice.id).await.unwrap().iter().map(ToString::to_string).collect();
    subs.push(alice.sub.to_string());
    let last: Vec<_> = kinds.split_off(kinds.len() - subs.len());
    assert_eq!(last.iter().map(|(_, _, value)| value.clone()).collect::<Vec<_>>(), subs);
    assert!(last.iter().all(|(_, kind, _)| kind == "user"));
    assert_eq!(answer.json["seq"].as_i64(), last.last().map(|(seq, _, _)| *seq));
    issuer.stop().await;
}

async fn operators_may_call_a_user_by_any_of_his_names(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let alice = issuer.user("alice").await;
    let rp = pairwise_at(&issuer, "one.test").await;
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let name = sub(given.str("id_token"));
    assert_eq!(operator.json(&["user", "show", &name])["id"], alice.id.to_string());
    let tree = operator.json(&["lineage", "show", &name]);
    assert_eq!(tree["user"]["id"], alice.id.to_string());
    let family = &tree["sessions"][0]["families"][0];
    assert_eq!((&family["sub"], &family["state"]), (&json!(name), &json!("live")), "{family}");
    let entry = operator.json(&["revoke", "grant", &format!("{name}/{}", rp.id)]);
    assert_eq!(entry["value"], format!("{} {}", alice.sub, rp.id));
    issuer.until("it ended here", async |_| rp.userinfo(given.str("access_token")).await.status == 401).await;
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    operator.json(&["revoke", "user", &name]);
    issuer.until("it ended here", async |_| rp.userinfo(given.str("access_token")).await.status == 401).await;
    let tree = operator.json(&["lineage", "show", &name]);
    let states: Vec<_> = tree["sessions"].as_array().unwrap().iter().map(|session| session["state"].clone()).collect();
    assert!(states.iter().all(|state| state != "live"), "{states:?}");
    issuer.stop().await;
}

/// PROTOCOL.md, "Authorization endpoint": `id_token_hint` selects the user or yields `login_required`; whatever name it has for him.
async fn a_hint_selects_the_user(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    for name in ["alice", "bob"] {
        issuer.user(name).await;
    }
    let (one, public) = (pairwise_at(&issuer, "one.test").await, issuer.client().await);
    let mut browser = Browser::new(&issuer);
    let given = one.tokens(&mut browser, "alice").await;
    let hint = given.str("id_token").to_owned();
    let asks = |rp: &RelyingParty| rp.flow(&[("prompt", "none"), ("id_token_hint", &hint)]);
    for rp in [&one, &public] {
        let to = location(&browser.clone().get(&asks(rp).url).await).unwrap();
        assert!(parameter(&to, "code").is_some(), "{to}");
    }
    let mut bobs = Browser::new(&issuer);
    one.tokens(&mut bobs, "bob").await;
    let to = location(&bobs.clone().get(&asks(&one).url).await).unwrap();
    assert_eq!(parameter(&to, "error").as_deref(), Some("login_required"));
    // Nor may Bob sign in where Alice is meant.
    let flow = one.flow(&[("id_token_hint", &hint)]);
    let page = bobs.begin(&flow).await.ok();
    let to = location(&bobs.sign_in(&page, &flow.url, "bob", PASSWORD).await).unwrap();
    assert_eq!(parameter(&to, "error").as_deref(), Some("login_required"));
    // A pairwise subject is no name to sign in with.
    let flow = one.flow(&[("login_hint", &sub(&hint))]);
    let mut fresh = Browser::new(&issuer);
    let page = fresh.begin(&flow).await.ok();
    let answer = fresh.sign_in(&page, &flow.url, &sub(&hint), PASSWORD).await;
    assert!(location(&answer).is_none_or(|to| parameter(&to, "code").is_none()), "{:?}", location(&answer));

    // With one's own ID token one is signed out at once; with another's one is asked.
    let out = |more: &str| issuer.url(&format!("/oauth2/logout?id_token_hint={hint}{more}"));
    let asked = bobs.get(&out("")).await.ok();
    assert!(asked.text.contains("logout-confirm"), "{}", asked.text);
    let gone = browser.get(&out("&post_logout_redirect_uri=https%3A%2F%2Frp.test%2Fbye")).await;
    assert_eq!(location(&gone).as_deref(), Some("https://rp.test/bye"));
    one.refresh(given.str("refresh_token")).await.is(400, "invalid_grant");
    issuer.stop().await;
}

/// OpenID Connect Core 12.2: a refresh never names somebody else. A client whose names change begins anew.
async fn other_subjects_end_what_was_given_under_the_former(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let alice = issuer.user("alice").await;
    let rp = operator.client(&issuer.at, &[]);
    let (id, mut seen) = (rp.id.to_string(), Vec::new());
    for change in [
        &["--contact", "ops@rp.test"][..],
        &["--subject-type", "pairwise"],
        &["--redirect-uri", "https://moved.test/cb"],
        &["--redirect-uri", "https://moved.test/cb", "--redirect-uri", "https://moved.test/other"],
        &["--redirect-uri", "https://rp.test/cb", "--subject-type", "public"],
    ] {
        let now = RelyingParty {
            redirect: if seen.len() == 3 || seen.len() == 4 {
                "https://moved.test/cb".to_owned()
            } else {
                rp.redirect.clone()
            },
            ..rp.clone()
        };
        let given = now.tokens(&mut Browser::new(&issuer), "alice").await;
        seen.push(sub(given.str("id_token")));
        operator.run(&[&["client", "update", &id], change].concat()).ok();
        let spares = change.contains(&"--contact") || change.len() == 4 && !change.contains(&"public");
        if spares {
            assert_eq!(sub(now.refresh(given.str("refresh_token")).await.ok().str("id_token")), *seen.last().unwrap());
        } else {
            now.refresh(given.str("refresh_token")).await.is(400, "invalid_grant");
            issuer.until("it ended", async |_| now.userinfo(given.str("access_token")).await.status == 401).await;
        }
    }
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    seen.push(sub(given.str("access_token")));
    let own = alice.sub.to_string();
    assert_eq!((&seen[0], &seen[1], &seen[5]), (&own, &own, &own));
    assert!(seen[2] != own && seen[3] != own && seen[2] != seen[3], "{seen:?}");
    assert_eq!(seen[3], seen[4]);
    issuer.stop().await;
}

async fn sectors_are_settled_at_registration(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let create = ["client", "create", "--name", "Dash", "--subject-type", "pairwise"];
    for (uris, says) in [
        (&["https://a.test/cb", "https://b.test/cb"][..], "subject_type: the redirect URIs are of several hosts"),
        (&["https://a.test/cb", "https://sub.a.test/cb"], "subject_type: the redirect URIs are of several hosts"),
        (&["http://127.0.0.1/cb"], "subject_type: pairwise subjects need sector_identifier_uri"),
        (&["com.example.app:/cb"], "subject_type: pairwise subjects need sector_identifier_uri"),
        (&[], "subject_type: pairwise subjects need a redirect URI"),
    ] {
        let mut command = create.to_vec();
        if uris.iter().any(|uri| !uri.starts_with("https")) {
            command.push("--public");
        }
        uris.iter().for_each(|uri| command.extend(["--redirect-uri", uri]));
        operator.run(&command).refused(says);
    }
    let made = operator
        .json(&[&create[..], &["--redirect-uri", "https://a.test/cb", "--redirect-uri", "https://a.test/x"]].concat());
    let id = made["client_id"].as_str().unwrap();
    assert_eq!(operator.json(&["client", "show", id])["subject_type"], "pairwise");
    operator
        .run(&["client", "update", id, "--redirect-uri", "https://a.test/cb", "--redirect-uri", "https://b.test/cb"])
        .refused("of several hosts");
    operator
        .run(&["client", "update", id, "--subject-type", "public", "--sector-identifier-uri", "https://a.test/s.json"])
        .refused("sector_identifier_uri: is of no use without the subject type pairwise");
    issuer.stop().await;
}

/// Rather none than the wrong one: a grant that was never told how its client knows the user.
async fn without_a_name_nothing_is_issued(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let rp = pairwise_at(&issuer, "one.test").await;
    let given = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let grant = grants::find(&issuer.app.store, alice.id, rp.id).await.unwrap().unwrap();
    let mut tx = issuer.app.store.begin().await.unwrap();
    grants::know_as(&mut tx, grant.id, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rp.introspect(given.str("refresh_token")).await.status, 500);
    let answer = rp.refresh(given.str("refresh_token")).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert!(!answer.text.contains("token\":"), "{}", answer.text);
    // Nothing was spent for it: told his name again, the client goes on where it was.
    let mut tx = issuer.app.store.begin().await.unwrap();
    grants::know_as(&mut tx, grant.id, grant.sub).await.unwrap();
    tx.commit().await.unwrap();
    let next = rp.refresh(given.str("refresh_token")).await.ok();
    assert_eq!(sub(next.str("access_token")), sub(given.str("access_token")));
    let tree =
        Operator::of(&issuer).json(&["lineage", "show", claims(next.str("access_token"))["jti"].as_str().unwrap()]);
    assert_eq!(tree["sessions"][0]["families"][0]["generation"], 1);
    issuer.stop().await;
}
