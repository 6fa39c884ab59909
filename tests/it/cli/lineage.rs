//! The tree: whatever one holds of a lineage leads to it, and it shows what happened.

use serde_json::{Value, json};

use crate::kit::actors::{Browser, claims};
use crate::kit::issuer::{Issuer, Kind, Setup, on_both};
use crate::kit::operator::Operator;

on_both!(whatever_one_holds_leads_to_the_tree);

async fn whatever_one_holds_leads_to_the_tree(kind: Kind) {
    let issuer = Issuer::start_with(kind, Setup::patient()).await;
    let operator = Operator::of(&issuer);
    operator.user("alice", &[]);
    let rp = operator.client(&issuer.at, &[]);
    let mut browser = Browser::new(&issuer);
    let first = rp.tokens(&mut browser, "alice").await;
    let second = rp.refresh(first.str("refresh_token")).await.ok();
    let retried = rp.refresh(first.str("refresh_token")).await.ok();
    let other = rp.tokens(&mut browser, "alice").await;
    let access = claims(second.str("access_token"));
    let jti =
        |answer: &crate::kit::actors::Answer| claims(answer.str("access_token"))["jti"].as_str().unwrap().to_owned();
    let (family, sid) = (access["family_id"].as_str().unwrap(), access["sid"].as_str().unwrap());

    let show = |value: &str| operator.json(&["lineage", "show", value]);
    let whole = show("alice");
    assert_eq!((&whole["user"]["username"], &whole["user"]["state"]), (&json!("alice"), &json!("active")));
    let session = &whole["sessions"][0];
    assert_eq!((&session["sid"], &session["state"]), (&json!(sid), &json!("active")));
    assert_eq!(session["families"].as_array().unwrap().len(), 2);
    for value in [sid, access["sub"].as_str().unwrap()] {
        assert_eq!(show(value), whole, "{value}");
    }

    let one = show(family);
    let tree = &one["sessions"][0]["families"];
    assert_eq!(tree.as_array().unwrap().len(), 1);
    assert_eq!((&tree[0]["state"], &tree[0]["generation"]), (&json!("live"), &json!(1)));
    let tokens = tree[0]["tokens"].as_array().unwrap();
    let found: Vec<_> = tokens.iter().map(|token| (token["generation"].clone(), token["jti"].clone())).collect();
    assert_eq!(found, [(json!(0), json!(jti(&first))), (json!(1), json!(jti(&second)))]);
    assert_eq!(tokens[1]["retried"][0]["jti"], jti(&retried));
    for value in [jti(&first), jti(&second), jti(&retried)] {
        assert_eq!(show(&value), one, "{value}");
    }
    for token in ["access_token", "refresh_token"] {
        let input = format!("{}\n", second.str(token));
        let by_token = operator.run_with(&["lineage", "show", "-", "--json"], &input).json();
        assert_eq!(by_token, one, "{token}");
    }

    // What is revoked shows by what; what ended shows why.
    let entry = operator.json(&["revoke", "token", &jti(&first)]);
    operator.json(&[
        "revoke",
        "family",
        claims(other.str("access_token"))["family_id"].as_str().unwrap(),
        "--reason",
        "lost",
    ]);
    let whole = show("alice");
    let families: Vec<&Value> = whole["sessions"][0]["families"].as_array().unwrap().iter().collect();
    let live = families.iter().find(|tree| tree["family_id"] == family).unwrap();
    assert_eq!(live["tokens"][0]["state"], "revoked");
    assert_eq!(live["tokens"][0]["revoked_by"], json!({ "kind": "jti", "seq": entry["seq"] }));
    assert_eq!(live["tokens"][1]["state"], "live");
    let ended = families.iter().find(|tree| tree["family_id"] != family).unwrap();
    assert_eq!((&ended["state"], &ended["end_reason"]), (&json!("ended"), &json!("lost")));
    assert_eq!(ended["tokens"][0]["revoked_by"]["kind"], "family");

    let text = operator.run(&["lineage", "show", &jti(&retried)]).ok().out;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[0].starts_with("user alice  active"), "{text}");
    assert!(lines[1].starts_with(&format!("└─ session {sid}  active")), "{text}");
    assert!(lines[2].starts_with(&format!("   └─ family {family}  live  Harbour Dashboard")), "{text}");
    assert!(lines[3].starts_with("      ├─ generation 0") && lines[3].contains("  revoked"), "{text}");
    assert!(lines[4].starts_with("      └─ generation 1") && lines[4].contains("  live"), "{text}");
    assert!(lines[5].starts_with("         └─ retry 1") && lines[5].ends_with("<- this one"), "{text}");
    operator.run(&["lineage", "show", "nobody"]).refused("in the rolls");
    issuer.stop().await;
}
