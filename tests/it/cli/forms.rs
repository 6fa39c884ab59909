//! Command forms and their JSON, errors and exit codes, and that secrets are shown once and taken from standard input.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::kit::actors::{Browser, PASSWORD};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(
    what_is_created_answers_as_scripts_expect,
    everything_is_listed_and_shown,
    everything_wrong_is_told_at_once,
    secrets_are_shown_once,
    settings_and_reasons
);

#[track_caller]
fn members(object: &Value, expected: &[&str]) {
    let found: BTreeSet<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, expected.iter().copied().collect(), "{object}");
}

async fn what_is_created_answers_as_scripts_expect(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let user = operator.user("alice", &["--group", "staff", "--group", "ops"]);
    members(&user, &["id", "username"]);
    assert_eq!(user["username"], "alice");

    let uri = "https://api.example.test";
    let lifetime = ["--access-token-lifetime", "5m"];
    let create = ["resource", "create", uri, "--scope", "orders.read Read your orders", "--scope", "orders.write"];
    let resource = operator.json(&[&create[..], &lifetime].concat());
    assert_eq!(resource["uri"], uri);

    let rp = operator.client(&issuer.at, &[]);
    let client = operator.json(&["client", "show", &rp.id.to_string()]);
    assert_eq!(client["profile"], "oauth21");
    assert_eq!(client["auth_method"], "client_secret_basic");
    assert_eq!(client["grants"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(client["scopes"], json!(["openid", "profile", "email", "groups", "offline_access"]));
    assert_eq!(client["require_pkce"], true);

    // What was made works: the user signs in, the client redeems.
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;
    assert_eq!(rp.userinfo(tokens.str("access_token")).await.ok().json["groups"], json!(["staff", "ops"]));

    let all = [
        ["--public", "--profile", "oidc", "--origin", "https://app.example.test"].as_slice(),
        &["--scope", "openid orders.read", "--resource", uri, "--retry-window", "30", "--outlives-session"],
        &["--post-logout-redirect-uri", "https://rp.test/bye", "--refresh-delivery", "body"],
    ];
    let create = ["client", "create", "--name", "Browser", "--redirect-uri", "https://rp.test/cb"];
    let public = operator.json(&[&create[..], &all.concat()].concat());
    members(&public, &["client_id"]);
    let shown = operator.json(&["client", "show", public["client_id"].as_str().unwrap()]);
    assert_eq!((&shown["auth_method"], &shown["retry_window"]), (&json!("none"), &json!(30)));
    assert_eq!((&shown["outlives_session"], &shown["resources"]), (&json!(true), &json!([uri])));

    let service =
        ["client", "create", "--name", "Gateway", "--grant", "client_credentials", "--scope", "chancery:feed"];
    members(&operator.json(&service), &["client_id", "client_secret"]);
    // An older relying party may leave PKCE out, unless that is switched off.
    let older = ["client", "create", "--name", "Old", "--redirect-uri", "https://old.test/cb", "--profile", "oidc"];
    for (more, required) in [([].as_slice(), false), (&["--require-pkce"], true)] {
        let made = operator.json(&[&older[..], more].concat());
        let shown = operator.json(&["client", "show", made["client_id"].as_str().unwrap()]);
        assert_eq!(shown["require_pkce"], required);
    }
    issuer.stop().await;
}

async fn everything_is_listed_and_shown(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    assert_eq!(operator.json(&["user", "list"]), json!([]));
    operator.user("bob", &["--name", "Bob B", "--group", "staff"]);
    let alice = operator.user("alice", &[]);
    let names = |list: Value| list.as_array().unwrap().iter().map(|u| u["username"].clone()).collect::<Vec<_>>();
    assert_eq!(names(operator.json(&["user", "list"])), ["bob", "alice"]);
    let table = operator.run(&["user", "list"]).ok().out;
    assert!(table.starts_with("NAME") && table.contains("bob@example.test"), "{table}");

    let spellings = ["ALICE", "alice@example.test", alice["id"].as_str().unwrap()];
    for who in spellings {
        assert_eq!(operator.json(&["user", "show", who])["id"], alice["id"], "{who}");
    }
    let edit = [
        "user",
        "update",
        "bob",
        "--username",
        "robert",
        "--email",
        "r@example.test",
        "--name",
        "",
        "--add-group",
        "ops",
    ];
    let bob = operator.json(&edit);
    assert_eq!(
        (&bob["username"], &bob["email"], &bob["name"]),
        (&json!("robert"), &json!("r@example.test"), &Value::Null)
    );
    assert_eq!(bob["groups"], json!(["staff", "ops"]));
    operator.run(&["user", "show", "bob"]).refused("there is no user \"bob\"");

    let rp = operator.client(&issuer.at, &[]);
    let id = rp.id.to_string();
    let list = operator.json(&["client", "list"]);
    assert_eq!((list.as_array().unwrap().len(), &list[0]["client_id"]), (1, &json!(id)));
    let changed =
        operator.json(&["client", "update", &id, "--name", "Renamed", "--redirect-uri", "https://two.test/cb"]);
    assert_eq!((&changed["name"], &changed["redirect_uris"]), (&json!("Renamed"), &json!(["https://two.test/cb"])));
    assert!(operator.run(&["client", "show", &id]).ok().out.contains("https://two.test/cb"));

    operator.json(&["resource", "create", "https://api.test", "--scope", "a"]);
    let changed = operator.json(&["resource", "update", "https://api.test", "--scope", "b B things", "--name", "API"]);
    assert_eq!(changed["scopes"], json!([{ "name": "b", "description": "B things" }]));
    assert_eq!(operator.json(&["resource", "show", "https://api.test"])["name"], "API");
    assert_eq!(operator.json(&["resource", "list"]).as_array().unwrap().len(), 1);

    let mut browser = Browser::new(&issuer);
    rp_at(&rp, "https://two.test/cb").tokens(&mut browser, "alice").await;
    let sessions = operator.json(&["user", "sessions", "alice"]);
    assert_eq!((&sessions[0]["state"], &sessions[0]["amr"]), (&json!("active"), &json!(["pwd"])));
    let events = operator.json(&["audit", "list", "--limit", "200"]);
    let events: BTreeSet<_> = events.as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    for event in
        ["user.created", "user.updated", "client.created", "client.updated", "resource.created", "code.redeemed"]
    {
        assert!(events.contains(event), "{event} is not among {events:?}");
    }
    let keys = operator.json(&["key", "list"]);
    assert!(keys.as_array().unwrap().iter().any(|key| key["alg"] == "ES256" && key["state"] == "signing"));
    let set: Value = serde_json::from_str(&operator.run(&["key", "export"]).ok().out).unwrap();
    assert_eq!(set["keys"].as_array().unwrap().len(), keys.as_array().unwrap().len());
    issuer.stop().await;
}

fn rp_at(rp: &crate::kit::actors::RelyingParty, redirect: &str) -> crate::kit::actors::RelyingParty {
    crate::kit::actors::RelyingParty { redirect: redirect.to_owned(), ..rp.clone() }
}

/// What can be chosen is what is registered.
#[test]
fn help_lists_what_is_registered() {
    use chancery::oauth::{profile::Profile, registry};
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_chancery")).args(["client", "create", "--help"]).output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    let names = registry::grant_names(|_| true).into_iter().chain(registry::method_names(|_| true));
    for name in names.chain(Profile::ALL.iter().map(|profile| profile.name())) {
        assert!(help.contains(name), "{name}: {help}");
    }
}

async fn everything_wrong_is_told_at_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    let wrong =
        ["--redirect-uri", "http://far.test/cb", "--origin", "https://a/", "--grant", "magic", "--scope", "nope"];
    let more =
        ["--resource", "https://none.test", "--tos-uri", "http://t", "--retry-window", "601", "--auth-method", "x"];
    let ran = operator.run(&[&["client", "create", "--name", "a\u{1b}b"], &wrong[..], &more].concat()).refused("name:");
    for field in ["redirect_uris", "origins", "grants", "scopes", "resources", "tos_uri", "retry_window", "auth_method"]
    {
        assert!(ran.err.lines().any(|line| line.starts_with(&format!("error: {field}: "))), "{field}: {}", ran.err);
    }
    assert!(!ran.err.contains('\u{1b}'));
    assert_eq!(operator.json(&["client", "list"]), json!([]), "nothing was written");

    let public = ["client", "create", "--name", "P", "--public"];
    operator.run(&[&public[..], &["--grant", "client_credentials"]].concat()).refused("not for public clients");
    operator.run(&[&public[..], &["--auth-method", "client_secret_post"]].concat()).refused("--auth-method");
    operator.run(&["client", "create", "--name", "J", "--jwks", "keys.json"]).refused("--jwks keys.json: No such file");
    operator.run(&["client", "create", "--name", "J", "--jwks-uri", "http://j.test"]).refused("--jwks-uri: ");
    operator.run(&["client", "create", "--name", "J", "--claim", "department"]).refused("CLAIM=ATTRIBUTE");
    operator.run(&["client", "create", "--name", "J", "--contact", "nobody"]).refused("contacts:");
    let by_cookie = ["--refresh-delivery", "cookie", "--origin"];
    operator.run(&[&["client", "create", "--name", "J"], &by_cookie[..2]].concat()).refused("for public clients");
    let away = [&public[..], &by_cookie[..], &["https://app.example.test"]].concat();
    operator.run(&away).refused("cookies.site");
    let here = operator.json(&[&public[..], &by_cookie[..], &["http://127.0.0.1:7610"]].concat());
    let id = here["client_id"].as_str().unwrap().to_owned();
    operator.run(&["client", "update", &id, "--origin", "https://app.example.test"]).refused("cookies.site");
    let shown = operator.json(&["client", "show", &id]);
    assert_eq!(shown["origins"], json!(["http://127.0.0.1:7610"]), "nothing was written: {shown}");
    assert_eq!(shown["refresh_token_delivery"], "cookie");
    operator.json(&["client", "delete", &id]);
    operator.run(&["client", "create", "--name", "J", "--profile", "fapi9"]).refused("oauth21 or oidc");
    operator.run(&["client", "show", "Dashboard"]).refused("is not a client id");

    let resource = |more: &[&str]| operator.run(&[&["resource", "create"], more].concat());
    resource(&["http://api.test", "--scope", "a"]).refused("must be https");
    resource(&["https://API.test/x#f", "--scope", "a"]).refused("fragment");
    resource(&["https://API.test", "--scope", "a"]).refused("canonical");
    resource(&["https://api.test", "--scope", "openid"]).refused("reserved");
    resource(&["https://api.test", "--scope", "chancery:own"]).refused("reserved");
    resource(&["https://api.test", "--scope", "a", "--access-token-lifetime", "61m"]).refused("1h");
    resource(&["https://api.test"]).refused("at least one");
    operator.json(&["resource", "create", "https://api.test", "--scope", "a"]);
    resource(&["https://api.test", "--scope", "a"]).refused("registered already");

    operator.user("alice", &[]);
    operator.run(&["user", "create", "ALICE", "--email", "b@example.test"]).refused("another user");
    operator.run(&["user", "create", "alice@example.test", "--email", "c@example.test"]).refused("another user");
    operator.run(&["user", "create", "bob", "--email", "no address"]).refused("email:");
    operator.run(&["user", "update", "alice", "--remove-group", "none"]).refused("not in the group");

    // Not understood: 2. Settings that can't be right: 1, all told, and nothing is opened.
    assert_eq!(operator.run(&["user", "frobnicate"]).code, 2);
    assert_eq!(operator.run(&["revoke", "family", "not-an-id"]).code, 2);
    let broken = operator.clone().and("CHANCERY_ISSUER", "ftp://x").and("CHANCERY_LISTEN", "here");
    let ran = broken.run(&["user", "list"]).refused("the settings have 2 problems");
    assert!(ran.err.contains("CHANCERY_ISSUER") && ran.err.contains("CHANCERY_LISTEN"), "{}", ran.err);
    operator.run(&["--set", "database.url=sqlite://x", "user", "list"]).refused("arguments are no place");
    assert!(
        operator.run(&["--set", "tokens.retry_window=5s", "config", "show"]).ok().out.contains("retry_window = \"5s\"")
    );
    issuer.stop().await;
}

async fn secrets_are_shown_once(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    // One line, without its line end, whatever that is.
    let create = ["user", "create", "alice", "--email", "alice@example.test", "--password-stdin", "--json"];
    operator.run_with(&create, "too short\n").refused("15 characters");
    operator.run_with(&create, "\n").refused("standard input");
    operator.run_with(&create, &format!("{PASSWORD}\r\nanother line\n")).json();
    let rp = operator.client(&issuer.at, &[]);
    let tokens = rp.tokens(&mut Browser::new(&issuer), "alice").await;

    // Nothing that is printed later, and nothing that stands in the list of processes, holds a secret.
    let set = ["user", "set-password", "alice", "--password-stdin"];
    let mut child = operator.command(&set).spawn().unwrap();
    let line = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains("correct horse"));
    child.stdin.take().unwrap().write_all(format!("{PASSWORD} two\n").as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    let id = rp.id.to_string();
    let rotated = operator.json(&["client", "rotate-secret", &id]);
    let fresh = rotated["client_secret"].as_str().unwrap();
    let secrets =
        [PASSWORD, rp.secret.as_deref().unwrap(), fresh, tokens.str("access_token"), tokens.str("refresh_token")];
    for command in [
        ["user", "list"].as_slice(),
        &["user", "show", "alice"],
        &["user", "sessions", "alice"],
        &["client", "list"],
        &["client", "show", &id],
        &["audit", "list", "--limit", "500"],
        &["lineage", "show", "alice"],
        &["key", "list"],
        &["config", "show"],
    ] {
        for form in [command, &[command, &["--json"]].concat()] {
            let ran = operator.run(form).ok();
            for secret in secrets {
                assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{form:?}");
            }
        }
    }
    issuer.stop().await;
}

#[tokio::test]
async fn the_password_of_the_database_is_no_argument() {
    let issuer = Issuer::start_with(Kind::Postgres, Setup::patient()).await;
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("pg_dump");
    std::fs::write(&tool, "#!/bin/sh\nprintf '%s\\n' \"$@\" \"user=$PGUSER\" \"password=$PGPASSWORD\" >&2\nexit 3\n")
        .unwrap();
    std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
    let url = issuer.database.replace("chancery@", "chancery:s%40cret@");
    let operator = Operator::of(&issuer).and("CHANCERY_DATABASE_URL", url).and("PATH", folder.path());
    let file = folder.path().join("backup");
    let ran = operator.run(&["backup", file.to_str().unwrap()]).refused("password=s@cret");
    let before: Vec<_> = ran.err.lines().take_while(|line| !line.contains("user=chancery")).collect();
    assert!(before.len() > 2 && !before.join(" ").contains("cret"), "{before:?}");
    assert!(!file.exists(), "what failed is no backup");
    issuer.stop().await;
}

async fn settings_and_reasons(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer).and("CHANCERY_PROXIES__TRUSTED", "10.0.0.0/8,fd00::/8");
    let shown = operator.json(&["--set", "tokens.retry_window=5s", "config", "show"]);
    assert_eq!(shown["tokens.retry_window"], json!({ "value": "5s", "source": "command line" }));
    assert_eq!(shown["limits.in_flight"], json!({ "value": 1024, "source": "default" }));
    let trusted = json!({ "value": ["10.0.0.0/8", "fd00::/8"], "source": "CHANCERY_PROXIES__TRUSTED" });
    assert_eq!(shown["proxies.trusted"], trusted);
    assert_eq!(shown["tls.key"], json!({ "value": null, "source": null }));
    assert_eq!(shown.as_object().unwrap().len(), chancery::config::SETTINGS.len());
    let secret = Operator::of(&issuer)
        .and("CHANCERY_KEYS__SEALING", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA")
        .json(&["config", "show"]);
    assert_eq!(secret["keys.sealing"]["value"], "(redacted)");
    // Both ways to revoke a key ask the same of a reason.
    let long = "x".repeat(101);
    for reason in ["", "two\nlines", "\u{1b}[2J", &long] {
        for revoke in [&["key", "revoke", "nothing"][..], &["revoke", "key", "nothing"]] {
            operator.run(&[revoke, &["--reason", reason]].concat()).refused("--reason: 1 to 100 characters");
        }
    }
    issuer.stop().await;
}
