//! Registering, and what is answered (RFC 7591, 3; docs/CONFORMANCE.md).

use chancery::config::RegistrationMode;
use chancery::store::clients;
use reqwest::{StatusCode, header};
use serde_json::json;

use super::{Registered, modest, open, opened, register, with};
use crate::kit::actors::{Answer, Browser, http};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(
    a_201_tells_everything,
    what_registers_itself_signs_people_in,
    what_does_not_fit_is_refused_by_name,
    what_is_advertised_is_there,
);

/// "201 JSON; `client_secret_expires_at` with any secret; `registration_client_uri` and `registration_access_token` together."
async fn a_201_tells_everything(kind: Kind) {
    let issuer = open(kind).await;
    let answer = register(&issuer, None, &modest()).await;
    let client = Registered::of(&answer);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert!(answer.str("client_secret").starts_with("ch_cs_") && client.token.starts_with("ch_rat_"));
    assert_eq!(answer.json["client_secret_expires_at"], 0);
    assert_eq!(client.uri, format!("{}/oauth2/register/{}", issuer.name, client.id));
    let issued = answer.json["client_id_issued_at"].as_i64().unwrap();
    assert!((issuer.app.clock.now().timestamp() - issued).abs() < 60);
    for (name, value) in [
        ("client_name", json!("Tide Table")),
        ("redirect_uris", json!(["https://rp.test/cb"])),
        ("grant_types", json!(["authorization_code"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("scope", json!("openid profile email groups offline_access")),
    ] {
        if name == "scope" {
            let all = answer.str("scope").split(' ').collect::<Vec<_>>();
            assert!(all.starts_with(&["openid", "profile", "email"]) && !answer.text.contains("chancery:"));
            continue;
        }
        assert_eq!(answer.json[name], value, "{name}");
    }

    // Everything at once, and told back; what isn't known is no part of it.
    let all = json!({
        "redirect_uris": ["https://rp.test/cb", "https://rp.test/other?a=b"], "client_name": "Tafel der Gezeiten",
        "client_uri": "https://rp.test/", "contacts": ["sea@rp.test"], "policy_uri": "https://rp.test/policy",
        "tos_uri": "https://rp.test/terms", "post_logout_redirect_uris": ["https://rp.test/bye"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "application_type": "web",
        "token_endpoint_auth_method": "client_secret_post", "scope": "openid email",
        "shoe_size": 43, "client_name#fr": "Table des marées", "initiate_login_uri": null,
    });
    let answer = register(&issuer, None, &all).await;
    Registered::of(&answer);
    for (name, value) in all.as_object().unwrap() {
        match name.as_str() {
            "shoe_size" | "client_name#fr" | "initiate_login_uri" => assert!(answer.json.get(name).is_none(), "{name}"),
            _ => assert_eq!(&answer.json[name], value, "{name}"),
        }
    }

    // A public client has no secret, and no end of one.
    let public = with(
        json!({ "token_endpoint_auth_method": "none", "redirect_uris": ["http://127.0.0.1/cb", "com.example.tide:/cb"] }),
    );
    let answer = register(&issuer, None, &public).await;
    Registered::of(&answer);
    assert!(answer.json.get("client_secret").is_none() && answer.json.get("client_secret_expires_at").is_none());
    assert_eq!(answer.json["application_type"], "native", "seen from where it takes users");
    // One without a name is called by where it takes them.
    let answer = register(&issuer, None, &with(json!({ "client_name": null }))).await;
    assert_eq!(answer.json["client_name"], "rp.test");
    issuer.stop().await;
}

async fn what_registers_itself_signs_people_in(kind: Kind) {
    let issuer = open(kind).await;
    issuer.user("alice").await;
    let logo = "https://rp.test/logo.svg";
    let body = with(
        json!({ "grant_types": ["authorization_code", "refresh_token"], "scope": "openid email", "logo_uri": logo }),
    );
    let client = Registered::at(&issuer, &body).await;
    let rp = client.party(&issuer);
    let mut browser = Browser::new(&issuer);

    // They are asked, told that nobody has looked at it, and where they would go.
    let flow = rp.flow(&[]);
    let page = browser.begin(&flow).await;
    let moved = browser.sign_in(&page, &flow.url, "alice", crate::kit::actors::PASSWORD).await;
    let page = browser.get(moved.headers[header::LOCATION].to_str().unwrap()).await;
    assert!(page.text.contains("id=\"consent-allow\"") && page.text.contains("id=\"unverified\""), "{}", page.text);
    assert!(page.text.contains("<bdi>rp.test</bdi>") && page.text.contains("Tide Table"));
    // Nobody has let its face in: it could be anybody's.
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(!page.text.contains("logo.svg") && policy.contains("img-src 'self' data:;"), "{policy}");
    let code = browser.code(&flow, "alice").await;
    let tokens = rp.redeem(&flow, &code).await.ok();
    assert_eq!(rp.userinfo(tokens.str("access_token")).await.ok().json["email"], "alice@example.test");
    rp.refresh(tokens.str("refresh_token")).await.ok();
    issuer
        .until("its use is noted", async |issuer| {
            let row = clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
            assert_eq!(row.version, 2, "and its version is what it was when it was given its secret");
            row.last_used_at.is_some()
        })
        .await;

    // A confidential one is remembered; a public one could be anyone and is asked for each time, an https redirect or not.
    let answer = browser.get(&rp.flow(&[("prompt", "none")]).url).await;
    assert!(answer.headers[header::LOCATION].to_str().unwrap().contains("code="), "{:?}", answer.headers);
    let public = with(json!({ "token_endpoint_auth_method": "none" }));
    let rp = Registered::at(&issuer, &public).await.party(&issuer);
    for _ in 0..2 {
        let flow = rp.flow(&[]);
        let page = browser.begin(&flow).await;
        assert!(page.text.contains("id=\"consent-allow\""), "{}", page.text);
        let code = browser.code(&flow, "alice").await;
        rp.redeem(&flow, &code).await.ok();
    }
    issuer.stop().await;
}

/// "`redirect_uri` with a fragment: 400 `invalid_redirect_uri`. `jwks` and `jwks_uri` together: `invalid_client_metadata`."
async fn what_does_not_fit_is_refused_by_name(kind: Kind) {
    let issuer = open(kind).await;
    let redirect = |uri: &str| json!({ "redirect_uris": [uri] });
    for (more, error, named) in [
        (redirect("https://rp.test/cb#here"), "invalid_redirect_uri", "redirect_uris"),
        (redirect("https://*.rp.test/cb"), "invalid_redirect_uri", "redirect_uris"),
        (redirect("javascript:alert(1)"), "invalid_redirect_uri", "redirect_uris"),
        (redirect("http://rp.test/cb"), "invalid_redirect_uri", "redirect_uris"),
        (redirect("com.example.tide:/cb"), "invalid_redirect_uri", "redirect_uris"),
        (json!({ "redirect_uris": [] }), "invalid_redirect_uri", "redirect_uris"),
        (json!({ "redirect_uris": null }), "invalid_redirect_uri", "redirect_uris"),
        (json!({ "jwks": { "keys": [] }, "jwks_uri": "https://rp.test/keys" }), "invalid_client_metadata", "jwks"),
        (json!({ "response_types": ["token"] }), "invalid_client_metadata", "response_types"),
        (json!({ "response_types": ["code", "id_token"] }), "invalid_client_metadata", "response_types"),
        (json!({ "response_types": [] }), "invalid_client_metadata", "response_types"),
        (json!({ "grant_types": ["password"] }), "invalid_client_metadata", "grant_types"),
        (json!({ "grant_types": ["authorization_code", "implicit"] }), "invalid_client_metadata", "grant_types"),
        (json!({ "grant_types": ["refresh_token"] }), "invalid_client_metadata", "grant_types"),
        (json!({ "grant_types": [] }), "invalid_client_metadata", "grant_types"),
        (
            json!({ "token_endpoint_auth_method": "client_secret_jwt" }),
            "invalid_client_metadata",
            "token_endpoint_auth_method",
        ),
        (json!({ "application_type": "toaster" }), "invalid_client_metadata", "application_type"),
        (json!({ "client_name": "a\u{202e}b" }), "invalid_client_metadata", "client_name"),
        (json!({ "contacts": ["nobody"] }), "invalid_client_metadata", "contacts"),
    ] {
        let answer = register(&issuer, None, &with(more.clone())).await;
        answer.is(400, error);
        assert!(answer.str("error_description").starts_with(named), "{more}: {}", answer.text);
    }
    // It says what would do, legibly, and nothing that was sent to it but what is wrong.
    for (more, says) in [
        (json!({ "grant_types": ["implicit"] }), "grant_types: 'implicit' is not known"),
        (
            json!({ "subject_type": "pair" }),
            "subject_type: has a type or value that this member doesn't have; expected 'p",
        ),
        (json!({ "subject_type": "a expected \u{202e}x" }), "subject_type: has a type or value"),
    ] {
        let answer = register(&issuer, None, &with(more)).await;
        let said = answer.str("error_description");
        assert!(said.starts_with(says) && !said.contains(['?', '"']), "{said}");
    }
    // Of another type than it has, whatever it is.
    for name in [
        "redirect_uris",
        "client_name",
        "grant_types",
        "response_types",
        "scope",
        "contacts",
        "client_uri",
        "jwks_uri",
        "policy_uri",
        "token_endpoint_auth_method",
        "default_max_age",
        "post_logout_redirect_uris",
        "subject_type",
    ] {
        for odd in [json!(7.5), json!({ "a": [] }), json!([[1]]), json!(true)] {
            let answer = register(&issuer, None, &with(json!({ name: odd }))).await;
            let error = if name == "redirect_uris" { "invalid_redirect_uri" } else { "invalid_client_metadata" };
            answer.is(400, error);
            assert!(answer.str("error_description").contains(name), "{name}: {}", answer.text);
        }
    }
    // What is no object, has a member twice, or is no JSON at all.
    let raw = async |kind: &str, body: &str| {
        let request = http().post(issuer.url("/oauth2/register")).header(header::CONTENT_TYPE, kind);
        Answer::of(request.body(body.to_owned()).send().await.unwrap()).await
    };
    let twice = r#"{"redirect_uris":["https://rp.test/cb"],"scope":"openid","scope":"email"}"#;
    for body in
        [twice, r#"{"redirect_uris":["https://rp.test/cb"],"jwks":{"keys":[],"keys":[]}}"#, "[]", "7", "", "{", "{}x"]
    {
        raw("application/json", body).await.is(400, "invalid_client_metadata");
    }
    raw("application/x-www-form-urlencoded", "redirect_uris=a").await.is(400, "invalid_request");
    let long = with(json!({ "client_uri": format!("https://rp.test/{}", "a".repeat(70_000)) }));
    raw("application/json", &long.to_string()).await.is(400, "invalid_request");
    assert_eq!(clients::list(&issuer.app.store, None, 10).await.unwrap().len(), 0, "nothing was registered");
    issuer.stop().await;
}

async fn what_is_advertised_is_there(kind: Kind) {
    let told = async |issuer: &Issuer| {
        let url = issuer.url("/.well-known/oauth-authorization-server");
        Answer::of(http().get(url).send().await.unwrap()).await.ok().json["registration_endpoint"].clone()
    };
    let issuer = open(kind).await;
    assert_eq!(told(&issuer).await, format!("{}/oauth2/register", issuer.name));
    let client = Registered::at(&issuer, &modest()).await;
    let off = Setup { change: Box::new(|config| config.registration.mode = RegistrationMode::Off), ..opened() };
    let issuer = issuer.restart(off).await;
    assert!(told(&issuer).await.is_null());
    for (method, url) in [
        (reqwest::Method::POST, issuer.url("/oauth2/register")),
        (reqwest::Method::GET, client.uri.clone()),
        (reqwest::Method::DELETE, client.uri.clone()),
    ] {
        let answer = http().request(method, &url).bearer_auth(&client.token).json(&modest()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{url}");
    }
    issuer.stop().await;
}
