//! Resource indicators (RFC 8707) and what a resource says of itself (RFC 9728): for whom tokens are, and what of the scopes each
//! client, resource and user's groups leave.

use serde_json::json;

use super::{ALICE, Browser, Issuer, answer, has, refused, sign_in, silently, told};
use crate::device::desk;
use crate::kit::actors::{Answer, RelyingParty, claims};
use crate::kit::issuer::{Kind, on_both};
use crate::kit::operator::Operator;

on_both!(
    resource_at_authorize_and_token_and_invalid_target_for_others,
    scopes_are_narrowed_to_the_resource,
    scopes_are_narrowed_by_the_groups_of_the_user_and_at_each_refresh_anew,
    what_one_of_several_resources_demands_is_demanded,
    a_user_without_any_scope_is_told_to_the_client,
    a_device_is_given_no_more_than_a_browser,
    the_operator_says_which_groups_a_scope_is_for,
    a_resource_is_told_its_own_metadata,
);

const ORDERS: &str = "https://orders.test/";
const WAGES: &str = "https://wages.test/";

/// Two resources, the first with a scope for the group `payroll`, and a client that asks users.
async fn ground(kind: Kind) -> (Issuer, Operator, RelyingParty) {
    let issuer = Issuer::start(kind).await;
    issuer.user("alice").await;
    let operator = Operator::of(&issuer);
    let orders = ["resource", "create", ORDERS, "--scope", "read Read orders", "--scope", "write Write orders"];
    operator.run(&orders).ok();
    let wages = ["resource", "create", WAGES, "--scope", "read Read wages", "--scope", "raise Raise wages"];
    operator.run(&[&wages[..], &["--scope-group", "raise=payroll", "--scope-group", "raise=board"]].concat()).ok();
    let rp = issuer
        .client_with(|row| {
            row.consent = "ask".to_owned();
            row.scopes = "openid email read write raise offline_access".to_owned();
            row.resources.0 = vec![ORDERS.to_owned(), WAGES.to_owned()];
        })
        .await;
    (issuer, operator, rp)
}

fn scope(tokens: &Answer) -> String {
    let told = tokens.str("scope").to_owned();
    assert_eq!(claims(tokens.str("access_token"))["scope"], told.as_str());
    told
}

async fn tokens(browser: &mut Browser, rp: &RelyingParty, more: &[(&str, &str)]) -> Answer {
    let flow = rp.flow(more);
    let code = browser.code(&flow, "alice").await;
    rp.redeem(&flow, &code).await.ok()
}

async fn resource_at_authorize_and_token_and_invalid_target_for_others(kind: Kind) {
    let (issuer, operator, rp) = ground(kind).await;
    operator.run(&["resource", "create", "https://other.test/", "--scope", "other"]).ok();
    let mut browser = Browser::new(&issuer);
    for bad in
        ["https://nobody.test/", "https://other.test/", "https://orders.test", "orders", "https://orders.test/#x"]
    {
        assert_eq!(refused(&mut browser, &rp.flow(&[("resource", bad)])).await, "invalid_target", "{bad}");
    }
    let of = tokens(&mut browser, &rp, &[("resource", WAGES)]).await;
    assert_eq!(claims(of.str("access_token"))["aud"], WAGES);
    // At the token endpoint: one of those authorized, and no other.
    let refresh = of.str("refresh_token").to_owned();
    let with = async |resource: &str| {
        rp.token(&[("grant_type", "refresh_token"), ("refresh_token", &refresh), ("resource", resource)]).await
    };
    for bad in [ORDERS, "https://nobody.test/", "https://other.test/"] {
        with(bad).await.is(400, "invalid_target");
    }
    let next = with(WAGES).await.ok();
    assert_eq!(claims(next.str("access_token"))["aud"], WAGES);
    // Retired: asking for it is an error, wherever.
    operator.run(&["resource", "delete", WAGES]).ok();
    assert_eq!(refused(&mut browser, &rp.flow(&[("resource", WAGES)])).await, "invalid_target");
    let retired = [("grant_type", "refresh_token"), ("refresh_token", next.str("refresh_token")), ("resource", WAGES)];
    rp.token(&retired).await.is(400, "invalid_target");
    issuer.stop().await;
}

async fn scopes_are_narrowed_to_the_resource(kind: Kind) {
    let (issuer, _, rp) = ground(kind).await;
    let mut browser = Browser::new(&issuer);
    // What means nothing there is neither asked of the user nor given.
    let flow = rp.flow(&[("resource", ORDERS), ("scope", "openid read write raise")]);
    let page = browser.begin(&flow).await;
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert!(page.text.contains("Write orders") && !page.text.contains("raise"), "{}", page.text);
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    let given = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(scope(&given), "openid read write");
    // For both: each token is for the one it is asked for, with its scopes alone.
    let mut flow = rp.flow(&[("scope", "openid read write offline_access"), ("resource", ORDERS)]);
    flow.url.push_str("&resource=https%3A%2F%2Fwages.test%2F");
    let code = browser.code(&flow, "alice").await;
    let both = rp.redeem(&flow, &code).await.ok();
    assert_eq!(
        (scope(&both).as_str(), &claims(both.str("access_token"))["aud"]),
        ("openid read write offline_access", &json!([ORDERS, WAGES]))
    );
    let form = [("grant_type", "refresh_token"), ("refresh_token", both.str("refresh_token")), ("resource", WAGES)];
    let one = rp.token(&form).await.ok();
    assert_eq!(
        (scope(&one).as_str(), &claims(one.str("access_token"))["aud"]),
        ("openid read offline_access", &json!(WAGES))
    );
    // A client that acts for itself is narrowed alike; it is in no group, and has what it is registered for.
    let service = issuer.service("read write raise", &[ORDERS, WAGES]).await;
    let own =
        async |more: &[(&str, &str)]| service.token(&[&[("grant_type", "client_credentials")], more].concat()).await;
    assert_eq!(own(&[]).await.ok().str("scope"), "read write");
    assert_eq!(own(&[("resource", WAGES)]).await.ok().str("scope"), "read raise");
    assert_eq!(own(&[("resource", WAGES), ("scope", "read write")]).await.ok().str("scope"), "read");
    own(&[("resource", WAGES), ("scope", "write")]).await.is(400, "invalid_scope");
    let all = rp.refresh(one.str("refresh_token")).await.ok();
    assert_eq!(scope(&all), "openid read write offline_access", "the family has them still");
    // Nothing of what is asked for means anything there.
    let came = answer(&browser.begin(&rp.flow(&[("resource", WAGES), ("scope", "write")])).await);
    assert_eq!(came.get("error"), Some("invalid_scope"));
    issuer.stop().await;
}

async fn scopes_are_narrowed_by_the_groups_of_the_user_and_at_each_refresh_anew(kind: Kind) {
    let (issuer, operator, rp) = ground(kind).await;
    let mut browser = Browser::new(&issuer);
    let asked = [("resource", WAGES), ("scope", "openid read raise offline_access")];
    let flow = rp.flow(&asked);
    let page = browser.begin(&flow).await;
    let page = sign_in(&mut browser, &page, &flow, ALICE).await;
    assert!(page.text.contains("Read wages") && !page.text.contains("Raise wages"), "{}", page.text);
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    let given = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(scope(&given), "openid read offline_access");
    // In the group: it is a question of its own, and given when allowed. An older family doesn't gain it: nobody allowed that.
    operator.run(&["user", "update", "alice", "--add-group", "payroll"]).ok();
    let older = rp.refresh(given.str("refresh_token")).await.ok();
    assert_eq!(scope(&older), "openid read offline_access");
    assert_eq!(
        refused(&mut browser, &rp.flow(&[&[("prompt", "none")], &asked[..]].concat())).await,
        "consent_required"
    );
    let flow = rp.flow(&asked);
    let page = browser.begin(&flow).await;
    assert!(page.text.contains("Raise wages"), "{}", page.text);
    let done = browser.press(&page, &flow.url, "consent-allow").await;
    let member = rp.redeem(&flow, &told(&done, "code")).await.ok();
    assert_eq!(scope(&member), "openid read raise offline_access");
    // Out of the group: its access token ends, the next refresh leaves it out; in again, it is what was allowed.
    operator.run(&["user", "update", "alice", "--remove-group", "payroll"]).ok();
    issuer
        .until("the access token ends", async |_| {
            rp.introspect(member.str("access_token")).await.json["active"] == false
        })
        .await;
    let without = rp.refresh(member.str("refresh_token")).await.ok();
    assert_eq!(scope(&without), "openid read offline_access");
    let wider =
        [("grant_type", "refresh_token"), ("refresh_token", without.str("refresh_token")), ("scope", "openid raise")];
    let wider = rp.token(&wider).await.ok();
    assert_eq!(scope(&wider), "openid", "asked for by name, too");
    operator.run(&["user", "update", "alice", "--add-group", "board"]).ok();
    let back = rp.refresh(wider.str("refresh_token")).await.ok();
    assert_eq!(scope(&back), "openid read raise offline_access");
    // The demand itself may change.
    operator.run(&["resource", "update", WAGES, "--scope-group", "raise=owners"]).ok();
    let last = rp.refresh(back.str("refresh_token")).await.ok();
    assert_eq!(scope(&last), "openid read offline_access");
    silently(&mut browser, &rp, &asked).await;
    issuer.stop().await;
}

async fn what_one_of_several_resources_demands_is_demanded(kind: Kind) {
    let (issuer, operator, rp) = ground(kind).await;
    operator.run(&["resource", "update", WAGES, "--scope-group", "read=payroll"]).ok();
    let mut browser = Browser::new(&issuer);
    // A token for both is good at both: what only one of them gives freely isn't in it.
    let mut flow = rp.flow(&[("scope", "openid read write offline_access"), ("resource", ORDERS)]);
    flow.url.push_str("&resource=https%3A%2F%2Fwages.test%2F");
    let code = browser.code(&flow, "alice").await;
    let both = rp.redeem(&flow, &code).await.ok();
    assert_eq!(scope(&both), "openid write offline_access");
    let free = tokens(&mut browser, &rp, &[("resource", ORDERS), ("scope", "openid read")]).await;
    assert_eq!(scope(&free), "openid read");
    issuer.stop().await;
}

async fn a_user_without_any_scope_is_told_to_the_client(kind: Kind) {
    let (issuer, operator, rp) = ground(kind).await;
    let mut browser = Browser::new(&issuer);
    let asked = [("resource", WAGES), ("scope", "raise")];
    let flow = rp.flow(&asked);
    let page = browser.begin(&flow).await;
    let came = answer(&sign_in(&mut browser, &page, &flow, ALICE).await);
    assert_eq!((came.get("error"), came.get("state")), (Some("access_denied"), Some(flow.state.as_str())));
    for prompt in ["", "none"] {
        assert_eq!(
            refused(&mut browser, &rp.flow(&[&asked[..], &[("prompt", prompt)]].concat())).await,
            "access_denied"
        );
    }
    operator.run(&["user", "update", "alice", "--add-group", "board"]).ok();
    assert!(has(&browser.begin(&rp.flow(&asked)).await, "consent-allow"));
    issuer.stop().await;
}

/// The same by the device grant: what a check of one grant leaves out, its sibling leaves out too (V172, V235).
async fn a_device_is_given_no_more_than_a_browser(kind: Kind) {
    let (issuer, operator, _) = ground(kind).await;
    let tv = issuer
        .client_with(|row| {
            row.grants.0 = vec![desk::GRANT.to_owned(), "refresh_token".to_owned()];
            row.scopes = "openid read write raise".to_owned();
            row.resources.0 = vec![ORDERS.to_owned(), WAGES.to_owned()];
        })
        .await;
    tv.device(&[("scope", "write"), ("resource", WAGES)]).await.is(400, "invalid_scope");
    let asked = desk::asks_for(&tv, &[("scope", "openid read write raise"), ("resource", WAGES)]).await;
    let mut browser = Browser::new(&issuer);
    let page = desk::reaches(&mut browser, &asked.user_code, "alice").await;
    // All that may ever come of it is shown, for it is allowed once.
    assert!(page.text.contains("Raise wages") && !page.text.contains("write"), "{}", page.text);
    desk::presses(&mut browser, &page, "consent-allow").await.ok();
    let given = tv.poll(&asked.device_code).await.ok();
    assert_eq!(scope(&given), "openid read");
    operator.run(&["user", "update", "alice", "--add-group", "board"]).ok();
    let next = tv.refresh(given.str("refresh_token")).await.ok();
    assert_eq!(scope(&next), "openid read raise");
    operator.run(&["user", "update", "alice", "--remove-group", "board"]).ok();
    assert_eq!(scope(&tv.refresh(next.str("refresh_token")).await.ok()), "openid read");
    issuer.stop().await;
}

async fn the_operator_says_which_groups_a_scope_is_for(kind: Kind) {
    let (issuer, operator, _) = ground(kind).await;
    let shown = operator.json(&["resource", "show", WAGES]);
    let groups = |of: &serde_json::Value| {
        of["scopes"].as_array().unwrap().iter().map(|scope| scope["groups"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(groups(&shown), [json!(null), json!(["payroll", "board"])]);
    let text = operator.run(&["resource", "show", WAGES]).ok().out;
    assert!(text.contains("raise  Raise wages (for payroll, board only)"), "{text}");
    // Either side may have an equals sign; the longest scope that fits is meant.
    let both = ["--scope", "a", "--scope", "a=b", "--scope-group", "a=b=cn=x,dc=y", "--scope-group", "a=c"];
    let made = operator.json(&[&["resource", "update", WAGES][..], &both].concat());
    assert_eq!(groups(&made), [json!(["c"]), json!(["cn=x,dc=y"])]);
    // Opened to everyone again; scopes that are given anew are given without groups.
    let made = operator.json(&["resource", "update", WAGES, "--scope-group", "a="]);
    assert_eq!(groups(&made), [json!(null), json!(["cn=x,dc=y"])]);
    let made = operator.json(&["resource", "update", WAGES, "--name", "Wages"]);
    assert_eq!(groups(&made), [json!(null), json!(["cn=x,dc=y"])], "what is not named stays");
    for bad in ["nothing=staff", "a", "=staff", "aa=staff"] {
        operator.run(&["resource", "update", WAGES, "--scope-group", bad]).refused("write SCOPE=GROUP");
    }
    issuer.stop().await;
}

async fn a_resource_is_told_its_own_metadata(kind: Kind) {
    let (issuer, operator, rp) = ground(kind).await;
    let wanted = json!({
        "resource": WAGES,
        "resource_name": WAGES,
        "authorization_servers": [issuer.name],
        "scopes_supported": ["read", "raise"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(operator.json(&["resource", "metadata", WAGES]), wanted);
    let printed = operator.run(&["resource", "metadata", WAGES]).ok().out;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), wanted, "as a file to serve");
    let of = async |query: &str| {
        let url = issuer.url(&format!("/gateway/protected-resource{query}"));
        Answer::of(rp.http.get(url).header("origin", "https://app.test").send().await.unwrap()).await
    };
    let got = of("?resource=https%3A%2F%2Fwages.test%2F").await.ok();
    assert_eq!(got.json, wanted);
    assert_eq!(
        (&got.headers["cache-control"], &got.headers["access-control-allow-origin"]),
        (&"public, max-age=300".parse().unwrap(), &"*".parse().unwrap())
    );
    for (query, status) in [
        ("", 400),
        ("?resource=", 400),
        ("?resource=a&resource=b", 400),
        ("?resource=%zz", 400),
        ("?resource=https%3A%2F%2Fwages.test", 404),
        ("?resource=https%3A%2F%2Fnobody.test%2F", 404),
    ] {
        let got = of(query).await;
        assert_eq!(got.status, status, "{query}: {}", got.text);
        assert!(got.headers["content-type"].to_str().unwrap().contains("problem+json"));
    }
    operator.run(&["resource", "delete", WAGES]).ok();
    assert_eq!(of("?resource=https%3A%2F%2Fwages.test%2F").await.status, 404);
    operator.run(&["resource", "metadata", WAGES]).refused("is retired");
    issuer.stop().await;
}
