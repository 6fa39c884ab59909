//! What commands tell of what has ended, and what they refuse to be told by mistake.

use crate::kit::actors::Browser;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::operator::Operator;

on_both!(
    what_a_family_died_of_stays_told,
    the_audit_trail_tells_why,
    a_note_is_about_what_was_done,
    a_plain_loopback_address_names_its_setting,
);

async fn what_a_family_died_of_stays_told(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let operator = Operator::of(&issuer);
    operator.user("ada", &[]);
    let rp = operator.client(&issuer.at, &[]);
    rp.tokens(&mut Browser::new(&issuer), "ada").await;
    let entry = operator.json(&["revoke", "user", "ada", "--reason", "laptop stolen"]);
    let family = || {
        let shown = operator.json(&["lineage", "show", "ada"]);
        shown["sessions"][0]["families"][0].clone()
    };
    let told = family();
    assert_eq!((told["state"].as_str(), told["end_reason"].as_str()), (Some("ended"), Some("laptop stolen")), "{told}");
    assert_eq!((&told["ended_by"]["kind"], &told["ended_by"]["seq"]), (&"user".into(), &entry["seq"]));
    assert!(told["ended_at"].is_string(), "{told}");
    let text = operator.run(&["lineage", "show", "ada"]).ok().out;
    assert!(text.contains("with its user, at ") && text.contains("laptop stolen") && !text.contains("until"), "{text}");
    // How the owner stands later changes nothing of it.
    operator.run(&["user", "disable", "ada"]).ok();
    let later = family();
    assert_eq!(later["ended_by"]["kind"], "user", "{later}");
    assert!(!operator.run(&["lineage", "show", "ada"]).ok().out.contains("the user is disabled"));
    issuer.stop().await;
}

async fn the_audit_trail_tells_why(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let operator = Operator::of(&issuer);
    operator.user("ada", &[]);
    operator.run(&["revoke", "user", "ada", "--reason", "laptop stolen"]).ok();
    operator.run(&["revoke", "all", "--reason", "drill"]).ok();
    let text = operator.run(&["audit", "list"]).ok().out;
    for said in ["reason=laptop stolen", "kind=user", "kind=all", "reason=drill"] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let heads: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["AT", "EVENT", "OUTCOME", "ACTOR", "ADDRESS", "DETAIL", "ABOUT"], "the widest stands last");
    issuer.stop().await;
}

async fn a_note_is_about_what_was_done(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let operator = Operator::of(&issuer);
    let refused = operator.run(&["user", "create", "bob", "--email", "bob"]);
    assert!(!refused.err.contains("note:"), "{}", refused.err);
    refused.refused("is not an e-mail address");
    let made = operator.run(&["user", "create", "bob"]).ok();
    assert!(made.err.contains("`chancery user set-password bob` sets one"), "{}", made.err);
    let made = operator.run(&["client", "create", "--name", "Nowhere"]).ok();
    assert!(made.err.contains("no redirect URI is registered"), "{}", made.err);
    for whole in [
        &["client", "create", "--name", "Board", "--redirect-uri", "https://rp.test/cb"][..],
        &["client", "create", "--name", "Job", "--grant", "client_credentials"],
        &["client", "create", "--name", "Set", "--public", "--grant", "device_code"],
    ] {
        let made = operator.run(whole).ok();
        assert!(!made.err.contains("note:"), "{}", made.err);
    }
    issuer.stop().await;
}

/// Whoever develops on one machine is told which setting stands in the way.
async fn a_plain_loopback_address_names_its_setting(kind: Kind) {
    let issuer = Issuer::start(kind).await;
    let operator = Operator::of(&issuer).and("CHANCERY_FETCH__ALLOW_HTTP", "off");
    let told = |uri: &str| {
        let client = ["client", "create", "--name", "Board", "--redirect-uri", "https://rp.test/cb"];
        operator.run(&[&client[..], &["--backchannel-logout-uri", uri]].concat())
    };
    told("http://127.0.0.1:9000/ended").refused("plain http of loopback is off (fetch.allow_http)");
    let elsewhere = told("http://192.0.2.7/ended");
    assert!(!elsewhere.err.contains("allow_http"), "{}", elsewhere.err);
    elsewhere.refused("is not https");
    issuer.stop().await;
}

#[tokio::test]
async fn nobody_is_looked_for_in_a_database_that_is_not_there() {
    let issuer = Issuer::start(Kind::Sqlite).await;
    let nowhere = issuer.keys().parent().unwrap().join("elsewhere/chancery.db");
    let operator = Operator::of(&issuer).and("CHANCERY_DATABASE_URL", format!("sqlite://{}", nowhere.display()));
    for arguments in [
        &["revoke", "user", "ada"][..],
        &["revoke", "all"],
        &["user", "list"],
        &["client", "list"],
        &["resource", "list"],
        &["resource", "metadata", "https://api.example.com"],
        &["resource", "update", "https://api.example.com", "--name", "API"],
        &["lineage", "show", "ada"],
        &["audit", "list"],
    ] {
        operator.run(arguments).refused("there is no database at");
        assert!(!nowhere.exists(), "{arguments:?} made one");
    }
    // Who makes the first user makes the database, too.
    operator.user("ada", &[]);
    operator.run(&["user", "list"]).ok();
    issuer.stop().await;
}

#[tokio::test]
async fn a_database_that_servers_use_is_not_replaced() {
    let issuer = Issuer::start(Kind::Postgres).await;
    let operator = Operator::of(&issuer);
    let file = issuer.keys().parent().unwrap().join("backup");
    let file = file.to_str().unwrap();
    operator.run(&["backup", file]).ok();
    operator.user("ada", &[]);
    operator.run(&["restore", file]).refused("stop them first");
    operator.run(&["user", "show", "ada"]).ok();
    issuer.stop().await;
}
