//! Who may learn what of a token: its owner and its audience, and of a user only what the scopes open.

use sqlx::types::Json;

use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};

on_both!(v161_strangers_learn_nothing, v166_claims_go_by_scope);

const INACTIVE: &str = r#"{"active":false}"#;

async fn v161_strangers_learn_nothing(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    issuer.user("alice").await;
    issuer.resource("https://one.test/api", &["one:read"]).await;
    issuer.resource("https://two.test/api", &["two:read"]).await;
    let rp = issuer
        .client_with(|row| {
            row.scopes = "openid one:read".to_owned();
            row.resources = Json(vec!["https://one.test/api".to_owned()]);
        })
        .await;
    let other = issuer.client_with(|row| row.resources = Json(vec!["https://one.test/api".to_owned()])).await;
    let (one, two) = (
        issuer.service("one:read", &["https://one.test/api"]).await,
        issuer.service("two:read", &["https://two.test/api"]).await,
    );
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    let access = tokens.str("access_token");

    // The owner and the resource's own server are told; both see the same.
    for knows in [&rp, &one] {
        let told = knows.introspect(access).await.ok();
        assert_eq!(told.json["active"], true, "{}", told.text);
        assert_eq!(told.json["jti"], claims(access)["jti"]);
        assert_eq!(told.json["aud"], "https://one.test/api");
    }
    // Another resource's server, and another dashboard that may call the same resource, see what garbage gives.
    for stranger in [&two, &other] {
        assert_eq!(stranger.introspect(access).await.ok().text, INACTIVE);
        assert_eq!(stranger.introspect("garbage").await.ok().text, INACTIVE);
        assert_eq!(stranger.introspect(tokens.str("refresh_token")).await.ok().text, INACTIVE);
    }
    // The resource's server has no business with refresh tokens.
    assert_eq!(one.introspect(tokens.str("refresh_token")).await.ok().text, INACTIVE);
    // An older generation is not active, and asking has changed nothing.
    let next = rp.refresh(tokens.str("refresh_token")).await.ok();
    assert_eq!(rp.introspect(tokens.str("refresh_token")).await.ok().text, INACTIVE);
    assert_eq!(rp.introspect(next.str("refresh_token")).await.ok().json["active"], true);
    issuer.stop().await;
}

async fn v166_claims_go_by_scope(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let alice = issuer.user("alice").await;
    let rp = issuer.client().await;
    let service = issuer.service("chancery:feed", &[]).await;
    let sub = alice.sub.to_string();
    for (scope, members) in [
        ("openid", &["sub"][..]),
        ("openid email", &["email", "email_verified", "sub"]),
        ("openid groups", &["groups", "sub"]),
        ("openid profile", &["name", "preferred_username", "sub", "updated_at"]),
    ] {
        let mut browser = Browser::new(&issuer);
        let flow = rp.flow(&[("scope", scope)]);
        let code = browser.code(&flow, "alice").await;
        let tokens = rp.redeem(&flow, &code).await.ok();
        let told = rp.userinfo(tokens.str("access_token")).await.ok();
        let mut names: Vec<&str> = told.json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members, "{scope}");
        assert_eq!(told.json["sub"], sub);
        // Nor does a refresh token tell a name that the user never let the client know.
        let told = rp.introspect(tokens.str("refresh_token")).await.ok();
        let name = members.contains(&"preferred_username").then_some("alice");
        assert_eq!((told.json["active"].as_bool(), told.json["username"].as_str()), (Some(true), name), "{scope}");
        // An ID token is no access token.
        rp.userinfo(tokens.str("id_token")).await.is(401, "invalid_token");
    }
    let flow = rp.flow(&[("scope", "email")]);
    let code = Browser::new(&issuer).code(&flow, "alice").await;
    let tokens = rp.redeem(&flow, &code).await.ok();
    assert!(tokens.json["id_token"].is_null());
    rp.userinfo(tokens.str("access_token")).await.is(403, "insufficient_scope");
    rp.userinfo(&service.own_token("chancery:feed").await).await.is(403, "insufficient_scope");
    issuer.stop().await;
}
