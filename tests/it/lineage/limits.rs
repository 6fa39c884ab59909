//! How long a family lives, what it hangs on, and what a refresh may ask for.

use std::time::Duration;

use chancery::identity::people::{self, Edit};
use chancery::oauth::{manage, resource};
use chancery::store::{resources, sessions, users};
use sqlx::types::Json;
use uuid::Uuid;

use crate::kit::actors::{Answer, PASSWORD, RelyingParty, claims};
use crate::kit::issuer::{Kind, on_both};

use super::bench::{Bench, DAY, HOUR, SECOND};
use super::desk::family;

on_both!(
    families_idle_and_end,
    sessions_idle_and_end,
    outliving_the_session,
    scopes_narrow_and_never_grow,
    resources_are_those_consented_to,
    what_is_left_of_the_resources,
    a_later_default_is_for_later_families,
    who_and_how_stay_those_of_the_birth,
    a_refresh_token_only_where_due,
    what_is_allowed_now,
);

fn session_of(answer: &Answer) -> Uuid {
    claims(answer.str("id_token"))["sid"].as_str().unwrap().parse().unwrap()
}

fn scope_of(answer: &Answer) -> String {
    let told = answer.str("scope").to_owned();
    assert_eq!(claims(answer.str("access_token"))["scope"], told.as_str());
    told
}

async fn narrowed(rp: &RelyingParty, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    form.extend_from_slice(more);
    rp.token(&form).await
}

async fn families_idle_and_end(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    // Idle: not refreshed for 14 days.
    let idle = bench.started(&rp).await;
    let kept = bench.started(&rp).await;
    bench.after(14 * DAY - SECOND).await;
    let mut token = rp.refresh(kept.first.str("refresh_token")).await.ok().str("refresh_token").to_owned();
    bench.after(SECOND).await;
    rp.refresh(idle.first.str("refresh_token")).await.is(400, "invalid_grant");
    assert_eq!(family(&bench.issuer, idle.family).await.revoked_seq, 0, "expiry is no kill");
    assert_eq!(rp.introspect(idle.first.str("refresh_token")).await.ok().json["active"], false);

    // Absolute: 90 days after its birth, however often it is refreshed; no access token outlives it (V148).
    let end = family(&bench.issuer, kept.family).await.expires_at;
    let left = |bench: &Bench| (end - bench.now()).to_std().unwrap();
    while left(&bench) > 13 * DAY {
        bench.after(13 * DAY).await;
        token = rp.refresh(&token).await.ok().str("refresh_token").to_owned();
        assert_eq!(family(&bench.issuer, kept.family).await.expires_at, end, "no refresh moves the end");
    }
    bench.after(left(&bench) - 90 * SECOND).await;
    let last = rp.refresh(&token).await.ok();
    let expires = claims(last.str("access_token"))["exp"].as_i64().unwrap();
    assert!(last.json["expires_in"].as_i64().unwrap() <= 90 && expires <= end.timestamp(), "{}", last.text);
    bench.after(90 * SECOND).await;
    rp.refresh(last.str("refresh_token")).await.is(400, "invalid_grant");
    rp.refresh(&token).await.is(400, "invalid_grant");
    rp.userinfo(last.str("access_token")).await.is(401, "invalid_token");
    bench.issuer.stop().await;
}

async fn sessions_idle_and_end(kind: Kind) {
    let usual = |config: &mut chancery::config::Config| {
        config.sessions.idle = 12 * HOUR;
        config.sessions.absolute = 5 * DAY;
    };
    let mut bench = Bench::start(kind, usual).await;
    let rp = bench.issuer.client().await;
    let start = bench.started(&rp).await;
    let session = session_of(&start.first);
    let last_used =
        async |bench: &Bench| sessions::get(&bench.issuer.app.store, session).await.unwrap().unwrap().last_used_at;

    // A refresh is a use of the session, written down at most once a minute.
    let born = last_used(&bench).await;
    bench.after(59 * SECOND).await;
    let mut token = rp.refresh(start.first.str("refresh_token")).await.ok().str("refresh_token").to_owned();
    bench.after(SECOND).await;
    assert_eq!(last_used(&bench).await, born);
    token = rp.refresh(&token).await.ok().str("refresh_token").to_owned();
    bench.issuer.until("the use is noted", async |_| last_used(&bench).await == bench.now()).await;
    bench.after(SECOND).await;
    token = rp.refresh(&token).await.ok().str("refresh_token").to_owned();
    // So the session idles as long as nobody refreshes, and no longer.
    let end = family(&bench.issuer, start.family).await.expires_at;
    assert_eq!(end, sessions::get(&bench.issuer.app.store, session).await.unwrap().unwrap().expires_at);
    let mut rounds = 0;
    while (end - bench.now()).to_std().unwrap() > 11 * HOUR + Duration::from_mins(5) {
        bench.after(11 * HOUR).await;
        token = rp.refresh(&token).await.ok().str("refresh_token").to_owned();
        bench.issuer.until("the use is noted", async |_| last_used(&bench).await == bench.now()).await;
        rounds += 1;
    }
    assert_eq!(rounds, 10);
    // Its absolute end is the family's and every token's.
    bench.after((end - bench.now()).to_std().unwrap() - 100 * SECOND).await;
    let last = rp.refresh(&token).await.ok();
    assert!(last.json["expires_in"].as_i64().unwrap() <= 100);
    bench.after(100 * SECOND).await;
    rp.refresh(last.str("refresh_token")).await.is(400, "invalid_grant");
    rp.userinfo(last.str("access_token")).await.is(401, "invalid_token");

    // A session that idles out ends its families, and nothing brings them back.
    let start = bench.started(&rp).await;
    assert_ne!(session_of(&start.first), session);
    bench.after(12 * HOUR).await;
    rp.refresh(start.first.str("refresh_token")).await.is(400, "invalid_grant");
    bench.issuer.stop().await;
}

async fn outliving_the_session(kind: Kind) {
    let short = |config: &mut chancery::config::Config| config.sessions.absolute = 2 * DAY;
    let mut bench = Bench::start(kind, short).await;
    let native = bench.issuer.client_with(|row| row.outlives_session = true).await;
    let without = RelyingParty { scope: "openid email".to_owned(), ..native.clone() };
    let usual = bench.issuer.client().await;
    let outlives = bench.started(&native).await;
    let no_offline = bench.started(&without).await;
    let hangs = bench.started(&usual).await;
    assert_eq!(claims(outlives.first.str("access_token"))["sid"], serde_json::Value::Null);

    // Signing out ends what hangs on the session.
    let hint = hangs.first.str("id_token").to_owned();
    let bye = format!("{}/oauth2/logout?id_token_hint={hint}", bench.issuer.at);
    bench.browser.get(&bye).await;
    for start in [&no_offline, &hangs] {
        start.rp.refresh(start.first.str("refresh_token")).await.is(400, "invalid_grant");
        start.rp.userinfo(start.first.str("access_token")).await.is(401, "invalid_token");
    }
    native.userinfo(outlives.first.str("access_token")).await.ok();
    let next = native.refresh(outlives.first.str("refresh_token")).await.ok();
    // So does the session's absolute end; the rest lives by its own 90 days.
    bench.after(10 * DAY).await;
    let next = native.refresh(next.str("refresh_token")).await.ok();
    assert_eq!(next.json["expires_in"], 600, "the session's end is none of its business");

    // What hangs on the user ends with the user.
    let alice = users::by_key(&bench.issuer.app.store, "alice").await.unwrap().unwrap();
    bench.manage(async |by| people::disable(&bench.issuer.app.store, by, alice.id).await).await;
    native.refresh(next.str("refresh_token")).await.is(400, "invalid_grant");
    bench.manage(async |by| people::enable(&bench.issuer.app.store, by, alice.id).await).await;
    native.refresh(next.str("refresh_token")).await.is(400, "invalid_grant");
    native.userinfo(next.str("access_token")).await.is(401, "invalid_token");
    bench.issuer.stop().await;
}

async fn scopes_narrow_and_never_grow(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let asks = RelyingParty { scope: "openid email groups".to_owned(), ..rp.clone() };
    let start = bench.started(&asks).await;
    let token = start.first.str("refresh_token").to_owned();
    assert_eq!(scope_of(&start.first), "openid email groups");

    let narrow = narrowed(&rp, &token, &[("scope", "openid")]).await.ok();
    assert_eq!(scope_of(&narrow), "openid");
    let told = rp.userinfo(narrow.str("access_token")).await.ok();
    assert_eq!(told.json["email"], serde_json::Value::Null);
    assert_eq!(claims(narrow.str("access_token"))["groups"], serde_json::Value::Null);
    // A retry may narrow otherwise, and the next may grow back to what was consented to: no further.
    let retry = narrowed(&rp, &token, &[("scope", "email openid")]).await.ok();
    assert_eq!((scope_of(&retry).as_str(), retry.str("refresh_token")), ("email openid", narrow.str("refresh_token")));
    let token = narrow.str("refresh_token").to_owned();
    narrowed(&rp, &token, &[("scope", "openid profile")]).await.is(400, "invalid_scope");
    narrowed(&rp, &token, &[("scope", "openid email groups offline_access")]).await.is(400, "invalid_scope");
    let back = rp.refresh(&token).await.ok();
    assert_eq!(scope_of(&back), "openid email groups");
    assert_eq!(claims(back.str("access_token"))["groups"], serde_json::json!(["staff"]));
    // Without openid there is no ID token, and userinfo refuses.
    let bare = narrowed(&rp, back.str("refresh_token"), &[("scope", "email")]).await.ok();
    assert_eq!(bare.json["id_token"], serde_json::Value::Null);
    rp.userinfo(bare.str("access_token")).await.is(403, "insufficient_scope");
    bench.issuer.stop().await;
}

async fn resources_are_those_consented_to(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let (tide, moon) = ("https://tide.test/", "https://moon.test/");
    bench.issuer.resource(tide, &["tide:read"]).await;
    bench.issuer.resource(moon, &["moon:read"]).await;
    let rp = bench
        .issuer
        .client_with(|row| {
            row.scopes = "openid tide:read moon:read".to_owned();
            row.resources = Json(vec![tide.to_owned(), moon.to_owned()]);
        })
        .await;
    let flow = rp.flow(&[("resource", tide)]);
    let code = bench.browser.code(&flow, "alice").await;
    let first = rp.redeem(&flow, &code).await.ok();
    assert_eq!(claims(first.str("access_token"))["aud"], tide);
    let named = narrowed(&rp, first.str("refresh_token"), &[("resource", tide)]).await.ok();
    assert_eq!(claims(named.str("access_token"))["aud"], tide);
    let token = named.str("refresh_token").to_owned();
    for more in [&[("resource", moon)][..], &[("resource", tide), ("resource", moon)], &[("resource", "tide")]] {
        narrowed(&rp, &token, more).await.is(400, "invalid_target");
    }
    // Retired: the family lives on, but there is nothing it may ask for, by name or not.
    let id = resources::by_uri(&bench.issuer.app.store, tide).await.unwrap().unwrap().id;
    bench.manage(async |by| resource::retire(&bench.issuer.app.store, by, id).await).await;
    assert_eq!(rp.introspect(named.str("access_token")).await.ok().json["active"], false);
    rp.refresh(&token).await.is(400, "invalid_grant");
    narrowed(&rp, &token, &[("resource", tide)]).await.is(400, "invalid_target");
    assert_eq!(rp.introspect(&token).await.ok().json["active"], true);
    let row = family(&bench.issuer, super::desk::family_of(&first)).await;
    assert_eq!((row.ended_at, row.generation), (None, 1));
    bench.issuer.stop().await;
}

/// A client that never names a resource goes on with those that are left, and gets none that was never authorized.
async fn what_is_left_of_the_resources(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let (tide, moon, star) = ("https://tide.test/", "https://moon.test/", "https://star.test/");
    for uri in [tide, moon, star] {
        bench.issuer.resource(uri, &["read"]).await;
    }
    let rp = bench
        .issuer
        .client_with(|row| {
            row.scopes = "openid read".to_owned();
            row.resources = Json(vec![tide.to_owned(), moon.to_owned(), star.to_owned()]);
        })
        .await;
    let mut flow = rp.flow(&[("resource", tide)]);
    flow.url.push_str("&resource=https%3A%2F%2Fmoon.test%2F&resource=https%3A%2F%2Fstar.test%2F");
    let code = bench.browser.code(&flow, "alice").await;
    let first = rp.redeem(&flow, &code).await.ok();
    assert_eq!(claims(first.str("access_token"))["aud"], serde_json::json!([tide, moon, star]));
    let later = bench.browser.code(&flow, "alice").await;

    let store = bench.issuer.app.store.clone();
    let id = resources::by_uri(&store, tide).await.unwrap().unwrap().id;
    bench.manage(async |by| resource::retire(&store, by, id).await).await;
    // Taken from the client; and what is retired can't stay in a registration that is changed.
    let fewer = async |by: &chancery::change::By<'_>| {
        manage::update(&store, by, rp.id, |draft| draft.resources = vec![star.to_owned()]).await
    };
    bench.manage(fewer).await;
    // A code that was under way when they went is for the rest, too.
    let second = rp.redeem(&flow, &later).await.ok();
    assert_eq!(claims(second.str("access_token"))["aud"], star);
    let next = rp.refresh(first.str("refresh_token")).await.ok();
    assert_eq!(claims(next.str("access_token"))["aud"], star);
    for gone in [tide, moon] {
        narrowed(&rp, next.str("refresh_token"), &[("resource", gone)]).await.is(400, "invalid_target");
    }
    let next = narrowed(&rp, next.str("refresh_token"), &[("resource", star)]).await.ok();
    assert_eq!(claims(next.str("access_token"))["aud"], star);
    bench.issuer.stop().await;
}

/// A default that the client is given later is nothing the user has allowed.
async fn a_later_default_is_for_later_families(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let tide = "https://tide.test/";
    bench.issuer.resource(tide, &["tide:read"]).await;
    let rp = bench.issuer.client().await;
    let start = bench.started(&rp).await;
    let issuer = bench.issuer.name.clone();
    assert_eq!(claims(start.first.str("access_token"))["aud"], issuer.as_str());
    assert_eq!(family(&bench.issuer, start.family).await.resources.0, std::slice::from_ref(&issuer));
    // One of before, when a family without a resource said nothing.
    let old = bench.started(&rp).await;
    let mut hand = super::desk::Hand::to(&bench.issuer).await;
    assert_eq!(hand.run("UPDATE family SET resources = '[]' WHERE id = $1", old.family).await, 1);
    let flow = rp.flow(&[]);
    let code = bench.browser.code(&flow, "alice").await;

    let store = bench.issuer.app.store.clone();
    let given = async |by: &chancery::change::By<'_>| {
        manage::update(&store, by, rp.id, |draft| draft.resources = vec![tide.to_owned()]).await
    };
    bench.manage(given).await;
    let under_way = rp.redeem(&flow, &code).await.ok();
    assert_eq!(claims(under_way.str("access_token"))["aud"], issuer.as_str());
    for first in [&start.first, &old.first] {
        let next = rp.refresh(first.str("refresh_token")).await.ok();
        assert_eq!(claims(next.str("access_token"))["aud"], issuer.as_str());
        narrowed(&rp, next.str("refresh_token"), &[("resource", tide)]).await.is(400, "invalid_target");
    }
    let later = bench.started(&rp).await;
    assert_eq!(claims(later.first.str("access_token"))["aud"], tide);
    bench.issuer.stop().await;
}

async fn who_and_how_stay_those_of_the_birth(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let start = bench.started(&rp).await;
    let born = claims(start.first.str("id_token"));
    bench.after(HOUR).await;
    // The user proves himself again in the same browser: the session's auth_time moves, the family's doesn't.
    let flow = rp.flow(&[("prompt", "login")]);
    let page = bench.browser.begin(&flow).await;
    let answer = bench.browser.sign_in(&page, &flow.url, "alice", PASSWORD).await;
    let code = crate::kit::actors::parameter(&crate::kit::actors::location(&answer).unwrap(), "code").unwrap();
    let renewed = claims(rp.redeem(&flow, &code).await.ok().str("id_token"));
    assert_eq!(renewed["sid"], born["sid"]);
    assert!(renewed["auth_time"].as_i64() > born["auth_time"].as_i64());

    let next = rp.refresh(start.first.str("refresh_token")).await.ok();
    let (id, access) = (claims(next.str("id_token")), claims(next.str("access_token")));
    for name in ["acr", "amr", "auth_time", "sub", "sid", "iss", "aud", "azp"] {
        assert_eq!(id[name], born[name], "{name}");
        assert!(!born[name].is_null(), "{name}");
    }
    for name in ["acr", "amr", "auth_time", "sid"] {
        assert_eq!(access[name], born[name], "{name}");
    }
    assert_eq!(id["nonce"], serde_json::Value::Null, "a nonce is for the authorization it came with");
    assert_eq!(id["iat"].as_i64().unwrap(), bench.now().timestamp());
    bench.issuer.stop().await;
}

async fn a_refresh_token_only_where_due(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let table = [
        ("oauth21", "openid", true, true),
        ("oauth21", "openid", false, false),
        ("oidc", "openid", true, false),
        ("oidc", "openid offline_access", true, true),
        ("oidc", "openid offline_access", false, false),
    ];
    for (profile, scope, has_grant, given) in table {
        let rp = bench
            .issuer
            .client_with(|row| {
                row.profile = profile.to_owned();
                if !has_grant {
                    row.grants = Json(vec!["authorization_code".to_owned()]);
                }
            })
            .await;
        let rp = RelyingParty { scope: scope.to_owned(), ..rp };
        let start = bench.started(&rp).await;
        assert_eq!(start.first.json["refresh_token"].is_string(), given, "{profile} {scope} {has_grant}");
        assert_eq!(family(&bench.issuer, start.family).await.secret_digest.is_some(), given);
    }
    bench.issuer.stop().await;
}

/// Groups and registered scopes as they are at the time of the refresh.
async fn what_is_allowed_now(kind: Kind) {
    let mut bench = Bench::start(kind, |_| {}).await;
    let rp = bench.issuer.client().await;
    let start = bench.started(&rp).await;
    let store = bench.issuer.app.store.clone();
    let alice = users::by_key(&store, "alice").await.unwrap().unwrap();
    let edit = Edit { add_groups: vec!["crew".to_owned()], ..Edit::default() };
    bench.manage(async |by| people::update(&store, by, alice.id, &edit).await).await;
    rp.userinfo(start.first.str("access_token")).await.ok();
    let more = rp.refresh(start.first.str("refresh_token")).await.ok();
    assert_eq!(claims(more.str("access_token"))["groups"], serde_json::json!(["staff", "crew"]));

    let edit = Edit { remove_groups: vec!["staff".to_owned()], ..Edit::default() };
    bench.manage(async |by| people::update(&store, by, alice.id, &edit).await).await;
    rp.userinfo(more.str("access_token")).await.is(401, "invalid_token");
    let less = rp.refresh(more.str("refresh_token")).await.ok();
    assert_eq!(claims(less.str("access_token"))["groups"], serde_json::json!(["crew"]));
    rp.userinfo(less.str("access_token")).await.ok();

    bench
        .manage(async |by| {
            manage::update(&store, by, rp.id, |draft| draft.scopes.retain(|scope| scope != "groups")).await
        })
        .await;
    let reduced = rp.refresh(less.str("refresh_token")).await.ok();
    assert_eq!(scope_of(&reduced), "openid profile email offline_access");
    narrowed(&rp, reduced.str("refresh_token"), &[("scope", "groups")]).await.is(400, "invalid_scope");
    rp.refresh(reduced.str("refresh_token")).await.ok();
    bench.issuer.stop().await;
}
