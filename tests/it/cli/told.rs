//! What commands tell of what has ended, and what they refuse to be told by mistake.

use crate::kit::actors::Browser;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::operator::Operator;

on_both!(what_a_family_died_of_stays_told, the_audit_trail_tells_why);

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
