//! Libraries of backends: `openid-client` and `oauth4webapi` (npm), `Authlib` (PyPI). What each does and demands stands in
//! its script; here is what it was told about the user, and what Chancery has written down of it.

use serde_json::{Value, json};

use super::party::Party;
use super::person::Person;
use super::{ORDERS, Stage, USER};
use crate::kit::issuer::{Kind, on_both};

on_both!(openid_client, oauth4webapi, authlib);

/// How a client proves itself, and the flags that register it so.
const METHODS: [(&str, &[&str]); 3] = [
    ("client_secret_basic", &[]),
    ("client_secret_post", &["--auth-method", "client_secret_post"]),
    ("none", &["--public"]),
];

const SCOPE: &str = "openid profile email groups offline_access";

/// Runs a script as a client registered with these flags, to its last word.
async fn run(stage: &Stage, script: &'static str, method: &str, flags: &[&str], scope: &str) -> Value {
    let rp = stage.client(flags);
    let mut settings = json!({
        "issuer": stage.server.at, "client_id": rp.id, "method": method, "redirect_uri": rp.redirect, "scope": scope,
    });
    if let Some(secret) = &rp.secret {
        settings["client_secret"] = json!(secret);
    }
    if flags.contains(&"--resource") {
        settings["resource"] = json!(ORDERS);
    }
    let mut party = Party::start(script, &settings).await;
    let mut person = Person::new(stage, USER);
    let done = loop {
        match party.says().await {
            (word, url) if word == "visit" => {
                let back = person.back(url.as_str().unwrap(), &rp.redirect).await;
                party.hears(&json!({ "back": back }));
            }
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
