//! What a client does with its own registration (RFC 7592; docs/CONFORMANCE.md: "GET, PUT (a PUT of one's own GET changes nothing), DELETE →
//! 204").

use chancery::store::{audit, clients};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::types::Json;

use super::{Registered, modest, open, register, send, with};
use crate::kit::actors::{Browser, http};
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::operator::Operator;
use crate::kit::raw::{Raw, differences};

on_both!(
    a_put_of_ones_own_get_changes_nothing,
    a_put_replaces_everything,
    deleted_is_gone_with_all_it_held,
    nobody_elses_token,
    what_users_were_shown_is_asked_for_again,
    who_may_skip_consent_does_so_for_no_more_than_it_had,
);

async fn dump(issuer: &Issuer) -> crate::kit::raw::Dump {
    Raw::open(&issuer.database).await.dump().await
}

async fn a_put_of_ones_own_get_changes_nothing(kind: Kind) {
    let issuer = open(kind).await;
    let rich = json!({
        "redirect_uris": ["https://rp.test/cb", "https://rp.test/other"], "contacts": ["sea@rp.test"], "scope": "email openid",
        "client_uri": "https://rp.test/", "tos_uri": "https://rp.test/terms", "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["refresh_token", "authorization_code"], "post_logout_redirect_uris": ["https://rp.test/bye"],
    });
    let native = with(
        json!({ "token_endpoint_auth_method": "none", "redirect_uris": ["http://[::1]/cb"], "client_name": null }),
    );
    for body in [modest(), rich, native] {
        let client = Registered::at(&issuer, &body).await;
        let before = dump(&issuer).await;
        let read = client.get().await.ok();
        assert!(read.json.get("client_secret").is_none(), "told once");
        let told = |value: &Value| {
            let mut value = value.clone();
            value.as_object_mut().unwrap().remove("client_secret");
            value
        };
        assert_eq!(read.json, told(&client.told), "as it was told at first");
        let put = client.put(&read.json).await.ok();
        assert_eq!(put.json, read.json);
        // What was told at first may be sent back as well, its secret with it.
        assert_eq!(client.put(&client.told).await.ok().json, read.json);
        assert_eq!(differences(&before, &dump(&issuer).await), [""; 0], "not even the audit trail");
    }
    // What an administrator has given it is no part of this, and stays.
    let client = Registered::at(&issuer, &modest()).await;
    let operator = Operator::of(&issuer);
    let id = client.id.to_string();
    operator
        .run(&[
            "client",
            "update",
            &id,
            "--origin",
            "https://rp.test",
            "--retry-window",
            "5",
            "--consent",
            "skip",
            "--grant",
            "authorization_code",
            "--grant",
            "client_credentials",
            "--scope",
            "openid chancery:feed",
        ])
        .ok();
    let before = dump(&issuer).await;
    let read = client.get().await.ok();
    assert_eq!((&read.json["scope"], read.json.get("origins")), (&json!("openid chancery:feed"), None));
    assert_eq!(client.put(&read.json).await.ok().json, read.json);
    assert_eq!(differences(&before, &dump(&issuer).await), [""; 0]);
    let mut renamed = read.json;
    renamed["client_name"] = json!("Something else");
    client.put(&renamed).await.ok();
    let row = clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
    assert_eq!((row.origins.0.as_slice(), row.retry_window_seconds), (&["https://rp.test".to_owned()][..], Some(5)));
    assert_eq!(row.consent, "ask", "but whom it let skip consent was another one");
    issuer.stop().await;
}

async fn a_put_replaces_everything(kind: Kind) {
    let issuer = open(kind).await;
    let rich = with(json!({ "contacts": ["sea@rp.test"], "client_uri": "https://rp.test/", "scope": "openid" }));
    let client = Registered::at(&issuer, &rich).await;
    let id = json!(client.id);
    let put = client.put(&with(json!({ "client_id": id, "redirect_uris": ["https://rp.test/new"] }))).await.ok();
    assert_eq!(put.json["redirect_uris"], json!(["https://rp.test/new"]));
    assert!(put.json.get("contacts").is_none() && put.json.get("client_uri").is_none(), "left out is taken away");
    assert!(put.str("scope").contains("email"), "or back to what it is for all");
    assert_eq!(put.json, client.get().await.ok().json);
    let told = audit::newest(&issuer.app.store, None, 10).await.unwrap();
    let row = told.iter().find(|row| row.event == "client.updated").unwrap();
    assert_eq!((row.actor.clone(), row.client_id), (format!("client:{}", client.id), Some(client.id)));
    let changed = row.detail.0["changed"].to_string();
    assert!(
        ["redirect_uris", "contacts", "client_uri", "scopes"].iter().all(|name| changed.contains(name)),
        "{changed}"
    );

    // From one kind of secret to the other, with the same secret.
    let rp = client.party(&issuer);
    let other = with(json!({ "client_id": id, "token_endpoint_auth_method": "client_secret_post" }));
    let put = client.put(&other).await.ok();
    assert!(put.json.get("client_secret").is_none());
    let rp = crate::kit::actors::RelyingParty { method: "client_secret_post".to_owned(), ..rp };
    rp.introspect("x").await.ok();
    // What is wrong changes nothing, and is told by name.
    let before = dump(&issuer).await;
    for (more, error, named) in [
        (json!({ "client_id": null }), "invalid_client_metadata", "client_id"),
        (json!({ "redirect_uris": ["https://rp.test/#x"] }), "invalid_redirect_uri", "redirect_uris"),
        (json!({ "scope": "openid chancery:feed" }), "invalid_client_metadata", "scope"),
        (json!({ "token_endpoint_auth_method": "none" }), "invalid_client_metadata", "token_endpoint_auth_method"),
        (json!({ "software_statement": "e30.e30." }), "", ""),
    ] {
        if error.is_empty() {
            continue;
        }
        let mut body = with(json!({ "client_id": id }));
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = client.put(&body).await;
        answer.is(400, error);
        assert!(answer.str("error_description").starts_with(named), "{}", answer.text);
    }
    let statement = with(json!({ "software_statement": "e30.e30." }));
    register(&issuer, None, &statement).await.is(400, "unapproved_software_statement");
    let mut after = dump(&issuer).await;
    after.insert("audit".to_owned(), before["audit"].clone());
    assert_eq!(differences(&before, &after), [""; 0]);
    let wrong = send(Method::POST, &client.uri, Some(&client.token), Some(&modest())).await;
    assert_eq!(wrong.status, 405);
    issuer.stop().await;
}

async fn deleted_is_gone_with_all_it_held(kind: Kind) {
    let issuer = open(kind).await;
    issuer.user("alice").await;
    let body = with(json!({ "grant_types": ["authorization_code", "refresh_token"] }));
    let client = Registered::at(&issuer, &body).await;
    let other = Registered::at(&issuer, &body).await;
    let rp = client.party(&issuer);
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let gone = client.delete().await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    rp.userinfo(tokens.str("access_token")).await.is(401, "invalid_token");
    rp.refresh(tokens.str("refresh_token")).await.is(401, "invalid_client");
    for answer in [client.get().await, client.put(&client.told).await, client.delete().await] {
        answer.is(401, "invalid_token");
    }
    let answer = http().get(&rp.flow(&[]).url).send().await.unwrap();
    assert_eq!(answer.status(), 400, "a page: nobody is sent back to it");
    let told = audit::newest(&issuer.app.store, None, 50).await.unwrap();
    let row = told.iter().find(|row| row.event == "client.deleted").unwrap();
    assert_eq!((row.actor.clone(), row.client_id), (format!("client:{}", client.id), Some(client.id)));
    assert!(told.iter().any(|row| row.event == "revocation.written" && row.client_id == Some(client.id)));
    other.get().await.ok();
    issuer.stop().await;
}

async fn nobody_elses_token(kind: Kind) {
    let issuer = open(kind).await;
    let (one, other) = (Registered::at(&issuer, &modest()).await, Registered::at(&issuer, &modest()).await);
    let before = dump(&issuer).await;
    let secret = one.told["client_secret"].as_str().unwrap().to_owned();
    let bent = format!("{}{}", &one.token[..one.token.len() - 1], if one.token.ends_with('A') { "B" } else { "A" });
    for token in
        [None, Some(other.token.as_str()), Some(secret.as_str()), Some(bent.as_str()), Some("ch_rat_"), Some("")]
    {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let body = (method == Method::PUT).then_some(&one.told);
            let answer = send(method, &one.uri, token, body).await;
            answer.is(401, "invalid_token");
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
        }
    }
    // Its own token, at addresses that are not its own.
    for path in [other.id.to_string(), one.id.simple().to_string(), one.id.to_string().to_uppercase(), "x".to_owned()] {
        let url = issuer.url(&format!("/oauth2/register/{path}"));
        send(Method::GET, &url, Some(&one.token), None).await.is(401, "invalid_token");
    }
    // One that an administrator registered has no such address.
    let own = issuer.client_with(|row| row.redirect_uris = Json(vec!["https://own.test/cb".to_owned()])).await;
    let url = issuer.url(&format!("/oauth2/register/{}", own.id));
    send(Method::GET, &url, Some(&one.token), None).await.is(401, "invalid_token");
    let mut after = dump(&issuer).await;
    for table in ["audit", "client", "client_secret"] {
        let rows: Vec<_> =
            after[table].iter().filter(|row| table == "audit" || !before[table].contains(row)).cloned().collect();
        assert!(table == "audit" || rows.len() == 1, "{table}: the administrator's alone is new");
        after.insert(table.to_owned(), before[table].clone());
    }
    assert_eq!(differences(&before, &after), [""; 0]);
    issuer.stop().await;
}

/// A name, or a place to be taken to, that users have not allowed is asked for: a client can't gain trust under one and use it under
/// another.
async fn what_users_were_shown_is_asked_for_again(kind: Kind) {
    let issuer = open(kind).await;
    issuer.user("alice").await;
    let client = Registered::at(&issuer, &modest()).await;
    let rp = client.party(&issuer);
    let mut browser = Browser::new(&issuer);
    rp.tokens(&mut browser, "alice").await;
    let silent = async |browser: &mut Browser| {
        let answer = browser.get(&rp.flow(&[("prompt", "none")]).url).await;
        answer.headers["location"].to_str().unwrap().contains("code=")
    };
    assert!(silent(&mut browser).await, "allowed once");
    let id = json!(client.id);
    for (more, remembered) in [
        (json!({ "contacts": ["sea@rp.test"] }), true),
        (json!({ "redirect_uris": ["https://rp.test/cb", "https://evil.test/cb"] }), false),
        (json!({ "client_name": "Your Bank", "redirect_uris": ["https://rp.test/cb", "https://evil.test/cb"] }), false),
        (json!({ "client_name": "Your Bank" }), true),
    ] {
        let mut body = with(json!({ "client_id": id }));
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        client.put(&body).await.ok();
        assert_eq!(silent(&mut browser).await, remembered, "{more}");
        rp.tokens(&mut browser, "alice").await;
    }
    // What was allowed by name is asked for again as well, and is not allowed along with the rest.
    let named = [("scope", "openid"), ("claims", r#"{"userinfo":{"email":null}}"#)];
    let by_name = async |browser: &mut Browser| {
        let answer = browser.get(&rp.flow(&[&named[..], &[("prompt", "none")]].concat()).url).await;
        answer.headers["location"].to_str().unwrap().contains("code=")
    };
    browser.code(&rp.flow(&named), "alice").await;
    assert!(by_name(&mut browser).await);
    client.put(&with(json!({ "client_id": id, "client_name": "Your Other Bank" }))).await.ok();
    browser.code(&rp.flow(&[("scope", "openid")]), "alice").await;
    assert!(!by_name(&mut browser).await);
    issuer.stop().await;
}

async fn who_may_skip_consent_does_so_for_no_more_than_it_had(kind: Kind) {
    let issuer = open(kind).await;
    issuer.user("alice").await;
    let narrow = with(json!({ "scope": "openid email" }));
    let client = Registered::at(&issuer, &narrow).await;
    let id = client.id.to_string();
    Operator::of(&issuer).run(&["client", "update", &id, "--consent", "skip"]).ok();
    let mut browser = Browser::new(&issuer);
    let other = issuer.client().await;
    other.tokens(&mut browser, "alice").await;
    let rp = client.party(&issuer);
    let silent = async |browser: &mut Browser, scope: &str| {
        let answer = browser.get(&rp.flow(&[("prompt", "none"), ("scope", scope)]).url).await;
        answer.headers["location"].to_str().unwrap().contains("code=")
    };
    assert!(silent(&mut browser, "openid email").await);
    let body = |scope: &str| with(json!({ "client_id": client.id, "scope": scope }));
    for less in ["openid email", "openid"] {
        client.put(&body(less)).await.ok();
        assert!(silent(&mut browser, "openid").await, "{less}");
    }
    client.put(&body("openid phone")).await.ok();
    for scope in ["openid", "openid phone"] {
        assert!(!silent(&mut browser, scope).await, "{scope}");
    }
    issuer.stop().await;
}
