//! What clients register for logout: checked, shown, advertised.

use serde_json::Value;

use super::issuer;
use crate::kit::actors::http;
use crate::kit::issuer::{Issuer, Kind, on_both};
use crate::kit::operator::Operator;

on_both!(what_is_registered_is_checked_and_shown, v056_what_is_never_gone_to_is_not_registered);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_is_advertised() {
    let issuer = Issuer::start(Kind::Sqlite).await;
    let text = http().get(issuer.url("/.well-known/openid-configuration")).send().await.unwrap().text().await.unwrap();
    let metadata: Value = serde_json::from_str(&text).unwrap();
    for name in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
    ] {
        assert_eq!(metadata[name], true, "{name}");
    }
}

async fn what_is_registered_is_checked_and_shown(kind: Kind) {
    let issuer = issuer(kind).await;
    let operator = Operator::of(&issuer);
    let usual = ["client", "create", "--name", "Harbour", "--redirect-uri", "https://rp.test/cb"];
    let back = ["--backchannel-logout-uri", "https://rp.example.com/told", "--backchannel-logout-session-required"];
    let front = ["--frontchannel-logout-uri", "https://rp.test/out", "--frontchannel-logout-session-required"];
    let made = operator.json(&[&usual[..], &back, &front].concat());
    let id = made["client_id"].as_str().unwrap();
    let shown = operator.json(&["client", "show", id]);
    assert_eq!(shown["backchannel_logout_uri"], "https://rp.example.com/told");
    assert_eq!(shown["frontchannel_logout_uri"], "https://rp.test/out");
    assert_eq!(
        (&shown["backchannel_logout_session_required"], &shown["frontchannel_logout_session_required"]),
        (&true.into(), &true.into())
    );
    let text = operator.run(&["client", "show", id]).ok().out;
    assert!(text.contains("backchannel logout uri") && text.contains("https://rp.test/out"), "{text}");
    assert!(operator.run(&["client", "logouts", id]).ok().out.contains("none"));
    for (flags, says) in [
        (["--backchannel-logout-uri", "http://rp.test/told"], "--backchannel-logout-uri: "),
        (["--backchannel-logout-uri", "https://rp.test/told#x"], "backchannel_logout_uri"),
        (["--backchannel-logout-uri", "https://a:b@rp.test/told"], "--backchannel-logout-uri: "),
        (["--frontchannel-logout-uri", "https://evil.test/out"], "on the origin"),
        (["--frontchannel-logout-uri", "https://rp.test:444/out"], "on the origin"),
        (["--frontchannel-logout-uri", "https://rp.test/out#x"], "frontchannel_logout_uri"),
        (["--frontchannel-logout-uri", "javascript:alert(1)"], "frontchannel_logout_uri"),
    ] {
        operator.run(&[&usual[..], &flags].concat()).refused(says);
        operator.run(&[&["client", "update", id][..], &flags].concat()).refused(says);
    }
    // What the page is an origin of goes with the redirect URI it was of.
    operator.run(&["client", "update", id, "--redirect-uri", "https://other.test/cb"]).refused("on the origin");
    operator
        .run(&[&["client", "update", id][..], &["--backchannel-logout-uri", ""]].concat())
        .refused("of no use without");
    let off = ["--backchannel-logout-uri", "", "--backchannel-logout-session-required=false"];
    operator.run(&[&["client", "update", id][..], &off].concat()).ok();
    assert!(operator.run(&["client", "logouts", id]).ok().out.contains("told nothing"));
}

async fn v056_what_is_never_gone_to_is_not_registered(kind: Kind) {
    let issuer = issuer(kind).await;
    let operator = Operator::of(&issuer);
    let usual =
        ["client", "create", "--name", "Harbour", "--redirect-uri", "https://rp.test/cb", "--backchannel-logout-uri"];
    for uri in [
        "http://127.0.0.1:9/x",
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "https://[::1]/x",
        "https://0x7f000001/x",
        "https://2130706433/x",
    ] {
        operator.run(&[&usual[..], &[uri]].concat()).refused("this server would never go there");
    }
    assert!(operator.json(&["client", "list"]).as_array().unwrap().is_empty(), "nothing was written");
    operator
        .clone()
        .and("CHANCERY_FETCH__ALLOW_HTTP", "on")
        .run(&[&usual[..], &["http://127.0.0.1:8009/x"]].concat())
        .ok();
    operator.and("CHANCERY_FETCH__ALLOW", "10.0.0.0/8").run(&[&usual[..], &["https://10.0.0.1/x"]].concat()).ok();
}
