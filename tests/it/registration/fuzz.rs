//! Registration, fuzzed: whatever is said is registered or refused and never breaks anything; a PUT of one's own GET changes
//! nothing; no metadata makes a public client confidential or the reverse, or gives it what only an administrator gives.

use chancery::oauth::scope::OWN;
use chancery::store::clients::{self, Client};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{Registered, open, register};
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(whatever_is_said);

/// Any JSON: small, deep enough, with texts that hurt.
fn anything() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("\u{0}".to_owned()),
        Just("\u{202e}\u{feff}".to_owned()),
        Just("' OR '1'='1; --".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,8}",
        Just("x".repeat(3000)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What such members usually hold, right and nearly right.
fn usual() -> impl Strategy<Value = Value> {
    let words = |words: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(words), 0..3).prop_map(|some| json!(some))
    };
    prop_oneof![
        prop::sample::select(vec![
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "web",
            "native",
            "pairwise",
            "public",
            "ES256",
            "RS256",
            "none",
            "https://rp.test/x",
            "http://127.0.0.1/",
            "openid email",
            "openid chancery:feed",
            "Tide"
        ])
        .prop_map(Value::from),
        words(&["authorization_code", "refresh_token", "client_credentials", "implicit", "password"]),
        words(&[
            "https://rp.test/cb",
            "https://rp.test/cb2",
            "http://127.0.0.1/cb",
            "com.example.tide:/cb",
            "https://rp.test/#"
        ]),
        words(&["code", "token", "id_token"]),
        words(&["sea@rp.test", "nobody"]),
        Just(json!({ "keys": [] })),
        (0u32..5000).prop_map(Value::from),
    ]
}

const NAMES: &[&str] = &[
    "redirect_uris",
    "client_name",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "scope",
    "contacts",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "jwks",
    "jwks_uri",
    "application_type",
    "subject_type",
    "sector_identifier_uri",
    "id_token_signed_response_alg",
    "default_max_age",
    "default_acr_values",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "client_id",
    "client_secret",
    "registration_access_token",
    "source",
    "consent",
    "claims",
];

/// A registration: most often one that is right but for a few members.
fn body() -> impl Strategy<Value = Map<String, Value>> {
    let base = prop_oneof![
        Just(json!({ "redirect_uris": ["https://rp.test/cb"] })),
        Just(
            json!({ "redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none", "client_name": "Tide" })
        ),
        Just(
            json!({ "redirect_uris": ["https://rp.test/cb"], "grant_types": ["authorization_code", "refresh_token"], "scope": "openid" })
        ),
    ];
    let value = prop_oneof![3 => usual(), 1 => anything()];
    (base, prop::collection::vec((prop::sample::select(NAMES), value), 0..4)).prop_map(|(base, more)| {
        let mut all = base.as_object().unwrap().clone();
        all.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        all
    })
}

async fn row(issuer: &Issuer, client: &Registered) -> (Client, usize) {
    let row = clients::get(&issuer.app.store, client.id).await.unwrap().unwrap();
    let secrets = clients::secrets(&issuer.app.store, client.id).await.unwrap().len();
    (row, secrets)
}

/// What no metadata may bring about.
fn sound((row, secrets): &(Client, usize)) -> Result<(), TestCaseError> {
    prop_assert_eq!((row.source.as_str(), row.consent.as_str(), row.outlives_session), ("dynamic", "ask", false));
    prop_assert!(row.origins.is_empty() && row.resources.is_empty() && row.metadata.claims.is_empty());
    prop_assert!(row.grants.iter().all(|grant| ["authorization_code", "refresh_token"].contains(&grant.as_str())));
    prop_assert!(!row.scopes.split(' ').any(|scope| OWN.iter().any(|(own, _)| *own == scope)));
    prop_assert_eq!(*secrets, usize::from(row.auth_method.starts_with("client_secret")));
    prop_assert_eq!(row.profile.as_str(), "oauth21");
    Ok(())
}

async fn one(issuer: &Issuer, first: Map<String, Value>, second: Map<String, Value>) -> Result<bool, TestCaseError> {
    let answer = register(issuer, None, &Value::Object(first)).await;
    if answer.status != 201 {
        prop_assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
        let error = answer.json["error"].as_str().unwrap_or_default();
        prop_assert!(["invalid_client_metadata", "invalid_redirect_uri"].contains(&error), "{}", answer.text);
        return Ok(false);
    }
    let client = Registered::of(&answer);
    let before = row(issuer, &client).await;
    sound(&before)?;
    let read = client.get().await.json;
    prop_assert_eq!(&client.put(&read).await.json, &read);
    prop_assert_eq!(format!("{before:?}"), format!("{:?}", row(issuer, &client).await), "nothing changed");

    let mut second = second;
    second.entry("client_id").or_insert(json!(client.id));
    let put = client.put(&Value::Object(second)).await;
    prop_assert!(put.status == 200 || put.status == 400, "{}", put.text);
    let after = row(issuer, &client).await;
    sound(&after)?;
    prop_assert_eq!(before.0.auth_method == "none", after.0.auth_method == "none", "public stays public");
    if put.status == 400 {
        prop_assert_eq!(format!("{before:?}"), format!("{after:?}"), "refused is refused");
    } else {
        let read = client.get().await.json;
        prop_assert_eq!(&client.put(&read).await.json, &read);
    }
    Ok(true)
}

async fn whatever_is_said(kind: Kind) {
    let issuer = open(kind).await;
    let cases = std::env::var("CHANCERY_TEST_REGISTRATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(128);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let handle = Handle::current();
    let count = std::cell::Cell::new(0);
    let ran = block_in_place(|| {
        let told = TestRunner::new(config).run(&(body(), body()), |(first, second)| {
            if handle.block_on(one(&issuer, first, second))? {
                count.set(count.get() + 1);
            }
            Ok(())
        });
        told.map_err(|failed| failed.to_string())
    });
    assert_eq!(ran, Ok(()));
    let registered = count.get();
    assert!(registered > cases / 8, "only {registered} of {cases} were registered: the fuzz says nothing");
    issuer.stop().await;
}
