//! The guarded way out, through logout addresses (V056): where this server doesn't go, and what it doesn't take, though a client
//! names it.

use std::time::Duration;

use super::receiver::{Answers, Receiver};
use super::{SOON, issuer_with, notices, sign_out, told_at};
use crate::kit::actors::Browser;
use crate::kit::issuer::{Issuer, Kind, on_both};

on_both!(v056_no_logout_leads_into_a_private_network, v056_a_client_makes_this_server_follow_and_read_nothing);

/// Signs in and out at a client that is told at this address; what this server says of the attempt.
async fn said(issuer: &Issuer, uri: &str) -> String {
    let rp = told_at(issuer, uri).await;
    let mut browser = Browser::new(issuer);
    let tokens = rp.tokens(&mut browser, "alice").await;
    let answer = tokio::time::timeout(SOON, sign_out(issuer, &mut browser, tokens.str("id_token"))).await.unwrap();
    assert_eq!(answer.status, 303, "{uri}: {}", answer.text);
    let failed = async |issuer: &Issuer| notices(issuer, rp.id).await[0].said.is_some();
    issuer.until("it failed", failed).await;
    let notice = notices(issuer, rp.id).await.remove(0);
    assert_eq!(notice.done_at, None, "{uri}");
    notice.said.unwrap()
}

async fn v056_no_logout_leads_into_a_private_network(kind: Kind) {
    // As installed: nothing private, and no plain http at all. What stands in the row was registered under other settings.
    let issuer = issuer_with(kind, |config| config.fetch.allow_http = false).await;
    issuer.user("alice").await;
    let receiver = Receiver::new().await;
    for (uri, says) in [
        (receiver.uri.as_str(), "is not https"),
        ("https://127.0.0.1:8443/x", "loopback"),
        ("https://localhost:8443/x", "loopback"),
        ("https://10.0.0.1/x", "a private network"),
        ("https://169.254.169.254/latest", "link-local"),
        ("https://[::1]/x", "loopback"),
        ("https://[::ffff:127.0.0.1]/x", "disguise"),
        ("https://0x7f000001/x", ""),
        ("https://2130706433/x", ""),
        ("https://100.64.0.1/x", "a carrier's shared network"),
        ("https://[fd00::1]/x", "a private network"),
        ("https://0.0.0.0/x", "unspecified"),
    ] {
        let told = said(&issuer, uri).await;
        assert!(told.contains(says), "{uri}: {told}");
        assert!(!told.contains("HTTP 2"), "{uri}: {told}");
    }
    assert!(receiver.posts().is_empty());
}

async fn v056_a_client_makes_this_server_follow_and_read_nothing(kind: Kind) {
    let issuer = issuer_with(kind, |config| config.fetch.timeout = Duration::from_secs(1)).await;
    issuer.user("alice").await;
    let victim = Receiver::new().await;
    for (answers, says) in [
        (Answers::Redirect(victim.uri.clone()), "redirect"),
        (Answers::Endless, "too large"),
        (Answers::Encoded, "compressed"),
        (Answers::Never, "too long"),
    ] {
        let receiver = Receiver::that(std::slice::from_ref(&answers)).await;
        let told = said(&issuer, &receiver.uri).await;
        assert!(told.contains(says), "{answers:?}: {told}");
        assert!(!receiver.posts().is_empty());
    }
    assert!(victim.posts().is_empty(), "no redirect is followed");
}
