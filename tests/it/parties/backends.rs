//! Libraries of backends: `openid-client` and `oauth4webapi` (npm), `Authlib` (PyPI). What each does and demands stands in
//! its script; here is what it was told about the user, and what Chancery has written down of it.

use serde_json::{Value, json};

use super::party::Party;
use super::person::Person;
use super::{ORDERS, Stage, USER};
use crate::kit::issuer::{Kind, on_both};

on_both!(openid_client, oauth4webapi, authlib, devices);

/// How a client proves itself, and the flags that register it so.
const METHODS: [(&str, &[&str]); 3] = [
    ("client_secret_basic", &[]),
    ("client_secret_post", &["--auth-method", "client_secret_post"]),
    ("none", &["--public"]),
];

const SCOPE: &str = "openid profile email groups offline_access";

const REDIRECT: &str = "https://rp.test/cb";
const KEY: &str = "private_key_jwt";

/// A client that signs is registered once it has a key.
fn with_key(stage: &Stage, keys: &Value, flags: &[&str]) -> Value {
    let file = stage.server.folder.path().join("client-keys.json");
    std::fs::write(&file, keys["jwks"].to_string()).unwrap();
    let keys = match keys["jwks_uri"].as_str() {
        Some(uri) => ["--jwks-uri", uri],
        None => ["--jwks", file.to_str().unwrap()],
    };
    json!({ "client_id": stage.client(&[flags, &["--auth-method", KEY], &keys].concat()).id })
}

/// Runs a script as a client registered with these flags, to its last word.
async fn run(stage: &Stage, script: &'static str, method: &str, flags: &[&str], scope: &str) -> Value {
    let mut settings = json!({ "issuer": stage.server.at, "method": method, "redirect_uri": REDIRECT, "scope": scope });
    if method != KEY {
        let rp = stage.client(flags);
        settings["client_id"] = json!(rp.id);
        settings["client_secret"] = json!(rp.secret);
    }
    if flags.contains(&"--resource") {
        settings["resource"] = json!(ORDERS);
    }
    let mut party = Party::start(script, &settings).await;
    let mut person = Person::new(stage, USER);
    let done = loop {
        match party.says().await {
            (word, url) if word == "visit" => {
                let back = person.back(url.as_str().unwrap(), REDIRECT).await;
                party.hears(&json!({ "back": back }));
            }
            (word, keys) if word == "keys" => party.hears(&with_key(stage, &keys, flags)),
            (word, done) if word == "done" => break done,
            (word, what) => panic!("{script} says {word} {what}"),
        }
    };
    assert_eq!((&done["sub"], &done["method"]), (&json!(stage.sub), &json!(method)), "{done}");
    stage.is_told(&done["info"]);
    done
}

async fn openid_client(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    for (method, flags) in METHODS {
        run(&stage, "openid-client.mjs", method, flags, SCOPE).await;
    }
    run(&stage, "openid-client.mjs", KEY, &[], SCOPE).await;
    run(&stage, "openid-client.mjs", KEY, &["--profile", "oidc"], SCOPE).await;
    // An older relying party's rulebook: ID tokens by RS256.
    run(&stage, "openid-client.mjs", "client_secret_basic", &["--profile", "oidc"], SCOPE).await;
    stage.server.stop();
}

async fn oauth4webapi(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    let orders = ["resource", "create", ORDERS, "--scope", "orders:read See your orders"];
    stage.server.operator.run(&orders).ok();
    for (method, flags) in METHODS {
        let scopes = SCOPE.split(' ').chain(["orders:read"]).flat_map(|scope| ["--scope", scope]);
        let flags: Vec<&str> = flags.iter().copied().chain(["--resource", ORDERS]).chain(scopes).collect();
        let done = run(&stage, "oauth4webapi.mjs", method, &flags, &format!("{SCOPE} orders:read")).await;
        assert_eq!(done["scope"], format!("{SCOPE} orders:read"));
    }
    run(&stage, "oauth4webapi.mjs", KEY, &[], SCOPE).await;
    run(&stage, "oauth4webapi.mjs", "client_secret_post", &["--auth-method", "client_secret_post"], SCOPE).await;
    stage.server.stop();
}

async fn authlib(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    for (method, flags) in METHODS {
        run(&stage, "authlib_client.py", method, flags, SCOPE).await;
    }
    run(
        &stage,
        "authlib_client.py",
        "client_secret_post",
        &["--profile", "oidc", "--auth-method", "client_secret_post"],
        SCOPE,
    )
    .await;
    stage.server.stop();
}

/// Both npm libraries as devices without a browser: they show a code and poll, someone enters it elsewhere.
async fn devices(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    let make = |name: &str, flags: &[&str]| {
        let usual = ["client", "create", "--name", name, "--grant", "device_code", "--grant", "refresh_token"];
        stage.server.operator.json(&[&usual, flags].concat())
    };
    let (tv, kiosk) = (make("Harbour TV", &["--public"]), make("Harbour Kiosk", &[]));
    let settings = json!({ "issuer": stage.server.at, "public": tv, "confidential": kiosk, "scope": SCOPE });
    let mut party = Party::start("device.mjs", &settings).await;
    // Entered by hand, then by the link with the code in it.
    let shown = party.must_say("shows").await;
    let mut person = Person::new(&stage, USER);
    for (page, code) in [
        (&shown[0]["verification_uri"], &shown[0]["user_code"]),
        (&shown[1]["verification_uri_complete"], &Value::Null),
    ] {
        person.device_code = code.as_str().map(str::to_owned);
        let told = person.page(page.as_str().unwrap()).await;
        assert!(told.status == 200 && told.text.contains("<h1>Signed in</h1>"), "{} {}", told.status, told.text);
    }
    let done = party.must_say("done").await;
    for told in done.as_array().unwrap() {
        assert_eq!(told["sub"], stage.sub, "{done}");
        stage.is_told(&told["info"]);
    }
    stage.server.stop();
}
