//! Claims of clients' and resources' own, told from attributes: to whom they were registered for, and never under a name that means
//! something else.

use chancery::store::clients::Client;
use chancery::store::{clients, resources};
use serde_json::{Value, json};
use sqlx::types::Json;

use super::{attributes, names, tokens};
use crate::kills::probes::{Gateway, bearing};
use crate::kit::actors::{Browser, RelyingParty, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    a_client_is_told_its_own,
    a_resource_is_told_its_own,
    v174_reserved_names_are_refused,
    v174_a_reserved_name_behind_our_back_changes_no_token,
    an_attribute_taken_back_ends_the_tokens_that_tell_it,
);

const API: &str = "https://api.test";
const OTHER: &str = "https://other.test";

async fn a_client_is_told_its_own(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let alice = issuer.user("alice").await;
    attributes(
        &issuer,
        &alice,
        json!({ "dept": "Sales", "level": 3, "chief": true, "teams": ["red", "blue"], "secret": "x" }),
    )
    .await;
    let own = ["department=dept", "level=level", "https://rp.test/claims/chief=chief", "teams=teams", "cost_centre=cc"];
    let flags: Vec<&str> = own.iter().flat_map(|pair| ["--claim", pair]).collect();
    let rp = operator.client(&issuer.at, &flags);
    let both = operator.client(&issuer.at, &[&flags[..], &["--id-token-claims"]].concat());
    let stranger = operator.client(&issuer.at, &[]);
    let told =
        json!({ "department": "Sales", "level": 3, "https://rp.test/claims/chief": true, "teams": ["red", "blue"] });

    let given = tokens(&issuer, &rp, "alice", "openid profile").await;
    let userinfo = rp.userinfo(given.str("access_token")).await.ok().json;
    told.as_object().unwrap().iter().for_each(|(name, value)| assert_eq!(&userinfo[name], value, "{userinfo}"));
    assert_eq!(userinfo.get("cost_centre"), None, "nothing is told of what he doesn't have");
    assert!(!userinfo.to_string().contains("secret"), "nor what nobody registered: {userinfo}");
    for token in ["id_token", "access_token"] {
        assert_eq!(claims(given.str(token)).get("department"), None, "{token}");
    }
    // With the scope that is about the person, and not without it.
    let bare = tokens(&issuer, &rp, "alice", "openid email").await;
    assert_eq!(names(&rp.userinfo(bare.str("access_token")).await.ok().json), ["email", "email_verified", "sub"]);
    // Where the client reads ID tokens alone, there too, at the sign-in and at each refresh.
    let given = tokens(&issuer, &both, "alice", "openid profile offline_access").await;
    for id_token in [given.str("id_token"), both.refresh(given.str("refresh_token")).await.ok().str("id_token")] {
        assert_eq!(claims(id_token)["department"], "Sales");
        assert_eq!(claims(id_token)["sub"], alice.sub.to_string());
    }
    let theirs = tokens(&issuer, &stranger, "alice", "openid profile").await;
    assert_eq!(stranger.userinfo(theirs.str("access_token")).await.ok().json.get("department"), None);
    issuer.stop().await;
}

/// A client of both resources, whose claims differ: `role` means one thing at one and another at the other.
async fn with_resources(issuer: &Issuer) -> RelyingParty {
    for (uri, own) in [
        (API, json!({ "department": "dept", "role": "api_role" })),
        (OTHER, json!({ "role": "other_role", "site": "site" })),
    ] {
        issuer.resource(uri, &["read"]).await;
        let mut row = resources::by_uri(&issuer.app.store, uri).await.unwrap().unwrap();
        row.claims = Json(serde_json::from_value(own).unwrap());
        let mut tx = issuer.app.store.begin().await.unwrap();
        resources::update(&mut tx, &row, issuer.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let both = |row: &mut Client| {
        row.resources = Json(vec![API.to_owned(), OTHER.to_owned()]);
        row.scopes.push_str(" read");
        row.grants.0.push("client_credentials".to_owned());
    };
    issuer.client_with(both).await
}

async fn a_resource_is_told_its_own(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let said = json!({ "dept": "Sales", "api_role": "admin", "other_role": "guest", "site": "north" });
    attributes(&issuer, &alice, said).await;
    let rp = with_resources(&issuer).await;
    let guard = issuer.service("read", &[API]).await;
    let mut browser = Browser::new(&issuer);
    for (asked, told) in [
        (&[API][..], json!({ "department": "Sales", "role": "admin" })),
        (&[OTHER], json!({ "role": "guest", "site": "north" })),
        // What the two mean differently by one name is told to neither.
        (&[API, OTHER], json!({ "department": "Sales", "site": "north" })),
    ] {
        let mut flow = rp.flow(&[]);
        asked.iter().for_each(|uri| flow.url.push_str(&format!("&resource={uri}")));
        let code = browser.code(&flow, "alice").await;
        let given = rp.redeem(&flow, &code).await.ok();
        let next = rp.refresh(given.str("refresh_token")).await.ok();
        for token in [given.str("access_token"), next.str("access_token")] {
            let carried = claims(token);
            for name in ["department", "role", "site"] {
                assert_eq!(carried.get(name), told.get(name), "{asked:?} {carried}");
            }
        }
        // Not to the client's ID token, nor to its userinfo.
        assert_eq!(claims(given.str("id_token")).get("department"), None);
        assert_eq!(rp.userinfo(given.str("access_token")).await.ok().json.get("department"), None);
        if asked == [API] {
            let seen = guard.introspect(given.str("access_token")).await.ok().json;
            assert_eq!(
                (&seen["active"], &seen["department"]),
                (&json!(true), &json!("Sales")),
                "the resource's server sees it, too"
            );
        }
    }
    // A client acting for itself is nobody's department.
    let own = rp.token(&[("grant_type", "client_credentials"), ("scope", "read"), ("resource", API)]).await.ok();
    assert_eq!(claims(own.str("access_token")).get("department"), None);
    issuer.stop().await;
}

/// V174: whatever our tokens and answers carry can't be chosen as a claim of one's own; the refusal says which.
async fn v174_reserved_names_are_refused(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let resource = ["resource", "create", API, "--scope", "read"];
    let client = ["client", "create", "--name", "Dash", "--redirect-uri", "https://rp.test/cb"];
    operator.run(&resource).ok();
    let id = operator.json(&client)["client_id"].as_str().unwrap().to_owned();
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "scope",
        "sid",
        "family_id",
        "rev_seq",
        "acr",
        "amr",
        "auth_time",
        "nonce",
        "azp",
        "at_hash",
        "c_hash",
        "cnf",
        "act",
        "may_act",
        "events",
        "email",
        "email_verified",
        "groups",
        "address",
        "name",
        "active",
        "username",
        "token_type",
        "_claim_names",
    ] {
        let pair = format!("{name}=dept");
        let says = format!("claims: {name:?} is reserved");
        for command in [
            &["client", "update", &id][..],
            &client,
            &["resource", "update", API],
            &["resource", "create", OTHER, "--scope", "read"],
        ] {
            operator.run(&[command, &["--claim", &pair]].concat()).refused(&says);
        }
    }
    for (pair, says) in [
        ("department", "write CLAIM=ATTRIBUTE"),
        ("depart ment=dept", "is no name for a claim"),
        ("department=de pt", "is no name for an attribute"),
        ("department=", "is no name for an attribute"),
    ] {
        operator.run(&["client", "update", &id, "--claim", pair]).refused(says);
    }
    operator
        .run(&["client", "update", &id, "--claim", "a=dept", "--claim", "b=dept"])
        .refused("\"dept\" is told twice");
    // What is free is taken, shown, and taken away again.
    operator.run(&["resource", "update", API, "--claim", "roles=roles"]).ok();
    assert_eq!(operator.json(&["resource", "show", API])["claims"], json!({ "roles": "roles" }));
    assert!(operator.run(&["resource", "show", API]).ok().out.contains("claim roles"));
    assert_eq!(operator.json(&["resource", "update", API, "--name", "API"])["claims"], json!({ "roles": "roles" }));
    assert_eq!(operator.json(&["resource", "update", API, "--claim", ""])["claims"], json!({}));
    assert_eq!(
        operator.json(&["client", "update", &id, "--claim", "department=dept"])["claims"],
        json!({ "department": "dept" })
    );
    assert_eq!(operator.json(&["client", "update", &id, "--claim", ""]).get("claims"), None);
    issuer.stop().await;
}

/// V174, "and at mint": rows that no registration of ours wrote.
async fn v174_a_reserved_name_behind_our_back_changes_no_token(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    attributes(&issuer, &alice, json!({ "evil": "evil", "fine": "fine" })).await;
    let rp = with_resources(&issuer).await;
    let reserved = [
        "iss",
        "sub",
        "aud",
        "exp",
        "client_id",
        "scope",
        "rev_seq",
        "family_id",
        "sid",
        "acr",
        "email_verified",
        "active",
    ];
    let mut own: std::collections::BTreeMap<String, String> =
        reserved.iter().map(|name| ((*name).to_owned(), "evil".to_owned())).collect();
    own.insert("my_fine".to_owned(), "fine".to_owned());
    let mut tx = issuer.app.store.begin().await.unwrap();
    let mut client = clients::get(&mut tx, rp.id).await.unwrap().unwrap();
    client.metadata.claims = own.clone();
    client.id_token_claims = true;
    clients::update(&mut tx, &client, issuer.app.clock.now()).await.unwrap();
    let mut api = resources::by_uri(&mut tx, API).await.unwrap().unwrap();
    api.claims = Json(own);
    resources::update(&mut tx, &api, issuer.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();

    let flow = rp.flow(&[("resource", API)]);
    let code = Browser::new(&issuer).code(&flow, "alice").await;
    let given = rp.redeem(&flow, &code).await.ok();
    let told = [
        claims(given.str("access_token")),
        claims(given.str("id_token")),
        rp.userinfo(given.str("access_token")).await.ok().json,
        rp.introspect(given.str("access_token")).await.ok().json,
    ];
    for (at, told) in told.iter().enumerate() {
        assert!(!told.to_string().contains("evil"), "{at}: {told}");
        assert_eq!(told["my_fine"], "fine", "{at}: {told}");
        assert_eq!(told["sub"], alice.sub.to_string());
    }
    issuer.stop().await;
}

/// As with groups: what a gateway may decide on doesn't outlive its end.
async fn an_attribute_taken_back_ends_the_tokens_that_tell_it(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    attributes(&issuer, &alice, json!({ "dept": "Sales" })).await;
    let rp = with_resources(&issuer).await;
    let mut gateway = Gateway::beside(&issuer).await;
    let given = {
        let flow = rp.flow(&[("resource", API)]);
        let code = Browser::new(&issuer).code(&flow, "alice").await;
        rp.redeem(&flow, &code).await.ok()
    };
    let mut refresh = given.str("refresh_token").to_owned();
    let mut access = given.str("access_token").to_owned();
    assert_eq!(claims(&access)["department"], "Sales");
    // One more takes nothing back.
    attributes(&issuer, &alice, json!({ "site": "north" })).await;
    rp.userinfo(&access).await.ok();
    for (change, told) in [(json!({ "dept": "Audit" }), json!("Audit")), (json!({ "dept": null }), Value::Null)] {
        attributes(&issuer, &alice, change).await;
        rp.userinfo(&access).await.is(401, "invalid_token");
        let entries = gateway.entries().await.unwrap();
        assert!(entries.iter().any(|entry| entry.covers(&bearing(&access))), "and gateways hear of it");
        let next = rp.refresh(&refresh).await.ok();
        (refresh, access) = (next.str("refresh_token").to_owned(), next.str("access_token").to_owned());
        assert_eq!(claims(&access)["department"], told);
        rp.userinfo(&access).await.ok();
    }
    issuer.stop().await;
}
