//! What is taken: each algorithm, at each endpoint, with and without the client's name beside it; what metadata tells of it; and
//! what a proved key is good for.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Keyed, TYPE, ask, by_key};
use crate::kit::actors::{Answer, Browser, RelyingParty, claims, http};
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::signer::{Signer, good_claims};

on_both!(
    each_algorithm_is_taken,
    from_sign_in_to_revocation,
    the_form_need_not_name_the_client,
    a_lost_answer_is_found_however_late,
    a_device_with_a_key,
);

async fn each_algorithm_is_taken(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    for alg in ["ES256", "RS256", "PS256", "EdDSA"] {
        let key = Signer::new(alg, alg);
        for jwk in [
            key.jwk(),
            key.jwk_with(json!({"use": "sig", "alg": alg})),
            key.jwk_with(json!({"key_ops": ["verify"], "x5c": ["MIIB"], "unheard-of": {"a": 1}})),
        ] {
            let set = json!({"keys": [json!({"kty": "unheard-of"}), jwk]});
            let rp = keyed.issuer.client_with(|row| by_key(row, Some(set), None)).await;
            let claims = || good_claims(&keyed.issuer.name, rp.id, keyed.clock.now());
            let named = key.sign(&claims());
            let nameless = key.with_header(&json!({"alg": alg}), &claims());
            for (assertion, form) in [(named, "named"), (nameless, "nameless")] {
                let token = ask(&rp, &assertion).await.ok();
                assert!(token.json["access_token"].is_string(), "{alg} {form}");
            }
            for typ in ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"] {
                let header = json!({"alg": alg, "kid": alg, "typ": typ});
                ask(&rp, &key.with_header(&header, &claims())).await.ok();
            }
        }
        // An RSA key that doesn't say how it signs may sign both ways; one that says so, one way.
        if let Some(other) =
            [("RS256", "PS256"), ("PS256", "RS256")].iter().find(|(one, _)| *one == alg).map(|(_, two)| two)
        {
            for (more, status) in [(json!({}), 200), (json!({"alg": alg}), 401)] {
                let set = json!({"keys": [key.jwk_with(more)]});
                let rp = keyed.issuer.client_with(|row| by_key(row, Some(set), None)).await;
                let said = |part: Value| crate::kit::signer::part(part.to_string());
                let claims = good_claims(&keyed.issuer.name, rp.id, keyed.clock.now());
                let signed = format!("{}.{}", said(json!({"alg": other, "kid": alg})), said(claims));
                assert_eq!(ask(&rp, &key.sign_as(other, &signed)).await.status, status, "{alg} and {other}");
            }
        }
    }
    keyed.issuer.stop().await;
}

/// Code, refresh, introspection and revocation, each with an assertion of its own.
async fn from_sign_in_to_revocation(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    keyed.issuer.user("alice").await;
    let first = tokens(&keyed).await;
    let second = refresh(&keyed, first.str("refresh_token")).await.ok();
    let access = second.str("access_token");
    let told = keyed.post("/oauth2/introspect", &[("token", access)]).await.ok();
    assert_eq!((&told.json["active"], &told.json["client_id"]), (&json!(true), &json!(keyed.rp.id)));
    assert_eq!(keyed.post("/oauth2/revoke", &[("token", second.str("refresh_token"))]).await.status, 200);
    let told = keyed.post("/oauth2/introspect", &[("token", access)]).await.ok();
    assert_eq!(told.text, r#"{"active":false}"#);
    refresh(&keyed, second.str("refresh_token")).await.is(400, "invalid_grant");
    // Its name alone, a secret, or two ways at once, prove nothing.
    let rp = &keyed.rp;
    rp.token(&[("grant_type", "client_credentials")]).await.is(401, "invalid_client");
    for method in ["client_secret_basic", "client_secret_post"] {
        let poser = RelyingParty { method: method.to_owned(), secret: Some("ch_cs_x".to_owned()), ..rp.clone() };
        poser.token(&[("grant_type", "client_credentials")]).await.is(401, "invalid_client");
        let both = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", TYPE),
            ("client_assertion", &keyed.assertion()),
        ];
        poser.token(&both).await.is(400, "invalid_request");
    }
    keyed.issuer.stop().await;
}

async fn tokens(keyed: &Keyed) -> Answer {
    let flow = keyed.rp.flow(&[]);
    let code = Browser::new(&keyed.issuer).code(&flow, "alice").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &keyed.rp.redirect),
        ("code_verifier", &flow.verifier),
    ];
    keyed.post("/oauth2/token", &form).await.ok()
}

async fn refresh(keyed: &Keyed, token: &str) -> Answer {
    keyed.post("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn the_form_need_not_name_the_client(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let other = keyed.issuer.client().await.id.to_string();
    let own = keyed.rp.id.to_string();
    for (named, status) in [(None, 200), (Some(own.as_str()), 200), (Some(other.as_str()), 401), (Some("x"), 401)] {
        let assertion = keyed.assertion();
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("scope", "chancery:feed"),
            ("client_assertion_type", TYPE),
            ("client_assertion", &assertion),
        ];
        form.extend(named.map(|named| ("client_id", named)));
        let sent = http().post(keyed.issuer.url("/oauth2/token")).form(&form).send().await.unwrap();
        assert_eq!(sent.status(), status, "{named:?}");
        // What was refused for its form alone was not spent.
        if status != 200 {
            keyed.ask(&assertion).await.ok();
        }
    }
    for kind in ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer", "x"] {
        let assertion = keyed.assertion();
        let form =
            [("grant_type", "client_credentials"), ("client_assertion_type", kind), ("client_assertion", &assertion)];
        keyed.rp.token(&form).await.is(401, "invalid_client");
    }
    keyed
        .rp
        .token(&[("grant_type", "client_credentials"), ("client_assertion_type", TYPE)])
        .await
        .is(401, "invalid_client");
    keyed.issuer.stop().await;
}

/// A client that proves a key is believed that an answer was lost, whenever it says so; one with a secret, for a minute. Nobody
/// else can say it in its name.
async fn a_lost_answer_is_found_however_late(kind: Kind) {
    let keyed = Keyed::with(kind, |config| config.sessions.idle = Duration::from_hours(24 * 300), |_| {}).await;
    keyed.issuer.user("alice").await;
    let secret = keyed.issuer.client().await;
    let first = tokens(&keyed).await;
    let with_secret = secret.tokens(&mut Browser::new(&keyed.issuer), "alice").await;
    let second = refresh(&keyed, first.str("refresh_token")).await.ok();
    secret.refresh(with_secret.str("refresh_token")).await.ok();
    let family = claims(second.str("access_token"))["family_id"].clone();
    for hours in [1, 24, 24 * 7] {
        keyed.clock.advance(Duration::from_hours(hours));
        // Without the key the same token is no retry, and no reuse either: nobody ends the family in its name.
        keyed.rp.refresh(first.str("refresh_token")).await.is(401, "invalid_client");
        secret.refresh(first.str("refresh_token")).await.is(400, "invalid_grant");
        let again = refresh(&keyed, first.str("refresh_token")).await.ok();
        assert_eq!(again.str("refresh_token"), second.str("refresh_token"), "{hours} h");
        assert_eq!(claims(again.str("access_token"))["family_id"], family);
    }
    secret.refresh(with_secret.str("refresh_token")).await.is(400, "invalid_grant");
    // Two generations old is reuse, whoever proves what.
    let third = refresh(&keyed, second.str("refresh_token")).await.ok();
    refresh(&keyed, first.str("refresh_token")).await.is(400, "invalid_grant");
    refresh(&keyed, third.str("refresh_token")).await.is(400, "invalid_grant");
    keyed.issuer.stop().await;
}

/// At the device endpoint and at each poll: an assertion of its own.
async fn a_device_with_a_key(kind: Kind) {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let keyed = Keyed::with(kind, |_| {}, |row| row.grants.0.push(GRANT.to_owned())).await;
    let begun = keyed.post("/oauth2/device", &[("scope", "openid")]).await.ok();
    let poll = [("grant_type", GRANT), ("device_code", begun.str("device_code"))];
    keyed.post("/oauth2/token", &poll).await.is(400, "authorization_pending");
    // Whoever has the code alone has nothing.
    keyed.rp.token(&poll).await.is(401, "invalid_client");
    keyed.rp.post("/oauth2/device", &[("scope", "openid")]).await.is(401, "invalid_client");
    keyed.issuer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_is_told() {
    let issuer = Issuer::start(Kind::Sqlite).await;
    let told = http().get(issuer.url("/.well-known/openid-configuration")).send().await.unwrap();
    let told: Value = told.json().await.unwrap();
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = told[format!("{endpoint}_endpoint_auth_methods_supported")].as_array().unwrap();
        assert!(methods.contains(&json!("private_key_jwt")), "{endpoint}");
        let algs = &told[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*algs, json!(["ES256", "RS256", "PS256", "EdDSA"]), "{endpoint}");
    }
    issuer.stop().await;
}
