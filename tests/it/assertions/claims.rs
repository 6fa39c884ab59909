//! The claims of an assertion: whom it is from and for, when, and once. V033, V034.

use serde_json::json;

use super::{Keyed, ask, by_key};
use crate::kit::issuer::{Kind, Setup, on_both};
use crate::kit::raw::Raw;
use crate::kit::signer::good_claims;
use crate::lineage::desk::at_once;

on_both!(
    v033_only_this_issuer_is_its_audience,
    whom_it_is_from,
    when_it_is_good,
    v034_an_assertion_is_taken_once,
    v034_of_fifty_at_two_nodes_one_is_taken,
);

async fn v033_only_this_issuer_is_its_audience(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let set = keyed.key.set();
    let old = keyed.issuer.client_with(|row| {
        by_key(row, Some(set), None);
        row.profile = "oidc".to_owned();
    });
    let old = old.await;
    let name = keyed.issuer.name.clone();
    let (token, slash) = (format!("{name}/oauth2/token"), format!("{name}/"));
    for aud in [
        json!(token),
        json!(slash),
        json!([name]),
        json!([name, "https://other.test"]),
        json!([]),
        json!(format!("{name}/oauth2/par")),
        json!(format!("{name}/oauth2/introspect")),
        json!(format!("{name}/oauth2/authorize")),
        json!(format!("{token}/")),
        json!(name.to_uppercase()),
        json!(format!("{name} ")),
        json!(format!("{name}?x")),
        json!(name.replacen("http", "https", 1)),
        json!(keyed.rp.id),
        json!("https://other.test"),
        json!(""),
        json!(null),
        json!(1),
        json!({"aud": name}),
    ] {
        let assertion = keyed.bent(|claims| claims["aud"] = aud.clone());
        keyed.refused(&assertion, "aud is not this issuer, as one string").await;
        // An older relying party may name the token endpoint, and that is all.
        let mut claims = good_claims(&name, old.id, keyed.clock.now());
        claims["aud"] = aud.clone();
        let taken = ask(&old, &keyed.key.sign(&claims)).await.status == 200;
        assert_eq!(taken, aud == json!(token), "{aud}");
    }
    let missing = keyed.bent(|claims| drop(claims.as_object_mut().unwrap().remove("aud")));
    keyed.refused(&missing, "aud is not this issuer").await;
    keyed.ask(&keyed.assertion()).await.ok();
    ask(&old, &keyed.key.sign(&good_claims(&name, old.id, keyed.clock.now()))).await.ok();
    keyed.issuer.stop().await;
}

async fn whom_it_is_from(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let other = keyed
        .issuer
        .client_with(|row| by_key(row, Some(crate::kit::signer::Signer::new("ES256", "x").set()), None))
        .await
        .id;
    for iss in
        [json!(other), json!("https://rp.test"), json!(keyed.issuer.name), json!(""), json!(null), json!([keyed.rp.id])]
    {
        let assertion = keyed.bent(|claims| claims["iss"] = iss);
        keyed.refused(&assertion, "iss and sub are not both the client's id").await;
    }
    // The subject says whom it is about; the form agrees, or names nobody.
    for sub in [json!(other), json!(""), json!(keyed.rp.id.to_string().to_uppercase())] {
        let assertion = keyed.bent(|claims| claims["sub"] = sub);
        keyed.refused(&assertion, "client_id is not the subject of the assertion").await;
    }
    for sub in [json!(null), json!(7), json!([keyed.rp.id])] {
        let assertion = keyed.bent(|claims| claims["sub"] = sub);
        keyed.refused(&assertion, "has no subject").await;
    }
    // About another client, signed with a key of one's own.
    let theirs = keyed.bent(|claims| (claims["iss"], claims["sub"]) = (json!(other), json!(other)));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", super::TYPE),
        ("client_assertion", theirs.as_str()),
    ];
    let sent = keyed.rp.http.post(keyed.issuer.url("/oauth2/token")).form(&form).send().await.unwrap();
    assert_eq!(sent.status(), 401);
    keyed.issuer.stop().await;
}

async fn when_it_is_good(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let now = || keyed.clock.now().timestamp();
    let expired = "it has expired";
    let long = "exp is more than five minutes ahead";
    let future = "it is of the future";
    let none = "a time is no number of seconds";
    for (name, value, why) in [
        ("exp", json!(now()), expired),
        ("exp", json!(now() - 1), expired),
        ("exp", json!(now() - 86_400), expired),
        ("exp", json!(0), expired),
        ("exp", json!(now() + 320), long),
        ("exp", json!(now() + 3600), long),
        ("exp", json!(now() * 1000), long),
        ("exp", json!(1e13), none),
        ("exp", json!(1e300), none),
        ("exp", json!(u64::MAX), none),
        ("exp", json!(-1), none),
        ("exp", json!("soon"), none),
        ("exp", json!((now() + 60).to_string()), none),
        ("exp", json!(null), none),
        ("exp", json!([now() + 60]), none),
        ("nbf", json!(now() + 60), future),
        ("nbf", json!(now() + 20), future),
        ("nbf", json!("x"), none),
        ("iat", json!(now() + 60), future),
        ("iat", json!(now() + 20), future),
        ("iat", json!({}), none),
    ] {
        let assertion = keyed.bent(|claims| claims[name] = value.clone());
        let why = if value == json!(-1) { none } else { why };
        keyed.refused(&assertion, why).await;
    }
    let missing = keyed.bent(|claims| drop(claims.as_object_mut().unwrap().remove("exp")));
    keyed.refused(&missing, "exp is missing").await;
    for (name, value) in [
        ("exp", json!(now() + 300)),
        ("exp", json!(now() + 5)),
        ("exp", json!(now() as f64 + 30.5)),
        ("nbf", json!(now() + 7)),
        ("nbf", json!(now() - 3600)),
        ("iat", json!(now() + 7)),
        ("iat", json!(0)),
    ] {
        keyed.ask(&keyed.bent(|claims| claims[name] = value.clone())).await.ok();
    }
    let bare = keyed.bent(|claims| drop(claims.as_object_mut().unwrap().remove("iat")));
    keyed.ask(&bare).await.ok();
    keyed.issuer.stop().await;
}

async fn v034_an_assertion_is_taken_once(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let assertion = keyed.assertion();
    keyed.ask(&assertion).await.ok();
    let again = "its jti was presented before";
    keyed.refused(&assertion, again).await;
    // The same identifier in another assertion, at another endpoint, and after the node was started anew.
    let same = |keyed: &Keyed| keyed.bent(|claims| claims["jti"] = json!("one and the same"));
    keyed.ask(&same(&keyed)).await.ok();
    keyed.refused(&same(&keyed), again).await;
    let form = [("token", "x"), ("client_assertion_type", super::TYPE), ("client_assertion", &same(&keyed))];
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        keyed.rp.post(path, &form).await.is(401, "invalid_client");
    }
    let Keyed { issuer, clock, rp, key } = keyed;
    let keyed = Keyed { issuer: issuer.restart(Setup::held(&clock)).await, clock, rp, key };
    keyed.refused(&same(&keyed), again).await;
    keyed.refused(&assertion, again).await;
    // Another client's is another.
    let set = keyed.key.set();
    let other = keyed.issuer.client_with(|row| by_key(row, Some(set), None)).await;
    let mut claims = good_claims(&keyed.issuer.name, other.id, keyed.clock.now());
    claims["jti"] = json!("one and the same");
    ask(&other, &keyed.key.sign(&claims)).await.ok();
    // What is refused for anything else is not spent by it.
    let jti = json!("refused first");
    let rows = async || Raw::open(&keyed.issuer.database).await.count("jti", "true").await;
    let before = rows().await;
    for bend in [("aud", json!("x")), ("exp", json!(0)), ("nbf", json!(4e9)), ("iss", json!("x"))] {
        let (name, value) = bend;
        let bent = keyed.bent(|claims| (claims["jti"], claims[name]) = (jti.clone(), value));
        keyed.ask(&bent).await.is(401, "invalid_client");
    }
    let forged = crate::kit::signer::Signer::new("ES256", "first");
    let mut claims = keyed.claims();
    claims["jti"] = jti.clone();
    keyed.ask(&forged.sign(&claims)).await.is(401, "invalid_client");
    assert_eq!(rows().await, before);
    keyed.ask(&keyed.bent(|claims| claims["jti"] = jti)).await.ok();
    for jti in [json!(null), json!(""), json!(7), json!(["x"]), json!("x".repeat(257)), json!("é".repeat(129))] {
        keyed.refused(&keyed.bent(|claims| claims["jti"] = jti), "jti is missing, or longer than 256 bytes").await;
    }
    let missing = keyed.bent(|claims| drop(claims.as_object_mut().unwrap().remove("jti")));
    keyed.refused(&missing, "jti is missing").await;
    keyed.ask(&keyed.bent(|claims| claims["jti"] = json!("x".repeat(256)))).await.ok();
    keyed.issuer.stop().await;
}

async fn v034_of_fifty_at_two_nodes_one_is_taken(kind: Kind) {
    let keyed = Keyed::new(kind).await;
    let other = keyed.issuer.another_node(Setup::held(&keyed.clock)).await;
    for _ in 0..3 {
        let assertion = keyed.assertion();
        let nodes = [keyed.rp.clone(), keyed.rp.through(&other)];
        let answers = at_once(50, |nth| {
            let (rp, assertion) = (nodes[nth % 2].clone(), assertion.clone());
            async move { ask(&rp, &assertion).await }
        });
        let statuses: Vec<u16> = answers.await.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 401].contains(status)), "{statuses:?}");
    }
    other.stop().await;
    keyed.issuer.stop().await;
}
